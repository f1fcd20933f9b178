// `sftpx keys`: who is let in by key, edited while servers come and go.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { jsonLines } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { makeFile } from "./trees.ts";

async function identityOf(scratch: Scratch, home: string): Promise<string> {
  const env = { SFTPX_HOME: scratch.path(home) };
  return JSON.parse((await scratch.run(["init", "--json"], { env })).stdout).identity;
}

Deno.test("keys authorize lets an identity in as far as it says, revoke shuts it out", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const client = { env: { SFTPX_HOME: scratch.path("client") } };
  const identity = await identityOf(scratch, "client");
  const added = await scratch.run(["keys", "authorize", identity, "ci", "--access", "write"]);
  assert.equal(added.code, 0, added.stderr);
  const keys = ["--authorized-keys", scratch.path("home/authorized_keys")];
  const server = await scratch.serve("root", keys);
  const sent = await scratch.transfer(["send", "f", server.url("f")], client);
  assert.equal(sent.code, 0, sent.stderr);
  const read = await scratch.transfer(["get", server.url("f"), "got"], client);
  assert.equal(read.code, 12, read.stderr);
  await server.stop();
  assert.equal((await scratch.run(["keys", "revoke", identity])).code, 0);
  const after = await scratch.serve("root", keys);
  const refused = await scratch.transfer(["send", "f", after.url("f")], client);
  assert.equal(refused.code, 12, refused.stderr);
  assert.equal((await scratch.run(["keys", "revoke", identity])).code, 1);
});

Deno.test("keys keeps what a person wrote into the files", async () => {
  await using scratch = await Scratch.open();
  const [a, b] = [await identityOf(scratch, "a"), await identityOf(scratch, "b")];
  assert.equal((await scratch.run(["keys", "authorize", a])).code, 0);
  const path = scratch.path("home/authorized_keys");
  await fs.writeFile(path, `# my servers\n\nread   ${a}   laptop at home`);
  assert.equal((await scratch.run(["keys", "authorize", b, "the", "runner"])).code, 0);
  assert.equal(
    await fs.readFile(path, "utf8"),
    `# my servers\n\nread   ${a}   laptop at home\n${b} the runner\n`,
  );
  const { stdout } = await scratch.run(["keys", "--json"]);
  const listed = jsonLines(stdout).filter((line) => line["role"] === "authorized");
  assert.deepEqual(listed.map(({ identity, access, comment }) => [identity, access, comment]), [
    [a, "read", "laptop at home"],
    [b, "both", "the runner"],
  ]);
});

Deno.test("keys refuses a damaged file and names its line, and never rewrites it", async () => {
  await using scratch = await Scratch.open();
  const identity = await identityOf(scratch, "a");
  assert.equal((await scratch.run(["keys", "trust", "one.example", identity])).code, 0);
  const path = scratch.path("home/known_hosts");
  const damaged = `one.example:4443 ${identity}\nnot a host\n`;
  await fs.writeFile(path, damaged);
  for (
    const args of [["keys"], ["keys", "trust", "two.example", identity], [
      "keys",
      "forget",
      "one.example",
    ]]
  ) {
    const { code, stderr } = await scratch.run(args);
    assert.notEqual(code, 0);
    assert.match(stderr, /line 2/);
  }
  assert.equal(await fs.readFile(path, "utf8"), damaged);
});

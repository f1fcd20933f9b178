// A client that meets a server for the first time, and one whose server is not the one it was: on a
// terminal and off it.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { hasPseudoTerminals, PseudoTerminal } from "./pseudo_terminal.ts";
import { Scratch, type Server } from "./sftpx_process.ts";
import { makeFile } from "./trees.ts";

/** A server that lets this scratch's user in by key, under an identity of its own. */
async function serveByKey(
  scratch: Scratch,
  { home = "server-home", listen = "127.0.0.1:0" }: { home?: string; listen?: string } = {},
): Promise<Server> {
  const { identity } = JSON.parse((await scratch.run(["init", "--json"])).stdout);
  await fs.writeFile(scratch.path("keys"), `${identity} me\n`);
  const keys = ["--authorized-keys", scratch.path("keys")];
  return await scratch.serve("root", keys, { listen, env: { SFTPX_HOME: scratch.path(home) } });
}

function bare(server: Server, path: string): string {
  return `sftpx://127.0.0.1:${server.port}/${path}`;
}

async function knownHosts(scratch: Scratch): Promise<string | null> {
  return await fs.readFile(scratch.path("home/known_hosts"), "utf8").catch(() => null);
}

/** Runs a line that the tool said should be pasted. */
async function paste(scratch: Scratch, line = "") {
  const words = line.split(" ");
  assert.equal(words[0], "sftpx", line);
  const { code, stderr } = await scratch.run(words.slice(1));
  assert.equal(code, 0, stderr);
}

Deno.test("off a terminal an unknown server is refused, with the line to paste", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await serveByKey(scratch);
  const refused = await scratch.transfer(["send", "f", bare(server, "f")]);
  assert.equal(refused.code, 11, refused.stderr);
  assert.equal(refused.summary.error?.code, "identity_unknown");
  const [line] = refused.summary.error?.message.match(/sftpx keys trust .*$/) ?? [];
  assert.equal(line, `sftpx keys trust 127.0.0.1:${server.port} ${server.identity}`);
  assert.equal(await knownHosts(scratch), null);
  await assert.rejects(fs.stat(scratch.path("root/f")));
  const elsewhere = ["--known-hosts", "my hosts; x"];
  const listed = await scratch.run(["ls", bare(server, ""), ...elsewhere]);
  assert.ok(listed.stderr.includes(`${line} --known-hosts 'my hosts; x'\n`), listed.stderr);
  await paste(scratch, line);
  const sent = await scratch.transfer(["send", "f", bare(server, "f")]);
  assert.equal(sent.code, 0, sent.stderr);
  const got = await scratch.transfer(["get", bare(server, "f"), "got"]);
  assert.equal(got.code, 0, got.stderr);
  // The server let nobody in before, and nothing of the client was told to it.
  const peers = server.running.lines.filter((event) => event.event === "peer");
  assert.equal(peers.length, 2);
});

Deno.test("off a terminal a server that is not there is unreachable, known or not", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await serveByKey(scratch);
  await server.stop();
  for (const url of [bare(server, "f"), "sftpx://nowhere.invalid/f"]) {
    const lost = await scratch.transfer(["send", "f", url, "--timeout", "2s"]);
    assert.equal(lost.code, 10, lost.stderr);
    assert.equal(lost.summary.error?.code, "unreachable");
    assert.doesNotMatch(lost.stderr, /keys trust/);
  }
});

Deno.test("a known server that is another one now is refused loudly", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("secret"), "secret");
  const first = await serveByKey(scratch);
  await paste(scratch, `sftpx keys trust 127.0.0.1:${first.port} ${first.identity}`);
  await first.stop();
  const listen = `127.0.0.1:${first.port}`;
  const other = await serveByKey(scratch, { home: "other-home", listen });
  assert.notEqual(other.identity, first.identity);
  const refused = await scratch.transfer(["send", "secret", bare(other, "secret")]);
  assert.equal(refused.code, 11, refused.stderr);
  assert.equal(refused.summary.error?.code, "identity_mismatch");
  assert.match(refused.stderr, /IS NOT THE ONE IT WAS/);
  assert.match(refused.stderr, /known_hosts line 1 says/);
  assert.equal(other.running.lines.some((line) => line.event === "peer"), false);
  await assert.rejects(fs.stat(scratch.path("root/secret")));
  // The same for a listing, which is no transfer.
  const listed = await scratch.run(["ls", bare(other, "")]);
  assert.equal(listed.code, 11, listed.stderr);
  assert.match(listed.stderr, /IS NOT THE ONE IT WAS/);
  // If the change was meant, the lines shown accept it.
  const lines = refused.stderr.match(/^ {2}sftpx keys .*$/gm)?.map((line) => line.trim()) ?? [];
  assert.equal(lines.length, 2, refused.stderr);
  for (const line of lines) await paste(scratch, line);
  const sent = await scratch.transfer(["send", "secret", bare(other, "secret")]);
  assert.equal(sent.code, 0, sent.stderr);
});

Deno.test("a pin, and an identity in the URL, answer before anybody is asked", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await serveByKey(scratch);
  const pinned = ["send", "f", bare(server, "f"), "--pin", server.identity];
  assert.equal((await scratch.transfer(pinned)).code, 0);
  assert.equal((await scratch.transfer(["get", server.url("f"), "got"])).code, 0);
  assert.equal(await knownHosts(scratch), null);
});

Deno.test({
  name: "on a terminal the question is asked in plain words, and yes is remembered",
  ignore: !hasPseudoTerminals,
  fn: async () => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    const server = await serveByKey(scratch);
    {
      await using terminal = PseudoTerminal.open(scratch, ["send", "f", bare(server, "f")]);
      await terminal.said("anything else to stop");
      const screen = terminal.screen.join(" ").replace(/\s+/g, "");
      assert.ok(screen.includes(server.identity), screen);
      assert.equal(await knownHosts(scratch), null);
      terminal.type("yes");
      assert.equal(await terminal.ended, 0, terminal.text);
    }
    const line = `127.0.0.1:${server.port} ${server.identity}\n`;
    assert.equal(await knownHosts(scratch), line);
    assert.equal(await fs.readFile(scratch.path("root/f"), "utf8"), "f");
    await using again = PseudoTerminal.open(scratch, ["ls", bare(server, "")]);
    assert.equal(await again.ended, 0, again.text);
    assert.doesNotMatch(again.text, /not known here/);
    assert.equal(await knownHosts(scratch), line);
  },
});

Deno.test({
  name: "on a terminal any other answer stops, and so does Ctrl-C",
  ignore: !hasPseudoTerminals,
  fn: async (t) => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    const server = await serveByKey(scratch);
    const command = ["send", "f", bare(server, "f")];
    await t.step("no", async () => {
      await using terminal = PseudoTerminal.open(scratch, command);
      await terminal.said("anything else to stop");
      terminal.type("no");
      assert.equal(await terminal.ended, 11, terminal.text);
    });
    await t.step("Ctrl-C", async () => {
      await using terminal = PseudoTerminal.open(scratch, command);
      await terminal.said("anything else to stop");
      terminal.interrupt();
      assert.equal(await terminal.ended, 130, terminal.text);
    });
    assert.equal(await knownHosts(scratch), null);
    await assert.rejects(fs.stat(scratch.path("root/f")));
    assert.equal(server.running.lines.some((line) => line.event === "peer"), false);
  },
});

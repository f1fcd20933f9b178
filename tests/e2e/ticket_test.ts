// Standing tickets: made beside a server, before it or without it, scoped, listed and revoked.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { jsonLines } from "./json_output.ts";
import { Scratch, type Server } from "./sftpx_process.ts";
import { file, makeFile, makeTree } from "./trees.ts";

async function openWith() {
  const scratch = await Scratch.open();
  await makeTree(scratch.path("root"), {
    "photos/a.jpg": file("a"),
    "photos/b.jpg": file("b"),
    "secret": file("s"),
  });
  await makeFile(scratch.path("f"), "f");
  return scratch;
}

/** A ticket for a running server, and its id. */
async function ticketFor(scratch: Scratch, server: Server, args: readonly string[] = []) {
  const advertise = ["--advertise", `127.0.0.1:${server.port}`];
  const command = ["ticket", ...args, ...advertise, "--json", scratch.path("root")];
  const { code, stdout, stderr } = await scratch.run(command);
  assert.equal(code, 0, stderr);
  const line = jsonLines(stdout).find((item) => item.event === "ticket");
  return { ticket: String(line?.["ticket"]), id: String(line?.["id"]) };
}

Deno.test("a ticket made beside a running server opens its place and nothing else", async (t) => {
  await using scratch = await openWith();
  const server = await scratch.serve("root", ["--no-ticket"]);
  await t.step("to read a directory", async () => {
    const { ticket } = await ticketFor(scratch, server, ["--path", "photos", "--access", "read"]);
    const got = await scratch.transfer(["get", `${ticket}/`, "got"]);
    assert.equal(got.code, 0, got.stderr);
    assert.deepEqual((await fs.readdir(scratch.path("got"))).sort(), ["a.jpg", "b.jpg"]);
    const outside = await scratch.transfer(["get", `${ticket}/secret`, "stolen"]);
    assert.equal(outside.code, 1, outside.stderr);
    const sent = await scratch.transfer(["send", "f", ticket]);
    assert.equal(sent.code, 12, sent.stderr);
    assert.equal(sent.summary.error?.code, "refused");
  });
  await t.step("to read one file", async () => {
    const scope = ["--path", "photos/a.jpg", "--access", "read"];
    const { ticket } = await ticketFor(scratch, server, scope);
    const got = await scratch.transfer(["get", ticket, "one.jpg"]);
    assert.equal(got.code, 0, got.stderr);
    assert.equal(await fs.readFile(scratch.path("one.jpg"), "utf8"), "a");
    const listed = await scratch.run(["ls", ticket]);
    assert.equal(listed.stdout, "a.jpg\n", listed.stderr);
  });
  await t.step("to write into a place that is not there yet", async () => {
    const { ticket } = await ticketFor(scratch, server, ["--path", "in/box", "--access", "write"]);
    const sent = await scratch.transfer(["send", "f", ticket]);
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal(await fs.readFile(scratch.path("root/in/box/f"), "utf8"), "f");
  });
});

Deno.test("a ticket reaches a running server where the server says that it is", async (t) => {
  const cases = [
    { name: "on loopback alone", args: [], advertise: [] },
    { name: "as it advertises itself", args: ["--advertise", "localhost"], advertise: [] },
    { name: "at its port", args: ["--advertise", "h.invalid"], advertise: ["127.0.0.1"] },
  ];
  for (const { name, args, advertise } of cases) {
    await t.step(name, async () => {
      await using scratch = await openWith();
      const server = await scratch.serve("root", args);
      const flags = advertise.flatMap((host) => ["--advertise", host]);
      const made = await scratch.run(["ticket", ...flags, scratch.path("root")]);
      assert.equal(made.code, 0, made.stderr);
      assert.match(made.stderr, new RegExp(`:${server.port}$`, "m"));
      const sent = await scratch.transfer(["send", "f", made.stdout.trim()]);
      assert.equal(sent.code, 0, sent.stderr);
    });
  }
});

Deno.test("a counted ticket is used up, and list says so", async () => {
  await using scratch = await openWith();
  const server = await scratch.serve("root", ["--no-ticket"]);
  const { ticket, id } = await ticketFor(scratch, server, ["--uses", "1"]);
  assert.equal((await scratch.transfer(["send", "f", `${ticket}/1`])).code, 0);
  const again = await scratch.transfer(["send", "f", `${ticket}/2`], {
    env: { SFTPX_HOME: scratch.path("someone-else") },
  });
  assert.equal(again.code, 12, again.stderr);
  assert.match(again.summary.error?.message ?? "", /used/);
  const { stdout } = await scratch.run(["ticket", "list", "--json"]);
  const line = jsonLines(stdout).find((item) => item["id"] === id);
  assert.deepEqual([line?.["state"], line?.["usesLeft"]], ["used", 0]);
  assert.ok(!stdout.includes(ticket.slice(70, 90)));
});

Deno.test("a revoked ticket opens nothing from then on", async () => {
  await using scratch = await openWith();
  const server = await scratch.serve("root", ["--no-ticket"]);
  const { ticket, id } = await ticketFor(scratch, server);
  assert.equal((await scratch.transfer(["send", "f", ticket])).code, 0);
  const revoked = await scratch.run(["ticket", "revoke", id.slice(0, 6)]);
  assert.equal(revoked.code, 0, revoked.stderr);
  const refused = await scratch.transfer(["send", "f", ticket]);
  assert.equal(refused.code, 12, refused.stderr);
  assert.match(refused.summary.error?.message ?? "", /revoked/);
  const twice = await scratch.run(["ticket", "revoke", "ffff"]);
  assert.equal(twice.code, 2, twice.stderr);
});

Deno.test("a ticket made before its server runs outlives a clean stop of it", async () => {
  await using scratch = await openWith();
  const first = await scratch.serve("root", ["--no-ticket"]);
  const { ticket } = await ticketFor(scratch, first);
  assert.equal((await first.stop()).code, 0);
  const gone = await scratch.transfer(["send", "f", ticket, "--timeout", "2s"]);
  assert.equal(gone.code, 10, gone.stderr);
  await scratch.serve("root", ["--no-ticket"], { listen: `127.0.0.1:${first.port}` });
  const sent = await scratch.transfer(["send", "f", ticket]);
  assert.equal(sent.code, 0, sent.stderr);
});

Deno.test("ticket prints the ticket alone, and finds the port of the running server", async () => {
  await using scratch = await openWith();
  const server = await scratch.serve("root", ["--no-ticket"], { listen: "[::]:0" });
  const { code, stdout, stderr } = await scratch.run(["ticket", scratch.path("root")]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^sftpx1[a-z2-7]+\n$/);
  assert.match(stderr, new RegExp(`:${server.port}\\b`));
  assert.ok(!stderr.includes(stdout.trim().slice(70, 90)), "the ticket is on stdout only");
  const sent = await scratch.transfer(["send", "f", "@"], {
    env: { SFTPX_TICKET: stdout.trim() },
  });
  assert.equal(sent.code, 0, sent.stderr);
});

Deno.test("ticket refuses what could never be used, as a usage error", async () => {
  await using scratch = await openWith();
  await fs.symlink("photos", scratch.path("root/pictures"));
  const root = scratch.path("root");
  for (
    const [args, text] of [
      [[scratch.path("absent")], /nothing of that name/],
      [[scratch.path("f")], /no directory/],
      [["--path", "absent", "--access", "read", root], /nothing of that name/],
      [["--path", "secret", root], /--access read only/],
      [["--path", "pictures", "--access", "read", root], /a link stands on the way/],
      [["--path", "../x", root], /--path/],
    ] as const
  ) {
    const { code, stdout, stderr } = await scratch.run(["ticket", ...args]);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, text);
  }
});

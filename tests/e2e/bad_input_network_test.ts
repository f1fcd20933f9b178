// Servers that cannot be reached, are not the right ones, or let nobody in with what was shown: each is
// answered within --timeout, and says what to try.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { lastingPort } from "../one_port.ts";
import { expectBad } from "./bad_input.ts";
import { jsonLines } from "./json_output.ts";
import { Scratch, SilentPort } from "./sftpx_process.ts";
import { makeFile } from "./trees.ts";

const STRANGER = "a".repeat(51) + "q";
/** More than a start takes on a busy machine; much less than the time without `--timeout`. */
const GRACE_MS = 20_000;

Deno.test("nobody answers: every command that connects says so within --timeout", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const silent = await SilentPort.open();
  const closed = await lastingPort();
  const places: Record<string, readonly [string, RegExp]> = {
    "a silent port": [`127.0.0.1:${silent.port}`, /no answer within 1 s; .* firewall drops UDP/],
    "a closed port": [`127.0.0.1:${closed}`, /no answer within 1 s; either no sftpx serves there/],
    "a name that nobody has": ["no-such-host.invalid", /no-such-host\.invalid/],
  };
  try {
    for (const [what, [host, message]] of Object.entries(places)) {
      const url = `sftpx://${STRANGER}@${host}/x`;
      const commands = [["send", "f", url], ["get", url, "got"], ["ls", url], ["bench", url]];
      for (const args of what === "a silent port" ? commands : commands.slice(0, 1)) {
        await t.step(`${what}: ${args[0]}`, async () => {
          const startMs = performance.now();
          const timed = [...args, "--timeout", "1s"];
          const { stderr } = await expectBad(scratch, timed, { code: "unreachable", message });
          assert.match(stderr, /Check the address, and that UDP or TCP reaches the port/);
          assert.ok(performance.now() - startMs < GRACE_MS);
        });
      }
    }
  } finally {
    silent.close();
  }
  await assert.rejects(fs.stat(scratch.path("got")), "nothing is made for what never came");
});

Deno.test("an address that is none is a usage error", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const wrong: Record<string, RegExp> = {
    "0.0.0.0": /0\.0\.0\.0 is nowhere to reach, write 127\.0\.0\.1 for this machine/,
    "[::]": /:: is nowhere to reach/,
    "127.0.0.1:0": /port 0 is nowhere to reach/,
    "127.0.0.1:65536": /the port is not a number up to 65535/,
    "a_b!": /the host has characters that no host name has/,
  };
  for (const [host, message] of Object.entries(wrong)) {
    const url = `sftpx://${STRANGER}@${host}/x`;
    await expectBad(scratch, ["send", "f", url], { code: "usage", message });
  }
});

Deno.test("serve names the port that is taken, and what else stands in its way", async () => {
  await using scratch = await Scratch.open();
  const server = await scratch.serve("root");
  const listen = (place: string) => ["serve", "other", "--listen", place];
  await expectBad(scratch, listen(`127.0.0.1:${server.port}`), {
    code: "io",
    message: new RegExp(`UDP port ${server.port} is taken; stop what has it, or listen on another`),
  });
  await expectBad(scratch, ["serve", "root", "--listen", "127.0.0.1:0"], {
    code: "busy",
    message: /another process serves it/,
  });
  await expectBad(scratch, listen("no-such-host.invalid:0"), { code: "io", message: /./ });
  await expectBad(scratch, listen("4443"), { code: "usage", message: /write HOST:PORT/ });
});

Deno.test("what an impostor is told, it is told of by us, not by itself", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  const url = `sftpx://${STRANGER}@127.0.0.1:${server.port}`;
  for (
    const args of [["send", "f", url], ["get", `${url}/f`, "got"], ["ls", url], ["bench", url]]
  ) {
    const { stderr } = await expectBad(scratch, args, {
      code: "identity_mismatch",
      message: new RegExp(`does not prove the pinned identity ${STRANGER}$`),
    });
    assert.match(stderr, /Someone may be impersonating the server/);
    assert.doesNotMatch(stderr, /told by the peer/);
  }
});

Deno.test("a ticket that opens nothing says why", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  await fs.mkdir(scratch.path("elsewhere"));
  const server = await scratch.serve("root");
  const ticketFor = async (root: string, ...scope: readonly string[]) => {
    const at = ["--advertise", `127.0.0.1:${server.port}`];
    const made = await scratch.run(["ticket", "create", root, ...at, ...scope]);
    assert.equal(made.code, 0, made.stderr);
    return made.stdout.trim();
  };
  const refused = async (ticket: string, message: RegExp) => {
    for (const args of [["send", "f", ticket], ["ls", ticket]]) {
      const { stderr } = await expectBad(scratch, args, { code: "refused", message });
      assert.match(stderr, /Ask whoever runs the server/);
    }
  };
  await t.step("used up", async () => {
    const ticket = await ticketFor("root", "--uses", "1");
    const sent = await scratch.run(["send", "f", ticket]);
    assert.equal(sent.code, 0, sent.stderr);
    await refused(ticket, /it is used up/);
  });
  await t.step("expired", async () => {
    const ticket = await ticketFor("root", "--expires", "1s");
    const isOver = async () =>
      (await scratch.run(["ticket", "list", "root"])).stdout.includes("expired");
    while (!await isOver());
    await refused(ticket, /it has expired/);
  });
  await t.step("revoked", async () => {
    const ticket = await ticketFor("root");
    const listed = jsonLines((await scratch.run(["ticket", "list", "root", "--json"])).stdout);
    const made = listed.filter((line) => line.event === "ticket").at(-1);
    const revoked = await scratch.run(["ticket", "revoke", String(made?.["id"])]);
    assert.equal(revoked.code, 0, revoked.stderr);
    await refused(ticket, /it was revoked/);
  });
  await t.step("of another root", async () => {
    await refused(await ticketFor("elsewhere"), /it is unknown here/);
  });
  await t.step("ended with its server", async () => {
    const { ticket, port } = server;
    await server.stop();
    await scratch.serve("root", [], { listen: `127.0.0.1:${port}` });
    await refused(ticket, /it ended/);
  });
  await t.step("mangled", async () => {
    const good = server.ticket;
    const other = (letter: string) => letter === "a" ? "b" : "a";
    for (let at = 6; at < good.length; at += 16) {
      const bad = good.slice(0, at) + other(good[at]!) + good.slice(at + 1);
      await expectBad(scratch, ["send", "f", bad], {
        code: "usage",
        message: /^Cannot read ticket/,
      });
    }
    for (const cut of [good.slice(0, -1), good.slice(0, 40), `${good}a`]) {
      await expectBad(scratch, ["send", "f", cut], {
        code: "usage",
        message: /^Cannot read ticket/,
      });
    }
  });
});

// What a command says while its server is away: one line to a person, events to a program, and nothing
// to whom wants nothing.

import assert from "node:assert/strict";
import { hasPseudoTerminals, PseudoTerminal } from "./pseudo_terminal.ts";
import { type Running, Scratch } from "./sftpx_process.ts";
import { transferOf } from "./json_output.ts";
import { Line, SLOW_BYTES_PER_SECOND, wideTicket } from "./line.ts";
import { SLOWLY } from "./slowly.ts";
import { makeFile, prose } from "./trees.ts";

const MiB = 2 ** 20;
const LOSS = /^! lost the server: .*; looking for it for up to \d+ s$/gm;

Deno.test("a server that was killed and comes back costs one line, told as it was asked for", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), prose(10 * MiB));
  const server = await scratch.serve("root");
  const env = { SFTPX_TICKET: server.ticket };
  const send = (to: string, ...more: string[]) =>
    scratch.start(["send", "f", `@/${to}`, ...SLOWLY, "--json", ...more], { env });
  const [plain, loud, quiet] = [send("a"), send("b", "--verbose"), send("c", "--quiet")];
  await Promise.all([plain, loud, quiet].map(async (running) => {
    await hasStored(running);
    // The first waits for the last: it would be through before.
    running.kill("SIGSTOP");
  }));
  server.running.kill("SIGKILL");
  await server.running.ended;
  for (const running of [plain, loud, quiet]) running.kill("SIGCONT");
  await scratch.serve("root", [], { listen: `127.0.0.1:${server.port}` });
  const [told, toldMore, toldNothing] = await Promise.all(
    [plain, loud, quiet].map(async (running) => transferOf(await running.ended)),
  );
  for (const { code, stderr } of [told!, toldMore!, toldNothing!]) assert.equal(code, 0, stderr);

  await t.step("one line, and a word in the last one", () => {
    const { stderr } = told!;
    assert.equal(stderr.match(LOSS)?.length, 1, stderr);
    assert.doesNotMatch(stderr, /reconnected after|error|warning/);
    assert.match(stderr, /^✓ 1 file, 10\.5 MB .*\(.*reconnected once\)$/m);
  });
  await t.step("--verbose tells that it is over", () => {
    const { stderr } = toldMore!;
    assert.equal(stderr.match(LOSS)?.length, 1, stderr);
    assert.match(stderr, /^reconnected after \S+ m?s$/m);
  });
  await t.step("--quiet says nothing", () => assert.equal(toldNothing!.stderr, ""));
  await t.step("JSON has the loss and its end, between a start and a summary", () => {
    for (const { lines, summary } of [told!, toldMore!, toldNothing!]) {
      const events = lines.map(({ event }) => event).filter((event) => event !== "progress");
      const once = ["start", "reconnecting", "reconnected", "summary"];
      assert.deepEqual(events.filter((event) => once.includes(event)), once);
      assert.equal(summary["reconnects"], 1);
      const lost = lines.find(({ event }) => event === "reconnecting")!;
      assert.equal(lost["code"], "lost");
      assert.ok(Number(lost["withinMs"]) > 0 && Number(lost["withinMs"]) <= 30_000);
      const found = lines.find(({ event }) => event === "reconnected")!;
      assert.equal(found["address"], `127.0.0.1:${server.port}`);
      assert.ok(Number(found["seconds"]) > 0 && Number(found["seconds"]) < 30);
      for (const field of ["bytesDone", "filesDone", "wireBytes", "reusedBytes"]) {
        const values = lines.flatMap((line) =>
          line.event === "progress" ? Number(line[field]) : []
        );
        assert.deepEqual(values, values.toSorted((a, b) => a - b), field);
      }
    }
  });
});

Deno.test("a server that stays away ends the command with 20, and with what to do", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), prose(10 * MiB));
  const server = await scratch.serve("root");
  const env = { SFTPX_TICKET: server.ticket };
  const running = scratch.start(["send", "f", "@", ...SLOWLY, "--json", "--timeout", "3s"], {
    env,
  });
  await hasStored(running);
  server.running.kill("SIGKILL");
  const { code, stderr, lines, summary } = transferOf(await running.ended);
  assert.equal(code, 20, stderr);
  assert.equal(summary.error?.code, "lost");
  assert.equal(lines.filter(({ event }) => event === "reconnecting").length, 1);
  assert.equal(lines.some(({ event }) => event === "reconnected"), false);
  assert.equal(summary["reconnects"], 0);
  assert.match(stderr, /^! lost the server: .*; looking for it for up to \d+ s$/m);
  assert.match(stderr, /^error: .*\n {2}Run the same command again: it resumes\.$/m);
});

Deno.test("a second transfer of the same place waits, says so, and takes over what is there", async () => {
  await using line = await Line.open("send");
  const first = await line.startToMiddle();
  // However long the second takes to come, the first is still at it.
  line.relay.narrow(SLOW_BYTES_PER_SECOND);
  const second = line.scratch.start(["send", "from/big", `${await wideTicket(line)}/copy`], {
    env: { SFTPX_HOME: line.scratch.path("other") },
  });
  await second.said("the transfer has to wait");
  line.relay.narrow(null);
  await line.arrives(first);
  const { code, stderr } = await second.ended;
  assert.equal(code, 0, stderr);
  const waits = /^! the transfer has to wait: .* "copy"; trying again for up to \d+ s$/gm;
  assert.equal(stderr.match(waits)?.length, 1, stderr);
});

Deno.test({
  name:
    "a terminal shows that it reconnects, and goes on (where script of util-linux is installed)",
  ignore: !hasPseudoTerminals,
  fn: async () => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), prose(10 * MiB));
    const server = await scratch.serve("root");
    await using terminal = PseudoTerminal.open(scratch, [
      "send",
      "f",
      "@",
      ...SLOWLY,
    ], {
      env: { SFTPX_TICKET: server.ticket, NO_COLOR: "1" },
      columns: 120,
    });
    await terminal.said(/sending.* [1-9]\d*%/);
    server.running.kill("SIGKILL");
    await server.running.ended;
    await terminal.said(/reconnecting.*\d+%.*of 10\.5 MB/);
    await scratch.serve("root", [], { listen: `127.0.0.1:${server.port}` });
    assert.equal(await terminal.ended, 0, terminal.text);
    const lines = terminal.screen.filter((line) => line !== "");
    assert.equal(lines.length, 3, lines.join("\n"));
    assert.match(lines[1]!, /^! lost the server: .*; looking for it for up to \d+ s$/);
    assert.match(lines[2]!, /^✓ 1 file, 10\.5 MB .*reconnected once\)$/);
  },
});

/** Waits until something was stored, and told of more than once. */
async function hasStored(running: Running): Promise<void> {
  await running.until((lines) =>
    lines.filter(({ event, bytesDone }) => event === "progress" && Number(bytesDone) > 0).length > 1
  );
}

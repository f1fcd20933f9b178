// Two transfers that want the same place: the second waits, and is served or refused; never a mix. What
// goes to other names is not held up, and who was killed holds nothing.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { assertBad } from "./bad_input.ts";
import { type Transfer, transferOf } from "./json_output.ts";
import {
  bothWays,
  eventsOf,
  FROM,
  Line,
  shown,
  SLOW_BYTES_PER_SECOND,
  told,
  wideTicket,
} from "./line.ts";
import { assertUndisturbed } from "./losses.ts";
import type { Running } from "./sftpx_process.ts";
import { digestOf, file, makeFile, makeTree, noise } from "./trees.ts";

const MiB = 2 ** 20;
/** A start and a busy machine; well below what a server takes to miss a client by itself. */
const AT_ONCE_MS = 12_000;
const OTHER = noise(MiB, "another version");

Deno.test("the second of two waits for --timeout, and is refused while the first runs on", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way);
    const first = await line.startToMiddle();
    // It would be done before: as slow as a day is long.
    line.relay.narrow(SLOW_BYTES_PER_SECOND);
    const second = transferOf(await (await startSecond(line, { timeout: "3s" })).ended);
    assertBad(second, "busy", /another|is receiving it/);
    assert.equal(second.code, 1);
    assertWaited(second);
    assert.equal(second.summary.wireBytes, 0, shown(second));
    line.relay.narrow(null);
    assertUndisturbed(await line.arrives(first));
  });
});

Deno.test("the second of two is served when the first ends in time, and its version stands", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way);
    const first = await line.startToMiddle();
    line.relay.narrow(SLOW_BYTES_PER_SECOND);
    const waiting = await startSecond(line, { timeout: "40s" });
    await told(waiting, "reconnecting");
    line.relay.narrow(null);
    assertUndisturbed(await line.arrives(first));
    const second = transferOf(await waiting.ended);
    assert.equal(second.code, 0, shown(second));
    assertWaited(second);
    await assertOther(line);
  });
});

Deno.test("one that waits may be stopped, and disturbs nobody", async () => {
  await using line = await Line.open("send");
  const first = await line.startToMiddle();
  line.relay.narrow(SLOW_BYTES_PER_SECOND);
  const waiting = await startSecond(line, { timeout: "50s" });
  await told(waiting, "reconnecting");
  waiting.kill("SIGINT");
  assert.equal((await waiting.ended).code, 130);
  line.relay.narrow(null);
  assertUndisturbed(await line.arrives(first));
});

Deno.test("a directory and what goes into it are one place", async () => {
  await using line = await Line.open("send");
  const first = await line.startToMiddle(["send", "from/big", `${line.server.ticket}/dir/copy`]);
  line.relay.narrow(SLOW_BYTES_PER_SECOND);
  await makeTree(line.scratch.path("other"), { "dir/copy": file(OTHER) });
  const args = ["send", "other/dir", await wideTicket(line), "--timeout", "3s"];
  const second = await line.scratch.transfer(args);
  assertBad(second, "busy", /another|is receiving it/);
  line.relay.narrow(null);
  const done = transferOf(await first.ended);
  assert.equal(done.code, 0, shown(done));
  const again = await line.scratch.transfer(args);
  assert.equal(again.code, 0, shown(again));
  assert.deepEqual([...await fs.readFile(line.scratch.path("root/dir/copy"))], [...OTHER]);
});

Deno.test("different names side by side do not hold each other up", async () => {
  await using line = await Line.open("send");
  const first = await line.startToMiddle();
  line.relay.narrow(SLOW_BYTES_PER_SECOND);
  const other = transferOf(
    await (await startSecond(line, { timeout: "5s", name: "copy2" })).ended,
  );
  assert.equal(other.code, 0, shown(other));
  assertUndisturbed(other, OTHER.length);
  line.relay.narrow(null);
  assertUndisturbed(await line.arrives(first));
  await assertOther(line, "copy2");
});

Deno.test("the one that was killed holds nothing: the same command goes on at once", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way);
    const first = await line.startJournalled();
    line.relay.narrow(null);
    const startMs = performance.now();
    first.kill("SIGKILL");
    const again = line.start();
    await again.line(({ event, wireBytes }) => event === "progress" && Number(wireBytes) > 0);
    assert.ok(performance.now() - startMs < AT_ONCE_MS, `${performance.now() - startMs} ms`);
    const { summary } = await line.arrives(again);
    assert.ok(summary.reusedBytes > 0);
  });
});

Deno.test("the one that was killed holds nothing: another's goes on by itself", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way);
    const first = await line.startToMiddle();
    line.relay.narrow(SLOW_BYTES_PER_SECOND);
    const waiting = await startSecond(line, { timeout: "50s" });
    await told(waiting, "reconnecting");
    const killedMs = performance.now();
    first.kill("SIGKILL");
    const second = transferOf(await waiting.ended);
    assert.equal(second.code, 0, shown(second));
    assert.ok(performance.now() - killedMs < AT_ONCE_MS, `${performance.now() - killedMs} ms`);
    await assertOther(line);
  });
});

Deno.test("of many at once each is whole or refused, and what stands is one of them", async () => {
  await using line = await Line.open("send");
  const versions = Array.from({ length: 4 }, (_, at) => noise(2 * MiB, `version ${at}`));
  const runs: Running[] = [];
  for (const [at, content] of versions.entries()) {
    await makeFile(line.scratch.path(`v${at}/big`), content);
    const args = ["send", `v${at}/big`, `${line.server.ticket}/copy`, "--timeout", "40s"];
    runs.push(line.start(args, { env: { SFTPX_HOME: line.scratch.path(`home${at}`) } }));
  }
  const ends = (await Promise.all(runs.map((run) => run.ended))).map(transferOf);
  for (const end of ends) assert.equal(end.code, 0, shown(end));
  const stands = await digestOf(line.result);
  const whole = await Promise.all(
    versions.map((_, at) => digestOf(line.scratch.path(`v${at}/big`))),
  );
  assert.ok(whole.includes(stands), "a mix of two");
});

/** Another user's command for the same place and another version, by a way that is not narrow. */
async function startSecond(
  line: Line,
  { timeout, name = "copy" }: { readonly timeout: string; readonly name?: string },
): Promise<Running> {
  const { way, scratch } = line;
  await makeFile(scratch.path(FROM[way], "other"), OTHER);
  const ticket = await wideTicket(line);
  const args = way === "send"
    ? ["send", "from/other", `${ticket}/${name}`]
    : ["get", `${ticket}/other`, `into/${name}`];
  const env = { SFTPX_HOME: scratch.path("second") };
  return scratch.start([...args, "--compress", "none", "--json", "--timeout", timeout], { env });
}

function assertWaited({ lines, stderr }: Transfer): void {
  assert.equal(eventsOf(lines, "reconnecting").length, 1);
  assert.match(stderr, /^! the transfer has to wait: /m);
}

async function assertOther(line: Line, name = "copy"): Promise<void> {
  const stands = await fs.readFile(line.scratch.path(line.into, name));
  assert.ok(stands.equals(OTHER), "not the second's version");
}

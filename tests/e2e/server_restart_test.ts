// A server that goes and comes back while a client's command runs: killed or stopped in order, known by
// its keys or by a ticket; a stranger in its place; and `serve --once`, which waits for a lost client.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { jsonLines, transferOf } from "./json_output.ts";
import {
  doneBytes,
  eventsOf,
  isDone,
  Line,
  QUICK,
  shown,
  sideBySide,
  told,
  type Way,
} from "./line.ts";
import { assertReconnected } from "./losses.ts";

const MiB = 2 ** 20;
/** The server waits as long for a client that it lost; for one that said goodbye half is far too long. */
const WAIT_S = 50;

Deno.test("a transfer outlives its server where it may, and is told nothing by a stranger", async () => {
  await sideBySide({
    // By the ticket of the killed one.
    "a server killed": () => restarted("send", "SIGKILL", ["--connections", "3"]),
    "a server stopped, keys let the client in again": () => restarted("get", "SIGTERM"),
    "a server stopped, whose ticket ended with it": refusedByTicket,
    "a stranger in its place": refuseStranger,
  });
});

Deno.test("a server killed again and again costs a line each time", async () => {
  // Few chunks at a time, so that what is done grows while the rest is on its way.
  const flags = ["--lanes", "2"];
  await using line = await Line.open("get", { flags, byKeys: true });
  line.relay.narrow(2 * MiB);
  const running = await line.startToMiddle();
  for (const times of [1, 2]) {
    await line.stopServer("SIGKILL");
    await told(running, "reconnecting", times);
    // The rest takes seconds, so that there is something left to lose.
    line.relay.narrow(times === 1 ? MiB / 2 : null);
    await line.serveAgain();
    if (times === 2) break;
    // Killed again only when it was found: what a killed one had stored may be told late.
    await told(running, "reconnected");
    await isDone(running, doneBytes(running.lines));
  }
  assertReconnected(await line.arrives(running), 2);
});

Deno.test("serve --once waits for a client that it lost, and for no other", async () => {
  await sideBySide({
    "one that was killed and runs again": async () => {
      await using line = await openOnce("send", "40s");
      const running = await line.startToMiddle();
      running.kill("SIGKILL");
      await running.ended;
      const again = await line.arrives(line.start());
      assert.ok(again.summary.reusedBytes > 0, shown(again));
      await endsWell(line);
    },
    "one that lost its network": async () => {
      await using line = await openOnce("get", "30s");
      const running = await line.startToMiddle();
      line.relay.swallow("up", "down");
      await told(running, "reconnecting");
      line.relay.restore();
      assertReconnected(await line.arrives(running));
      await endsWell(line);
    },
    "one that does not come back: 20": async () => {
      await using line = await openOnce("send", "2s");
      const running = await line.startToMiddle();
      running.kill("SIGKILL");
      const { code, stderr, stdout } = await line.server.running.ended;
      assert.equal(code, 20, stderr);
      const [summary, ...more] = eventsOf(jsonLines(stdout), "summary");
      assert.deepEqual(more, []);
      assert.equal((summary?.["error"] as { code: string }).code, "lost");
      assert.match(stderr, /Lost the peer/);
    },
    "one that said goodbye": async () => {
      await using line = await openOnce("get", `${WAIT_S}s`);
      const running = await line.startToMiddle();
      const stoppedMs = performance.now();
      running.kill("SIGINT");
      const server = await line.server.running.ended;
      assert.notEqual(server.code, 0, server.stderr);
      assert.ok(performance.now() - stoppedMs < WAIT_S * 1000 / 2);
      assert.equal((await running.ended).code, 130);
    },
  });
});

function openOnce(way: Way, timeout: string): Promise<Line> {
  return Line.open(way, { ...QUICK, serve: ["--once", "--timeout", timeout] });
}

async function endsWell(line: Line): Promise<void> {
  const { code, stderr } = await line.server.running.ended;
  assert.equal(code, 0, stderr);
}

async function refusedByTicket(): Promise<void> {
  await using line = await Line.open("get");
  const running = await line.startToMiddle();
  await line.stopServer("SIGTERM");
  await told(running, "reconnecting");
  await line.serveAgain();
  const refused = transferOf(await running.ended);
  assert.equal(refused.code, 12, shown(refused));
  assert.equal(refused.summary.error?.code, "refused");
  assert.match(refused.summary.error?.message ?? "", /it ended/);
  assert.match(refused.stderr, /Ask whoever runs the server/);
  await assert.rejects(fs.stat(line.result), "half a file is no file (I1)");
  // With the new server's ticket it is the same transfer.
  await line.resumes(line.command, refused);
}

async function refuseStranger(): Promise<void> {
  await using line = await Line.open("send");
  const running = await line.startToMiddle();
  await line.stopServer("SIGKILL");
  const stranger = await line.scratch.serve("stranger", [], {
    listen: `127.0.0.1:${line.server.port}`,
    env: { SFTPX_HOME: line.scratch.path("elsewhere") },
  });
  const refused = transferOf(await running.ended);
  assert.equal(refused.code, 11, shown(refused));
  assert.equal(refused.summary.error?.code, "identity_mismatch");
  assert.deepEqual((await fs.readdir(stranger.root)).filter((name) => name !== ".sftpx"), []);
}

/** Stops the server in the middle, starts it again, and sees the command through. */
async function restarted(
  way: Way,
  signal: "SIGKILL" | "SIGTERM",
  flags: readonly string[] = [],
): Promise<void> {
  const byKeys = signal === "SIGTERM";
  await using line = await Line.open(way, { flags, byKeys });
  // A server that receives and is killed knows what it journalled, and nothing else.
  const running = await line.startJournalled();
  line.relay.narrow(null);
  await line.stopServer(signal);
  await line.serveAgain();
  const transfer = await line.arrives(running);
  assertReconnected(transfer);
  assert.deepEqual(eventsOf(transfer.lines, "entry_failed"), []);
}

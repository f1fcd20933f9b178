// A server that goes and comes back while a client's command runs: killed or stopped in order, known by
// its keys or by a ticket; a stranger in its place; and `serve --once`, which waits for a lost client.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { jsonLines, transferOf } from "./json_output.ts";
import {
  assertReconnected,
  atOnce,
  bothWays,
  doneBytes,
  eventsOf,
  Line,
  shown,
  SIZE_BYTES,
  told,
} from "./line.ts";

const PATIENT = { flags: ["--timeout", "40s"] };
/** A start and a busy machine, on top of a time that was asked for. */
const GRACE_MS = 8_000;

Deno.test("a transfer outlives its server's kill, and its stop in order where keys let it in", async () => {
  await atOnce(
    // By the ticket of the killed one.
    restarted("SIGKILL", { flags: [...PATIENT.flags, "--connections", "3"] }),
    restarted("SIGTERM", { byKeys: true }),
  );
});

Deno.test("a ticket that ended with its server is refused once the server is back", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, PATIENT);
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
  });
});

Deno.test("a stranger in the place of the lost server is told nothing", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, PATIENT);
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
  });
});

Deno.test("a server killed again and again costs a line each time", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, { ...PATIENT, byKeys: true });
    const running = await line.startToMiddle();
    for (const times of [1, 2]) {
      const before = doneBytes(running.lines);
      await line.stopServer("SIGKILL");
      await told(running, "reconnecting", times);
      await line.serveAgain();
      await running.until((lines) => doneBytes(lines) > before + SIZE_BYTES / 8);
    }
    assertReconnected(await line.arrives(running), 2);
  });
});

Deno.test("both ends killed: the same command on new servers goes on", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, { byKeys: true });
    const { command } = line;
    const running = await line.startToMiddle();
    await line.stopServer("SIGKILL");
    running.kill("SIGKILL");
    const broken = await running.ended;
    assert.equal(broken.code, 137);
    await line.serveAgain({ port: 0 });
    const again = await line.arrives(line.start(command));
    assert.ok(again.summary.reusedBytes > 0, shown(again));
    assert.equal(again.summary.reusedBytes + again.summary.wireBytes, SIZE_BYTES);
  });
});

Deno.test("serve --once waits for a client that was killed, and serves it", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, { serve: ["--once", "--timeout", "40s"] });
    const running = await line.startToMiddle();
    running.kill("SIGKILL");
    await running.ended;
    const again = await line.arrives(line.start());
    assert.ok(again.summary.reusedBytes > 0, shown(again));
    const server = await line.server.running.ended;
    assert.equal(server.code, 0, server.stderr);
  });
});

Deno.test("serve --once goes on with a client that lost its network", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, { serve: ["--once"] });
    const running = await line.startToMiddle();
    line.relay.swallow("up", "down");
    await told(running, "reconnecting");
    line.relay.restore();
    assertReconnected(await line.arrives(running));
    const server = await line.server.running.ended;
    assert.equal(server.code, 0, server.stderr);
  });
});

Deno.test("serve --once gives up a client that does not come back: 20", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, { serve: ["--once", "--timeout", "2s"] });
    const running = await line.startToMiddle();
    running.kill("SIGKILL");
    const { code, stderr, stdout } = await line.server.running.ended;
    assert.equal(code, 20, stderr);
    const [summary, ...more] = eventsOf(jsonLines(stdout), "summary");
    assert.deepEqual(more, []);
    assert.equal((summary?.["error"] as { code: string }).code, "lost");
    assert.match(stderr, /Lost the peer/);
  });
});

Deno.test("serve --once does not wait for a client that said goodbye", async () => {
  await bothWays(async (way) => {
    await using line = await Line.open(way, { serve: ["--once", "--timeout", "50s"] });
    const running = await line.startToMiddle();
    const stoppedMs = performance.now();
    running.kill("SIGINT");
    const server = await line.server.running.ended;
    assert.notEqual(server.code, 0, server.stderr);
    assert.ok(performance.now() - stoppedMs < GRACE_MS);
    assert.equal((await running.ended).code, 130);
  });
});

/** Stops the server in the middle of both ways, starts it again, and sees the command through. */
async function restarted(
  signal: "SIGKILL" | "SIGTERM",
  options: { readonly byKeys?: boolean; readonly flags?: readonly string[] },
): Promise<void> {
  await bothWays(async (way) => {
    await using line = await Line.open(way, { ...PATIENT, ...options });
    const running = await line.startToMiddle();
    await line.stopServer(signal);
    await line.serveAgain();
    const transfer = await line.arrives(running);
    assertReconnected(transfer);
    assert.deepEqual(eventsOf(transfer.lines, "entry_failed"), []);
  });
}

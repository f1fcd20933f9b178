// A network that breaks under a running transfer: an address that changes, everything dropped for a
// while, one direction swallowed, a line that stays dead, a server that moves. Black boxes over a relay.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { lastingPort } from "../one_port.ts";
import { isRunByDeno } from "./command.ts";
import { transferOf } from "./json_output.ts";
import {
  eventsOf,
  isDone,
  Line,
  QUICK,
  shown,
  sideBySide,
  SIZE_BYTES,
  told,
  type Way,
} from "./line.ts";
import { assertReconnected, assertUndisturbed } from "./losses.ts";
import type { Direction } from "./relay.ts";

const MiB = 2 ** 20;
/** Silence that is missed within seconds: what the rule says, and a busy machine. */
const NOTICED_MS = 12_000;
/** A peer that is not heard repeats what it sent, ever more rarely: each time it is a sign of life. */
const REPEATED_MS = 20_000;
/** A start, an end and a busy machine, on top of a time that was asked for. */
const GRACE_MS = 8_000;

Deno.test("what QUIC makes good by itself disturbs nobody", async () => {
  const rebound = async (way: Way) => {
    await using line = await Line.open(way);
    const running = await line.startToMiddle();
    await line.relay.rebind();
    await isDone(running, SIZE_BYTES * 0.75);
    await line.relay.rebind();
    assertUndisturbed(await line.arrives(running));
  };
  const paused = async (way: Way) => {
    await using line = await Line.open(way);
    const running = await line.startToMiddle();
    await line.relay.pause(1_000);
    assertUndisturbed(await line.arrives(running));
  };
  await sideBySide({
    "a sender whose port changes": () => rebound("send"),
    "a receiver whose port changes": () => rebound("get"),
    "all its connections' ports": async () => {
      await using line = await Line.open("get", { flags: ["--connections", "3"] });
      const running = await line.startToMiddle();
      await line.relay.rebind();
      assertUndisturbed(await line.arrives(running));
    },
    "everything lost for a second, in a push": () => paused("send"),
    "everything lost for a second, in a pull": () => paused("get"),
  });
});

Deno.test("a network that is gone, or one direction of it, is missed, looked for and found", async () => {
  const [up, down] = [["up"], ["down"]] as const;
  await sideBySide({
    "all of it, in a push": () => cutUntilMissed("send", { directions: ["up", "down"] }),
    "all of it, in a pull over several connections": () =>
      cutUntilMissed("get", { directions: ["up", "down"], flags: ["--connections", "3"] }),
    "what a push sends": () => cutUntilMissed("send", { directions: up }),
    "what a push hears": () => cutUntilMissed("send", { directions: down }),
    "what a pull says": () => cutUntilMissed("get", { directions: up, withinMs: REPEATED_MS }),
    "what a pull is sent": () => cutUntilMissed("get", { directions: down }),
  });
});

Deno.test("a server that moves behind its address is found", async () => {
  await sideBySide({
    "to another address family": async () => {
      await using line = await Line.open("send", { ...QUICK, listen: "[::]" });
      const running = await line.startToMiddle();
      await line.relay.aim({ port: line.server.port, family: 6 });
      const arrived = await line.arrives(running);
      // Deno's server knows a session by its own address too: QUIC moves clients, never servers.
      // quiche's is told of the client's alone where its socket is the wildcard, and may follow.
      if (isRunByDeno() || eventsOf(arrived.lines, "reconnected").length > 0) {
        assertReconnected(arrived);
      } else assertUndisturbed(arrived);
    },
    "to another port, killed and started again": async () => {
      await using line = await Line.open("get");
      const running = await line.startToMiddle();
      line.server.running.kill("SIGKILL");
      await line.server.running.ended;
      await line.serveAgain({ port: await lastingPort() });
      assertReconnected(await line.arrives(running));
    },
  });
});

Deno.test("a line that stays dead ends the command, and so does who stops it", async () => {
  await sideBySide({
    "20 after --timeout, in a push": () => endsLost("send"),
    "20 after --timeout, in a pull": () => endsLost("get"),
    "a server that was never reached is not looked for twice": async () => {
      await using line = await Line.open("send", { flags: ["--timeout", "2s"] });
      line.relay.swallow("up", "down");
      const failed = transferOf(await line.start().ended);
      assert.equal(failed.code, 10, shown(failed));
      assert.deepEqual(eventsOf(failed.lines, "reconnecting"), []);
    },
    "a client stopped while it looks for its server ends at once, and resumes": async () => {
      await using line = await Line.open("get", QUICK);
      const { command } = line;
      const running = await line.startToMiddle();
      line.relay.swallow("up", "down");
      await told(running, "reconnecting");
      running.kill("SIGINT");
      const broken = transferOf(await running.ended);
      assert.equal(broken.code, 130, shown(broken));
      line.relay.restore();
      await line.resumes(command, broken);
    },
  });
});

Deno.test("a network that comes and goes costs a line each time, and nothing else", async () => {
  // Few chunks at a time, so that what is done grows while the rest is on its way.
  await using line = await Line.open("send", { flags: [...QUICK.flags, "--lanes", "2"] });
  line.relay.narrow(2 * MiB);
  const running = await line.startToMiddle();
  for (const times of [1, 2]) {
    line.relay.swallow("up", "down");
    await told(running, "reconnecting", times);
    // The rest takes seconds, so that there is something left to lose.
    line.relay.narrow(times === 1 ? MiB / 2 : null);
    line.relay.restore();
    // What is done holds its high-water mark for a while (I10).
    if (times === 1) await told(running, "reconnected");
  }
  assertReconnected(await line.arrives(running), 2);
});

/** Ends after `--timeout`, and the same command resumes. */
async function endsLost(way: Way): Promise<void> {
  await using line = await Line.open(way, { flags: ["--timeout", "6s"] });
  const { command } = line;
  const running = await line.startToMiddle();
  const cutMs = performance.now();
  line.relay.swallow("up", "down");
  const broken = transferOf(await running.ended);
  const tookMs = performance.now() - cutMs;
  assert.equal(broken.code, 20, shown(broken));
  assert.equal(broken.summary.error?.code, "lost");
  assert.match(broken.summary.error?.message ?? "", /not found again within 6 s/);
  assert.match(broken.stderr, /Run the same command again: it resumes/);
  assert.equal(eventsOf(broken.lines, "reconnecting").length, 1, shown(broken));
  assert.deepEqual(eventsOf(broken.lines, "reconnected"), []);
  assert.ok(tookMs > 5_000 && tookMs < 6_000 + GRACE_MS, `${tookMs} ms`);
  await assert.rejects(fs.stat(line.result), "half a file is no file (I1)");
  line.relay.restore();
  await line.resumes(command, broken);
}

interface Cut {
  readonly directions: readonly Direction[];
  /** Longest time until it is missed. */
  readonly withinMs?: number;
  /** Flags of the client. */
  readonly flags?: readonly string[];
}

/** Cuts in the middle, restores once the client says that it looks for its peer, and sees it whole. */
async function cutUntilMissed(
  way: Way,
  { directions, withinMs = NOTICED_MS, flags = [] }: Cut,
): Promise<void> {
  await using line = await Line.open(way, { flags: [...QUICK.flags, ...flags] });
  const running = await line.startToMiddle();
  const cutMs = performance.now();
  line.relay.swallow(...directions);
  await told(running, "reconnecting");
  const missedMs = performance.now() - cutMs;
  line.relay.restore();
  assertReconnected(await line.arrives(running));
  assert.ok(missedMs < withinMs, `missed after ${missedMs} ms`);
}

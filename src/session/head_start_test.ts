import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { SftpxError } from "../base/errors.ts";
import type { Connection } from "../transport/transport.ts";
import { generateIdentity } from "../trust/identity.ts";
import { reachingBy } from "./_fixture.ts";
import type { ControlChannel } from "./control_channel.ts";
import { HeadStart } from "./head_start.ts";
import type { SessionOptions } from "./options.ts";

const LONG_MS = 10 * LIMITS.shortPathMs;
/** No clock of a machine that has time shows so much where the path is short. */
const LONG_DIAL_MS = 60;

/** What a head start came to: connections dialled, and how often something was made ready. */
async function begun(
  {
    rttMs = LONG_MS,
    dialMs = rttMs ?? 0,
    address = "192.0.2.1:4443",
    stack = "deno-quic",
    isForSeveral = true,
    moves = true,
    isOver = false,
  }: {
    readonly rttMs?: number | null;
    readonly dialMs?: number;
    readonly address?: string;
    readonly stack?: string;
    readonly isForSeveral?: boolean;
    readonly moves?: boolean;
    /** The session had failed before. */
    readonly isOver?: boolean;
  },
): Promise<{ readonly dialled: number; readonly prepared: number; readonly isLong: boolean }> {
  let [dialled, prepared] = [0, 0];
  const connect = () => {
    dialled++;
    return Promise.reject(new SftpxError("unreachable", "Cannot connect: it is down"));
  };
  const options = reachingBy({ name: stack, connect });
  const { publicKey: identity } = await generateIdentity();
  const addresses = [{ hostname: "192.0.2.1", port: 4443 }];
  const headStart = new HeadStart(options, {
    remote: { addresses, identity, ticket: null, path: "" },
    first: { stack, remoteAddress: address } as Connection,
    outlook: moves ? { isForSeveral, prepare: () => void prepared++ } : null,
    path: { rttMs, dialMs },
  });
  if (isOver) await headStart[Symbol.asyncDispose]();
  headStart.helloLeft();
  await headStart.proofSaid({ flushed: () => Promise.resolve() } as ControlChannel);
  await headStart[Symbol.asyncDispose]();
  return { dialled, prepared, isLong: headStart.isLong };
}

Deno.test("on a long path connections are dialled and what frames need is made ready", async () => {
  assert.deepEqual(await begun({}), { dialled: 3, prepared: 1, isLong: true });
  const least = await begun({ rttMs: LIMITS.shortPathMs });
  assert.deepEqual(least, { dialled: 3, prepared: 1, isLong: true });
  assert.deepEqual(await begun({ stack: "tls" }), { dialled: 3, prepared: 1, isLong: true });
});

Deno.test("where nothing tells the round trip, connecting that took long is taken for a long path", async () => {
  const [long, short] = [LONG_DIAL_MS, LONG_DIAL_MS - 0.1];
  const felt = await begun({ rttMs: null, dialMs: long });
  assert.deepEqual(felt, { dialled: 3, prepared: 1, isLong: true });
  const nothing = { dialled: 0, prepared: 0, isLong: false };
  assert.deepEqual(await begun({ rttMs: null, dialMs: short }), nothing);
  // What was told is believed, however busy this machine is.
  assert.deepEqual(await begun({ rttMs: LIMITS.shortPathMs / 10, dialMs: 10 * long }), nothing);
  const told = await begun({ rttMs: LIMITS.shortPathMs, dialMs: short });
  assert.deepEqual(told, { dialled: 3, prepared: 1, isLong: true });
});

Deno.test("on a short path and within one machine nothing begins", async () => {
  const nothing = { dialled: 0, prepared: 0, isLong: false };
  assert.deepEqual(await begun({ rttMs: LIMITS.shortPathMs - 0.1 }), nothing);
  assert.deepEqual(await begun({ address: "127.0.0.1:4443" }), nothing);
  const local = await begun({ address: "127.0.0.1:4443", rttMs: null, dialMs: LONG_MS });
  assert.deepEqual(local, nothing);
});

Deno.test("who moves nothing makes nothing ready", async () => {
  assert.deepEqual(await begun({ moves: false }), { dialled: 0, prepared: 0, isLong: true });
});

Deno.test("where several are not known to help nothing is dialled, and what frames need is made ready", async () => {
  const ready = { dialled: 0, prepared: 1, isLong: true };
  assert.deepEqual(await begun({ isForSeveral: false }), ready);
  assert.deepEqual(await begun({ stack: "quiche" }), ready);
});

Deno.test("once there will be no session nothing begins any more", async () => {
  const nothing = { dialled: 0, prepared: 0, isLong: true };
  assert.deepEqual(await begun({ isOver: true }), nothing);
});

Deno.test("what was said leaves before anything is made ready", async () => {
  const order: string[] = [];
  const { publicKey: identity } = await generateIdentity();
  const headStart = new HeadStart({} as SessionOptions, {
    remote: { addresses: [], identity, ticket: null, path: "" },
    first: { stack: "quic", remoteAddress: "192.0.2.1:1" } as Connection,
    outlook: { isForSeveral: true, prepare: () => void order.push("ready") },
    path: { rttMs: LONG_MS, dialMs: LONG_MS },
  });
  const flushed = Promise.withResolvers<void>();
  const said = headStart.proofSaid({ flushed: () => flushed.promise } as ControlChannel);
  setTimeout(() => {
    order.push("left");
    flushed.resolve();
  });
  await said;
  assert.deepEqual(order, ["left", "ready"]);
});

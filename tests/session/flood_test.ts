// Real QUIC, real strangers: while they crowd the door from the clients' own address, clients get in
// and finish, and what the server does for strangers is bounded. No clock decides: see `bench flood`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { LIMITS } from "../../src/base/limits.ts";
import { list } from "../../src/session/list.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { anchorPem } from "../../src/trust/anchor.ts";
import { flood, FLOOD_KINDS, type FloodKind } from "../../scripts/bench/flood_peers.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { quicStacks } from "../quic_stacks.ts";
import { assertDone, Place, type RunningServer } from "./place.ts";

/** A client asks ever more rarely: on a busy machine the crowd's packets drown its own for long. */
const PATIENCE_MS = 60_000;
const STACKS = await quicStacks();
/** The same, in the same order, for clients that go on asking for as long. */
const PATIENT_STACKS = await quicStacks({ idleMs: PATIENCE_MS });

interface Crowd {
  readonly kinds: readonly FloodKind[];
  readonly peers: number;
  readonly addresses: number;
}

/** Runs `work` once the crowd is at the door, and sends it home afterwards. */
async function amid(
  server: RunningServer,
  crowd: Crowd,
  work: () => Promise<void>,
): Promise<number> {
  const over = new AbortController();
  const there = Promise.withResolvers<void>();
  const { identity, addresses } = server.remote();
  const to = { port: addresses[0]!.port, anchorPem: anchorPem(identity), pauseMs: 1000 };
  const flooding = flood({ ...to, ...crowd, signal: over.signal }, ({ came }) => {
    if (came >= crowd.peers) there.resolve();
  });
  try {
    await there.promise;
    await work();
  } finally {
    over.abort();
  }
  return (await flooding).came;
}

async function sendAndLook(
  place: Place,
  server: RunningServer,
  patient: { readonly transport: Transport; readonly timeoutMs: number },
): Promise<void> {
  const sent = noise(3 << 20);
  await makeFile(place.path("f"), sent);
  const { summary } = place.push(["f"], server.remote(), { ...patient, connections: 4 });
  assertDone(await summary);
  assert.deepEqual(new Uint8Array(await readFile(`${server.root}/f`)), sent);
  const names: string[] = [];
  await list({
    ...place.session(patient),
    remote: server.remote(),
    recursive: false,
    filters: [],
    onEntry: ({ path }) => void names.push(path),
    onOmission: ({ message }) => assert.fail(message),
  });
  assert.deepEqual(names, ["f"]);
}

/** Lines that a flood may cost: one an address and code at once, and one each for those that follow. */
function assertFewLines({ events }: RunningServer, addresses: number): void {
  const lines = events.items.filter(({ kind }) => kind === "peer_refused");
  const codes = new Set(lines.map((line) => line.kind === "peer_refused" ? line.code : ""));
  assert.ok(lines.length <= 2 * codes.size * addresses, `${lines.length} lines`);
}

for (const [index, transport] of STACKS.entries()) {
  const patient = { transport: PATIENT_STACKS[index]!, timeoutMs: PATIENCE_MS };
  /** What follows the first refusal of an address is told when the server stops, and by no clock. */
  const counted = { transport, refusalsToldMs: 3_600_000 };

  Deno.test(`${transport.name}: a thousand half-open peers and noise keep no client out, not even from their own addresses`, async () => {
    await using place = await Place.open();
    const server = await place.serve(counted);
    // The noise of all of them would be more than one process can make and take at once.
    const kinds = ["half-open", "half-open", "half-open", "noise"] as const;
    const crowd = { kinds, peers: 1000, addresses: 8 };
    const came = await amid(server, crowd, () => sendAndLook(place, server, patient));
    assert.ok(came >= crowd.peers);
    await server.stop();
    assertFewLines(server, crowd.addresses + 1);
  });

  Deno.test(`${transport.name}: strangers of every kind keep no client out`, async () => {
    await using place = await Place.open();
    const server = await place.serve(counted);
    const crowd = { kinds: FLOOD_KINDS, peers: 180, addresses: 6 };
    await amid(server, crowd, () => sendAndLook(place, server, patient));
    await server.stop();
    assertFewLines(server, crowd.addresses + 1);
  });

  Deno.test(`${transport.name}: a client with the most connections there are has them all, and twenty at once get in`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport });
    await makeFile(place.path("f"), noise(1 << 20));
    const whole = place.push(["f"], server.remote("whole"), {
      ...patient,
      connections: LIMITS.connections,
      lanes: LIMITS.connections,
    });
    assertDone(await whole.summary);
    const failed = whole.events.items.filter(({ kind }) => kind === "notice");
    assert.deepEqual(failed, []);
    const jobs = Array.from(
      { length: 20 },
      (_, index) =>
        place.push(["f"], server.remote(`job${index}`), {
          ...patient,
          home: `job${index}`,
          connections: 4,
        }).summary,
    );
    for (const summary of await Promise.all(jobs)) assertDone(summary);
  });

  Deno.test(`${transport.name}: an address that came too often is waited for, and its client gets in`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport });
    const { identity, addresses } = server.remote();
    using endpoint = new Endpoint();
    let isTurnedAway = false;
    const tries = Array.from({ length: LIMITS.arrivalsAtOncePerAddress }, async () => {
      const to = { ...addresses[0]!, serverName: "sftpx", alpnProtocols: ["sftpx/1"] };
      const caCerts = [anchorPem(identity)];
      // A busy machine takes them in more slowly than they may come: they come until one too many did.
      while (!isTurnedAway) {
        try {
          const conn = await Deno.connectQuic<false>({ ...to, caCerts, endpoint: endpoint.own });
          conn.close();
          await conn.closed;
        } catch {
          // Turned away.
        }
      }
    });
    await server.events.until((event) => event.kind === "peer_refused" && event.code === "busy");
    isTurnedAway = true;
    endpoint.own.close(); // Whoever still waits is not answered.
    await Promise.all(tries);
    await sendAndLook(place, server, patient);
  });
}

/** Where raw connections come from. */
class Endpoint implements Disposable {
  readonly own = new Deno.QuicEndpoint({ hostname: "127.0.0.1" });

  [Symbol.dispose](): void {
    this.own.close();
  }
}

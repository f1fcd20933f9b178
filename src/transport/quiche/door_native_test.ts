// The door against quiche's own client, in memory: what the door makes by itself, a real client follows.

import assert from "node:assert/strict";
import { overQuiche } from "../../../tests/quiche_addon.ts";
import { anchorPem } from "../../trust/anchor.ts";
import { issueLeaf } from "../../trust/certificate.ts";
import { generateIdentity } from "../../trust/identity.ts";
import { loadQuiche, type NativeConnection, type Quiche } from "./binding.ts";
import { newId, OWN_ID_BYTES } from "./connection_ids.ts";
import { Door, type DoorLimits, type DoorVerdict } from "./door.ts";
import { LEAST_INITIAL_BYTES } from "./long_header.ts";
import { REFUSALS } from "./stateless_packets.ts";
import { clientConfig, serverConfig } from "./settings.ts";

const CLIENT = { host: "127.0.0.1", port: 1000 };
const SERVER = { host: "127.0.0.1", port: 2000 };
const SETTINGS = {
  idleMs: 10_000,
  packetBytes: 1350,
  congestion: "cubic",
  streamWindowBytes: 1 << 20,
  connectionWindowBytes: 10 << 20,
} as const;

/** A client with its first datagram, and a server whose connections a door lets in. */
async function meet(limits: Partial<DoorLimits> = {}, mayEnter = true, links = 1) {
  const quiche = await loadQuiche();
  assert.ok(typeof quiche !== "string", `no addon: ${quiche}`);
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  const anchor = { anchorPem: anchorPem(identity.publicKey), protocol: "sftpx/1" };
  const own = clientConfig(quiche, anchor, SETTINGS);
  const client = quiche.Connection.connect("sftpx", newId(), CLIENT, SERVER, own);
  const door = new Door({
    limits: { retryFromHalfOpen: 1, retryMs: 500, answers: { burst: 9, perSecond: 0 }, ...limits },
    household: { halfOpen: 0, mayBegin: () => true, mayEnter: () => mayEnter, begin: () => {} },
    idBytes: OWN_ID_BYTES,
    nowMs: 0,
  });
  const certificatePem = leaf.certificatePem.repeat(links);
  const config = serverConfig(quiche, { ...leaf, certificatePem }, SETTINGS);
  return { quiche, client, door, accept: (of: Accepted) => begin(quiche, of, config) };
}

type Accepted = Extract<DoorVerdict, { kind: "accept" }>;

function begin(
  { Connection }: Quiche,
  { ownId, originalId }: Accepted,
  config: ReturnType<typeof serverConfig>,
): NativeConnection {
  return Connection.accept(ownId, originalId, SERVER, CLIENT, config);
}

/** All that an end has to say now. */
function datagramsOf(end: NativeConnection): Uint8Array<ArrayBuffer>[] {
  const datagrams = [];
  for (const buffer = new Uint8Array(65_535);;) {
    const sent = end.send(buffer);
    if (sent === null) return datagrams;
    datagrams.push(buffer.slice(0, sent[0]));
  }
}

function tell(to: NativeConnection, datagrams: readonly Uint8Array[]): void {
  const way = { from: SERVER, to: CLIENT };
  for (const datagram of datagrams) to.recv(datagram, way);
}

/** Client and server speak until neither has more to say. */
function converse(client: NativeConnection, server: NativeConnection): void {
  for (;;) {
    const [up, down] = [datagramsOf(client), datagramsOf(server)];
    for (const datagram of up) server.recv(datagram, { from: CLIENT, to: SERVER });
    tell(client, down);
    if (up.length + down.length === 0) return;
  }
}

function judge(door: Door, datagrams: readonly Uint8Array[], nowMs = 0): DoorVerdict {
  assert.equal(datagrams.length, 1);
  return door.judge(datagrams[0]!, { remote: CLIENT, nowMs });
}

function answered(verdict: DoorVerdict): Uint8Array {
  assert.ok(verdict.kind === "answer", verdict.kind);
  return verdict.packet;
}

Deno.test(overQuiche("a client that is let in shakes hands"), async () => {
  const { client, door, accept } = await meet();
  const hello = datagramsOf(client);
  const verdict = judge(door, hello);
  assert.ok(verdict.kind === "accept");
  const server = accept(verdict);
  server.recv(hello[0]!, { from: CLIENT, to: SERVER });
  converse(client, server);
  assert.deepEqual([client.isEstablished(), server.isEstablished()], [true, true]);
});

Deno.test(overQuiche("a client that is sent a Retry comes again, and shakes hands"), async () => {
  const { client, door, accept } = await meet({ retryFromHalfOpen: 0 });
  tell(client, [answered(judge(door, datagramsOf(client)))]);
  const again = datagramsOf(client);
  const verdict = judge(door, again);
  assert.ok(verdict.kind === "accept" && verdict.originalId !== null);
  const server = accept(verdict);
  server.recv(again[0]!, { from: CLIENT, to: SERVER });
  converse(client, server);
  assert.deepEqual([client.isEstablished(), server.isEstablished()], [true, true]);
});

Deno.test(overQuiche("a client that brings its proof too late is told so"), async () => {
  const { client, door } = await meet({ retryFromHalfOpen: 0 });
  tell(client, [answered(judge(door, datagramsOf(client)))]);
  tell(client, [answered(judge(door, datagramsOf(client), 501))]);
  const error = client.peerError();
  assert.deepEqual([error?.isApp, error?.errorCode], [false, REFUSALS.invalidToken]);
});

Deno.test(overQuiche("a client that is turned away hears it at once"), async () => {
  const { client, door } = await meet({}, false);
  tell(client, [answered(judge(door, datagramsOf(client)))]);
  const error = client.peerError();
  assert.deepEqual([error?.isApp, error?.errorCode], [false, REFUSALS.busy]);
});

Deno.test(overQuiche("a client is not led astray by an answer to another version"), async () => {
  const { client, door, accept } = await meet();
  const hello = datagramsOf(client);
  // As a client of another version would have asked: its ids stand where all versions have them.
  const foreign = hello[0]!.slice();
  foreign.set([0x0a, 0x0a, 0x0a, 0x0a], 1);
  // It names the version that this client speaks already (RFC 9000, section 6.2).
  tell(client, [answered(judge(door, [foreign]))]);
  const verdict = judge(door, hello);
  assert.ok(verdict.kind === "accept");
  const server = accept(verdict);
  server.recv(hello[0]!, { from: CLIENT, to: SERVER });
  converse(client, server);
  assert.equal(client.isEstablished(), true);
});

Deno.test(
  overQuiche("a server sends at most three times what it heard from an address nobody proved"),
  async () => {
    const saidBytes = await saidAtOnce({ retryFromHalfOpen: 1 });
    assert.ok(saidBytes <= 3 * LEAST_INITIAL_BYTES, `${saidBytes} bytes`);
    // It had more to say: to an address that is proved it says it.
    const more = await saidAtOnce({ retryFromHalfOpen: 0 });
    assert.ok(more > 3 * LEAST_INITIAL_BYTES, `${more} bytes`);
  },
);

/** What a server with a long chain of certificates answers to a client's first datagram. */
async function saidAtOnce(limits: Partial<DoorLimits>): Promise<number> {
  const { client, door, accept } = await meet(limits, true, 20);
  let hello = datagramsOf(client);
  let verdict = judge(door, hello);
  if (verdict.kind === "answer") {
    tell(client, [verdict.packet]);
    hello = datagramsOf(client);
    verdict = judge(door, hello);
  }
  assert.ok(verdict.kind === "accept");
  const server = accept(verdict);
  server.recv(hello[0]!, { from: CLIENT, to: SERVER });
  return datagramsOf(server).reduce((sum, { length }) => sum + length, 0);
}

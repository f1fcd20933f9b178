// Somebody between a client and its server: another key, a passed-on or repeated proof, changed hellos,
// a claim that lies, another protocol. All of it is refused, and whoever did it has heard no ticket, no
// name, no path and no signature before the pin held.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { concatBytes, encodeUtf8, equalBytes } from "../../src/base/bytes.ts";
import { learnIdentity } from "../../src/session/claim.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { clientHandshake, clientJoin } from "../../src/session/handshake.ts";
import { list } from "../../src/session/list.ts";
import type { Remote } from "../../src/session/options.ts";
import type { HostPort, Transport } from "../../src/transport/transport.ts";
import { generateIdentity, type Identity } from "../../src/trust/identity.ts";
import type { Message, Welcome } from "../../src/wire/messages.ts";
import { makeFile } from "../e2e/trees.ts";
import { quicStacks } from "../quic_stacks.ts";
import { codeOf, Place, type RunningServer } from "../session/place.ts";
import { offerOf, rawClient } from "../session/raw_peer.ts";
import { QuicTrap } from "./quic_trap.ts";
import { answerTo, Middle, type Tampering } from "./wiretap.ts";

const STACKS = await quicStacks();
const TICKET = encodeUtf8("a ticket's secret: 32 bytes long");
const NAME = "a-name-to-keep";

/** A server at this port, known as this identity. */
function remoteAt(port: number, identity: Uint8Array, path = NAME): Remote {
  return { addresses: [{ hostname: "127.0.0.1", port }], identity, ticket: TICKET, path };
}

for (const transport of STACKS) {
  Deno.test(`over ${transport.name}, a server with another key hears nothing of a push, a pull or a list`, async () => {
    await using place = await Place.open();
    await makeFile(place.path(NAME), "secret");
    const [expected, impostor] = [await generateIdentity(), await generateIdentity()];
    await using trap = await QuicTrap.open(impostor);
    const remote = remoteAt(trap.port, expected.publicKey);
    const more = { transport, timeoutMs: 10_000, connections: 2 };
    // One after the other: whoever trusts it waits for its answer until the timeout.
    assert.equal(codeOf(await place.push([NAME], remote, more).summary), "identity_mismatch");
    assert.equal(codeOf(await place.pull([remote], "into", more).summary), "identity_mismatch");
    assert.equal(await listing(place, { remote, transport }), "identity_mismatch");
    assert.deepEqual([trap.connections, trap.heardBytes], [0, 0]);
    assert.equal(existsSync(place.path("into")), false);
  });

  Deno.test(`over ${transport.name}, a claim that lies wins nothing: the session is pinned to what was claimed`, async () => {
    await using place = await Place.open();
    await makeFile(place.path(NAME), "secret");
    const [victim, impostor] = [await generateIdentity(), await generateIdentity()];
    await using trap = await QuicTrap.open(impostor, { claim: victim.publicKey });
    const { signal } = new AbortController();
    const reach = { transport, congestion: "auto", timeoutMs: 10_000, signal } as const;
    const addresses = [{ hostname: "127.0.0.1", port: trap.port }];
    const claimed = await learnIdentity({ ...reach, addresses });
    assert.deepEqual(claimed, victim.publicKey);
    const more = { transport, timeoutMs: 10_000 };
    const sent = await place.push([NAME], remoteAt(trap.port, claimed), more).summary;
    assert.equal(codeOf(sent), "identity_mismatch");
    // The claim's own connection is all that ever stood, and the client said nothing on it.
    assert.deepEqual([trap.connections, trap.heardBytes], [1, 0]);
  });

  Deno.test(`over ${transport.name}, a server of another protocol hears nothing, and none is fallen back to`, async () => {
    await using place = await Place.open();
    await makeFile(place.path(NAME), "secret");
    const identity = await generateIdentity();
    for (const protocols of [["sftpx-claim/1"], ["sftpx/0"], ["sftpx/2", "h3"], ["http/1.1"]]) {
      await using trap = await QuicTrap.open(identity, { protocols });
      const remote = remoteAt(trap.port, identity.publicKey);
      const sent = await place.push([NAME], remote, { transport, timeoutMs: 10_000 }).summary;
      assert.equal(codeOf(sent), "version", protocols.join());
      assert.deepEqual([trap.connections, trap.heardBytes], [0, 0]);
    }
  });

  Deno.test(`over ${transport.name}, the right server with nothing to say has heard a hello and nothing else`, async () => {
    await using place = await Place.open();
    await makeFile(place.path(NAME), "secret");
    const identity = await generateIdentity();
    await using trap = await QuicTrap.open(identity);
    const remote = remoteAt(trap.port, identity.publicKey);
    const sent = await place.push([NAME], remote, { transport, timeoutMs: 2000 }).summary;
    assert.equal(codeOf(sent), "unreachable");
    // Even where the pin holds: the signature covers the server's hello, the ticket comes with it.
    assert.ok(trap.heardBytes > 0);
    assertNothingSecret(trap.heard);
  });
}

Deno.test("a proof that another server passes on opens nothing", async () => {
  await using place = await Place.open();
  await makeFile(place.path(NAME), "secret");
  const server = await place.serve();
  // The client means to talk to Mallory, who holds a ticket of the honest server's for it to use.
  const mallory = await generateIdentity();
  await using middle = await Middle.open(place.network, { to: addressOf(server) });
  const remote = {
    ...server.remote(NAME),
    addresses: [middle.address],
    identity: mallory.publicKey,
  };
  const sent = await place.push([NAME], remote).summary;
  assert.equal(codeOf(sent), "refused");
  // The offer goes out behind the proof: Mallory would hear it behind a welcome of her own as well.
  const said = middle.heard.map(({ type }) => type);
  assert.ok(said.length >= 3 && isPrefix(said, FROM_CLIENT), said.join(" "));
  assertTurnedAway(server);
});

/** What a push says before it was answered: its manifest too, where it is all found by then. */
const FROM_CLIENT = ["hello", "auth", "offer", "entries", "manifest_end"];

const TAMPERINGS: Record<string, readonly [code: string, Tampering]> = {
  "the client's version": ["version", { fromClient: hello({ version: 0 }) }],
  "the server's version": ["version", { fromServer: hello({ version: 0 }) }],
  "the client's capabilities": ["refused", { fromClient: hello({ capabilities: ["weak"] }) }],
  "the server's capabilities": ["refused", { fromServer: hello({ capabilities: ["weak"] }) }],
  "the client's nonce": ["refused", { fromClient: hello({ nonce: new Uint8Array(32) }) }],
  "the server's nonce": ["refused", { fromServer: hello({ nonce: new Uint8Array(32) }) }],
  "what the client calls itself": ["refused", { fromClient: hello({ agent: "sftpx/0" }) }],
  "what the server calls itself": ["refused", { fromServer: hello({ agent: "sftpx/0" }) }],
  "who the client is": ["refused", { fromClient: auth({ identity: new Uint8Array(32).fill(1) }) }],
  "the signature": ["refused", { fromClient: auth({ signature: new Uint8Array(64) }) }],
};

for (const [what, [code, tampering]] of Object.entries(TAMPERINGS)) {
  Deno.test(`a handshake in which ${what} was changed on the way opens nothing`, async () => {
    await using place = await Place.open();
    await makeFile(place.path(NAME), "secret");
    const server = await place.serve();
    await using middle = await Middle.open(place.network, { to: addressOf(server), ...tampering });
    const remote = { ...server.remote(NAME), addresses: [middle.address] };
    const sent = await place.push([NAME], remote).summary;
    assert.equal(codeOf(sent), code);
    const said = middle.heard.map(({ type }) => type);
    assert.ok(isPrefix(said, FROM_CLIENT), said.join(" "));
    if (code === "version") {
      assert.ok(!said.includes("auth") || tampering.fromClient !== undefined, said.join(" "));
    }
    // Who does not like what it hears leaves by itself.
    assertTurnedAway(server, { isTold: what !== "the server's version" });
  });
}

Deno.test("a handshake that is repeated opens nothing, whoever repeats it", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await using middle = await Middle.open(place.network, { to: addressOf(server) });
  const client = await rawClient(place.network, {
    ...server.remote(),
    addresses: [middle.address],
  });
  client.send(offerOf());
  await client.take("accept");
  client.connection.close("none", "");
  const said = middle.heard.slice(0, 3);
  assert.deepEqual(said.map(({ type }) => type), ["hello", "auth", "offer"]);
  // As it was, and with a transfer behind it that somebody hopes will be taken.
  for (const again of [said.slice(0, 2), said]) {
    const answers = await answerTo(place.network, addressOf(server), again);
    assert.deepEqual(answers.map(({ type }) => type), ["hello", "refuse"]);
  }
  assert.equal(server.events.items.filter(({ kind }) => kind === "peer").length, 1);
});

Deno.test("a join that is repeated, of another session, or under a taken number joins nothing", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const one = await rawClient(place.network, server.remote());
  const other = await rawClient(place.network, server.remote());
  const join = async (welcome: Welcome, connection = 1) => {
    await using middle = await Middle.open(place.network, { to: addressOf(server) });
    const link = await place.network.connect({ ...middle.address, anchorPem: "" });
    const channel = new ControlChannel(await link.openControl());
    const serverIdentity = server.remote().identity;
    const parts = { welcome, serverIdentity, connection, agent: "raw" };
    const code = await clientJoin(channel, parts).then(() => null, ({ code }) => code);
    link.close("none", "");
    return { code, heard: [...middle.heard] };
  };
  const good = await join(one.welcome);
  assert.equal(good.code, null);
  assert.deepEqual(good.heard.map(({ type }) => type), ["hello", "join"]);
  const replayed = await answerTo(place.network, addressOf(server), good.heard);
  assert.deepEqual(replayed.map(({ type }) => type), ["hello", "refuse"]);
  const { key } = other.welcome;
  const wrong: Record<string, Promise<{ code: string | null }>> = {
    "a number that is taken": join(one.welcome, 1),
    "the number of another session": join({ ...one.welcome, session: other.welcome.session }),
    "the key of another session": join({ ...one.welcome, key }),
    "a session that is not there": join({ ...one.welcome, session: one.welcome.session + 1 }),
    "a number past what a session has": join(one.welcome, 16),
  };
  for (const [what, joined] of Object.entries(wrong)) {
    assert.equal((await joined).code, "refused", what);
  }
  // Neither session was harmed.
  for (const peer of [one, other]) {
    peer.send({ type: "ping", token: 5 });
    assert.equal((await peer.take("pong")).token, 5);
    peer.connection.close("none", "");
  }
});

Deno.test("a client that dials a server twice under one proof is no second session", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const connection = await place.network.connect({ ...addressOf(server), anchorPem: "" });
  const channel = new ControlChannel(await connection.openControl());
  const { identity: serverIdentity, ticket } = server.remote();
  const identity = await generateIdentity();
  await clientHandshake(channel, { identity, serverIdentity, ticket, agent: "raw" });
  channel.send(proofOf(identity));
  await connection.closed;
  assert.equal(server.events.items.filter(({ kind }) => kind === "peer").length, 1);
});

/** Whether all that was said is what a client says by itself, in that order. */
function isPrefix(said: readonly string[], all: readonly string[]): boolean {
  return said.length <= all.length && said.every((type, index) => type === all[index]);
}

/** A proof out of place. */
function proofOf({ publicKey }: Identity): Message {
  return { type: "auth", identity: publicKey, signature: new Uint8Array(64) };
}

function addressOf(server: RunningServer): HostPort {
  return { hostname: "127.0.0.1", port: server.handle.address.port };
}

function hello(more: Partial<Extract<Message, { type: "hello" }>>): (message: Message) => Message {
  return (message) => message.type === "hello" ? { ...message, ...more } : message;
}

function auth(more: Partial<Extract<Message, { type: "auth" }>>): (message: Message) => Message {
  return (message) => message.type === "auth" ? { ...message, ...more } : message;
}

/** The server let nobody in, and nothing was made. */
function assertTurnedAway(server: RunningServer, { isTold = true } = {}): void {
  const kinds = new Set(server.events.items.map(({ kind }) => kind));
  assert.deepEqual([...kinds], isTold ? ["peer_refused"] : []);
  assert.equal(existsSync(`${server.root}/${NAME}`), false);
}

/** No ticket, name, path or signature, nor the identity that would prove it. */
function assertNothingSecret(heard: readonly Uint8Array[]): void {
  const bytes = concatBytes(heard);
  for (const secret of [TICKET, encodeUtf8(NAME)]) {
    for (let at = 0; at + secret.byteLength <= bytes.byteLength; at++) {
      assert.ok(!equalBytes(bytes.subarray(at, at + secret.byteLength), secret));
    }
  }
  // A hello holds no 64 bytes in a row that a signature could be.
  assert.ok(bytes.byteLength < 128, `${bytes.byteLength} bytes were heard`);
}

async function listing(
  place: Place,
  { remote, transport }: { readonly remote: Remote; readonly transport: Transport },
): Promise<string> {
  return await list({
    ...place.session({ transport }),
    remote,
    recursive: true,
    filters: [],
    onEntry: () => {},
    onOmission: () => {},
  }).then(() => "ok", ({ code }) => code);
}

import assert from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { EARLY_MANIFEST } from "../engine/early_manifest.ts";
import type { Grant } from "../trust/grant.ts";
import { generateIdentity, type Identity } from "../trust/identity.ts";
import { joinMac } from "../trust/join.ts";
import { signClientAuth } from "../trust/client_auth.ts";
import { ControlDecoder, encodeMessage } from "../wire/control.ts";
import type { Hello, Message, Welcome } from "../wire/messages.ts";
import { helloOf, isCode, offerOf, scripted, streams } from "./_fixture.ts";
import { ControlChannel } from "./control_channel.ts";
import {
  CAPABILITIES,
  clientHandshake,
  clientJoin,
  goesWithProof,
  type Handshaken,
  type Opening,
  type OpenSession,
  serverHandshake,
} from "./handshake.ts";

const GRANT: Grant = { read: true, write: false, writeOnce: false, root: "" };
const KEY = new Uint8Array(32).fill(5);
const SESSION = 77;
const TICKET = new Uint8Array(32).fill(6);

Deno.test("a client with a ticket gets the session it was admitted to", async () => {
  const { client, server, admitted } = await meet({ ticket: TICKET });
  const welcome = await client;
  assert.deepEqual(
    [welcome.session, welcome.key, welcome.read, welcome.write],
    [SESSION, KEY, true, false],
  );
  const handshaken = await server;
  assert.ok(handshaken.kind === "session");
  assert.deepEqual(handshaken.ticket, TICKET);
  assert.deepEqual(handshaken.clientIdentity, admitted[0]?.client);
});

Deno.test("a client without a ticket is asked about by its identity alone", async () => {
  const { client, server, admitted } = await meet({});
  await client;
  await server;
  assert.deepEqual(admitted.map(({ ticket }) => ticket), [null]);
});

Deno.test("nothing is waited for once a client is welcome: it may join its session at once", async () => {
  const identity = await generateIdentity();
  const { near, far, connection } = await streams();
  const order: string[] = [];
  const channel = new ControlChannel(far);
  const [send, compress] = [channel.send.bind(channel), channel.compress.bind(channel)];
  channel.compress = async () => {
    await compress();
    order.push("compresses");
  };
  channel.send = (message) => {
    order.push(message.type);
    return send(message);
  };
  const server = serverHandshake(channel, serverOptions(identity));
  await clientHandshake(new ControlChannel(near), {
    identity: await generateIdentity(),
    serverIdentity: identity.publicKey,
    ticket: null,
    agent: "test",
  });
  await server;
  assert.deepEqual(order, ["hello", "compresses", "welcome"]);
  connection.close("none", "");
});

Deno.test("a client sends its hello, and nothing else before the server's", async () => {
  const identity = await generateIdentity();
  const server = await generateIdentity();
  const stream = scripted([]);
  const channel = new ControlChannel(stream);
  const options = { identity, serverIdentity: server.publicKey, ticket: TICKET, agent: "test" };
  await assert.rejects(clientHandshake(channel, options), isCode("lost"));
  const sent = concatBytes(stream.written);
  const hello = encodeMessage(helloOf({ capabilities: CAPABILITIES }));
  assert.equal(sent.byteLength, hello.byteLength);
  assert.ok(!includes(sent, TICKET) && !includes(sent, identity.publicKey));
});

Deno.test("what a transfer opens with goes out behind the proof, before there is an answer", async () => {
  const stream = scripted([encodeMessage(helloOf())]);
  const opening = offerOf(1);
  const shaking = clientHandshake(new ControlChannel(stream), await openingWith({ opening }));
  await assert.rejects(shaking, isCode("lost"));
  assert.deepEqual(said(stream).map(({ type }) => type), ["hello", "auth", "offer"]);
  assert.deepEqual(said(stream)[2], opening);
});

/** What a client goes by that says such things behind its proof. */
async function openingWith(
  more: Partial<Parameters<typeof clientHandshake>[1]>,
): Promise<Parameters<typeof clientHandshake>[1]> {
  const [identity, server] = await Promise.all([generateIdentity(), generateIdentity()]);
  const serverIdentity = server.publicKey;
  return { identity, serverIdentity, ticket: null, agent: "test", opening: offerOf(1), ...more };
}

/** The messages that were written to a stream. */
function said({ written }: { readonly written: readonly Uint8Array[] }): Message[] {
  const decoder = new ControlDecoder();
  decoder.push(concatBytes([...written]));
  const messages: Message[] = [];
  for (let next = decoder.next(); next !== null; next = decoder.next()) messages.push(next);
  return messages;
}

for (const knows of [true, false]) {
  const does = knows ? "goes out behind it too" : "waits where the server does not know of that";
  Deno.test(`what an offer announces at once ${does}`, async () => {
    const capabilities = knows ? ["more", EARLY_MANIFEST] : ["more"];
    const stream = scripted([encodeMessage(helloOf({ capabilities }))]);
    const end: Message = { type: "manifest_end", transfer: 1, entries: 0, files: 0, bytes: 0 };
    const channel = new ControlChannel(stream);
    let told = 0;
    const options = await openingWith({ manifest: () => [end], onManifest: () => void told++ });
    await assert.rejects(clientHandshake(channel, options), isCode("lost"));
    await channel.flushed();
    assert.deepEqual(said(stream).slice(3), knows ? [end] : []);
    // That it was made ready is not that it was said.
    assert.equal(told, knows ? 1 : 0);
  });
}

Deno.test("what is announced is made ready while the server's hello is on its way", async () => {
  const hello = scripted([encodeMessage(helloOf({ capabilities: [EARLY_MANIFEST] }))]);
  const order: string[] = [];
  const ready = Promise.withResolvers<void>();
  const stream = {
    ...hello,
    write: (bytes: Uint8Array<ArrayBuffer>) => {
      order.push("write");
      return hello.write(bytes);
    },
    read: async (...args: Parameters<typeof hello.read>) => {
      await ready.promise;
      return await hello.read(...args);
    },
  };
  const end: Message = { type: "manifest_end", transfer: 1, entries: 0, files: 0, bytes: 0 };
  const channel = new ControlChannel(stream);
  const options = await openingWith({
    manifest: () => {
      order.push("manifest");
      ready.resolve();
      return [end];
    },
    meanwhile: () => void order.push("meanwhile"),
    onProof: () => void order.push("proof"),
  });
  await assert.rejects(clientHandshake(channel, options), isCode("lost"));
  await channel.flushed();
  // Its own hello first; proof, offer and manifest are said in one go, and leave together.
  assert.deepEqual(order.slice(0, 5), ["write", "meanwhile", "manifest", "manifest", "proof"]);
  assert.equal(order.filter((what) => what === "write").length, 2);
});

Deno.test("a server reads what came behind the proof only once it has let the client in", async () => {
  const opening = offerOf(1);
  const met = await meet({ opening });
  await met.client;
  assert.equal((await met.server).kind, "session");
  assert.deepEqual(await met.far.receive(), opening);
  const refused = await meet({
    opening,
    admit: () => {
      throw new SftpxError("refused", "not you");
    },
  });
  await assert.rejects(refused.server, isCode("refused"));
});

Deno.test("goesWithProof() holds to what a server takes of somebody it does not know", () => {
  const given = (chars: number) => ({ ...offerOf(1), given: Array(9).fill("x".repeat(chars)) });
  assert.ok(goesWithProof(offerOf(1)));
  assert.ok(!goesWithProof(given(LIMITS.openingBytes / 9)));
  // Hello, proof and ticket fit beside the longest.
  assert.ok(2 * LIMITS.openingBytes <= LIMITS.unauthenticatedBytes);
});

Deno.test("a server says nothing before it was greeted", async () => {
  const identity = await generateIdentity();
  const stream = scripted([]);
  const channel = new ControlChannel(stream);
  await assert.rejects(serverHandshake(channel, serverOptions(identity)), isCode("lost"));
  assert.deepEqual(stream.written, []);
});

Deno.test("a relayed signature is refused: it names the server that the client pinned", async () => {
  // A client means to talk to Mallory, who passes every byte on to the honest server and back.
  const { client, server, admitted } = await meet({ pinned: await generateIdentity() });
  await assert.rejects(server, isCode("refused"));
  assert.deepEqual(admitted, []);
  await assert.rejects(client, isCode("lost"));
});

const SPOILERS: Record<string, (auth: Message) => Promise<Message> | Message> = {
  "a wrong signature": (auth) => ({ ...auth, signature: new Uint8Array(64) } as Message),
  "another's identity": async (auth) =>
    ({ ...auth, identity: (await generateIdentity()).publicKey }) as Message,
};

for (const [what, spoil] of Object.entries(SPOILERS)) {
  Deno.test(`a client with ${what} is refused before it is asked about`, async () => {
    const identity = await generateIdentity();
    const talk = await greeted(identity);
    talk.send(await spoil(await talk.auth(await generateIdentity())));
    await assert.rejects(talk.server, isCode("refused"));
    assert.deepEqual(talk.admitted, []);
    talk.close();
  });
}

Deno.test("a signature from another connection is refused: its server's nonce was another", async () => {
  const identity = await generateIdentity();
  const client = await generateIdentity();
  const before = await greeted(identity);
  const auth = await before.auth(client);
  before.send(auth);
  assert.equal((await before.server).kind, "session");
  const again = await greeted(identity);
  again.send(auth);
  await assert.rejects(again.server, isCode("refused"));
  before.close();
  again.close();
});

Deno.test("a hello that was changed on the way is noticed", async () => {
  const identity = await generateIdentity();
  const client = await generateIdentity();
  const talk = await greeted(identity);
  const clientHello = encodeMessage(helloOf({ capabilities: ["shiny"] }));
  const signature = await signClientAuth(client, {
    serverIdentity: identity.publicKey,
    clientHello,
    serverHello: talk.channel.openingBytes,
  });
  talk.send({ type: "auth", identity: client.publicKey, signature });
  await assert.rejects(talk.server, isCode("refused"));
  talk.close();
});

Deno.test("a server refuses a client of another version", async () => {
  const identity = await generateIdentity();
  const channel = new ControlChannel(scripted([encodeMessage(helloOf({ version: 2 }))]));
  await assert.rejects(serverHandshake(channel, serverOptions(identity)), isCode("version", true));
});

Deno.test("a client refuses a server of another version, and tells it nothing", async () => {
  const identity = await generateIdentity();
  const stream = scripted([encodeMessage(helloOf({ version: 2 }))]);
  const options = { identity, serverIdentity: identity.publicKey, ticket: TICKET, agent: "test" };
  const shaking = clientHandshake(new ControlChannel(stream), options);
  await assert.rejects(shaking, isCode("version", true));
  assert.ok(!includes(concatBytes(stream.written), TICKET));
});

Deno.test("a client refuses a server that only repeats what it hears", async () => {
  const identity = await generateIdentity();
  const { near, far, connection } = await streams();
  echo(far);
  const options = { identity, serverIdentity: identity.publicKey, ticket: TICKET, agent: "test" };
  await assert.rejects(clientHandshake(new ControlChannel(near), options), /repeats our nonce/);
  connection.close("none", "");
});

for (const first of [{ type: "bye" }, { type: "ping", token: 1 }] as const) {
  Deno.test(`a server refuses a client that begins with "${first.type}"`, async () => {
    const identity = await generateIdentity();
    const channel = new ControlChannel(scripted([encodeMessage(first)]));
    await assert.rejects(serverHandshake(channel, serverOptions(identity)), isCode("protocol"));
  });
  Deno.test(`a server refuses "${first.type}" from a client that only greeted`, async () => {
    const identity = await generateIdentity();
    const stream = scripted([encodeMessage(helloOf()), encodeMessage(first)]);
    const options = serverOptions(identity);
    const shaking = serverHandshake(new ControlChannel(stream), options);
    await assert.rejects(shaking, isCode("protocol", true));
    assert.equal(stream.written.length, 1);
  });
}

Deno.test("a client learns why it is not let in", async () => {
  const { client, server, far } = await meet({
    admit: () => {
      throw new Error("no room");
    },
  });
  await assert.rejects(server, /no room/);
  far.send({ type: "refuse", code: "busy", message: "no room" });
  await assert.rejects(client, isCode("busy", true));
});

Deno.test("a join proves the session and takes its number", async () => {
  const { client, server, reserved } = await meetAgain({});
  await client;
  assert.deepEqual(await server, { kind: "join", session: SESSION, connection: 3 });
  assert.deepEqual(reserved, [3]);
});

Deno.test("a join of a session that is over is late where its proof holds, and takes no number", async () => {
  const { client, server, reserved, far } = await meetAgain({ isOver: true });
  const handshaken = await server;
  assert.ok(handshaken.kind === "late");
  assert.match(handshaken.refusal.message, /the join does not hold/);
  assert.deepEqual(reserved, []);
  far.abort();
  await assert.rejects(client);
  const wrong = await meetAgain({ isOver: true, welcome: { key: new Uint8Array(32) } });
  await assert.rejects(wrong.server, isCode("refused"));
  wrong.far.abort();
  await assert.rejects(wrong.client);
});

const JOINS: Record<string, MeetAgain> = {
  "the key of another session": { welcome: { key: new Uint8Array(32) } },
  "a session that is not open": { welcome: { session: SESSION + 1 } },
  "a number that is taken": { taken: true },
};

for (const [what, options] of Object.entries(JOINS)) {
  Deno.test(`a join with ${what} is refused, in the same words`, async () => {
    const { client, server, far } = await meetAgain(options);
    await assert.rejects(
      server,
      (thrown) =>
        isCode("refused")(thrown) && /the join does not hold/.test((thrown as Error).message),
    );
    far.abort();
    await assert.rejects(client);
  });
}

Deno.test("a join pins the server anew: one that another passes on is refused", async () => {
  const { client, server, far, reserved } = await meetAgain({ pinned: await generateIdentity() });
  await assert.rejects(server, isCode("refused"));
  assert.deepEqual(reserved, []);
  far.abort();
  await assert.rejects(client);
});

Deno.test("a join's proof is worth nothing with another number, or on another connection", async () => {
  const identity = await generateIdentity();
  const before = await greeted(identity);
  const join = await before.join(3);
  before.send({ ...join, connection: 4 } as Message);
  await assert.rejects(before.server, isCode("refused"));
  const again = await greeted(identity);
  again.send(join);
  await assert.rejects(again.server, isCode("refused"));
  assert.deepEqual([...before.reserved, ...again.reserved], []);
  before.close();
  again.close();
});

Deno.test("a client refuses a server that joins it under another number", async () => {
  const identity = await generateIdentity();
  const hello = helloOf({ nonce: new Uint8Array(32).fill(9) });
  const answers = [encodeMessage(hello), encodeMessage({ type: "joined", connection: 2 })];
  const joining = clientJoin(new ControlChannel(scripted(answers)), {
    welcome: welcomeOf({}),
    serverIdentity: identity.publicKey,
    connection: 1,
    agent: "test",
  });
  await assert.rejects(joining, isCode("protocol"));
});

interface Asked {
  readonly client: Uint8Array;
  readonly ticket: Uint8Array | null;
}

function serverOptions(
  identity: Identity,
  { admitted = [], reserved = [], taken = false, isOver = false, admit }: {
    admitted?: Asked[];
    reserved?: number[];
    taken?: boolean;
    isOver?: boolean;
    admit?: () => never;
  } = {},
): Parameters<typeof serverHandshake>[1] {
  const session: OpenSession = {
    key: KEY,
    isOver,
    reserve: (connection) => {
      if (taken) return false;
      reserved.push(connection);
      return true;
    },
  };
  return {
    identity,
    agent: "test",
    admit: (client, ticket) => {
      admit?.();
      admitted.push({ client, ticket });
      return { session: SESSION, key: KEY, admitted: { grant: GRANT, by: "ticket" } };
    },
    sessionOf: (number) => number === SESSION ? session : null,
  };
}

function welcomeOf(more: Partial<Welcome>): Welcome {
  const counts = { maxConnections: 16, maxLanes: 16 };
  return {
    type: "welcome",
    session: SESSION,
    key: KEY,
    read: true,
    write: true,
    ...counts,
    ...more,
  };
}

/** Two honest ends, each running its half; `pinned` is whom the client takes the server for. */
async function meet(
  { ticket = null, pinned, admit, opening = null }: {
    ticket?: Uint8Array | null;
    pinned?: Identity;
    opening?: Opening | null;
    admit?: () => never;
  },
): Promise<{
  client: Promise<Welcome>;
  server: Promise<Handshaken>;
  admitted: Asked[];
  far: ControlChannel;
}> {
  const [identity, serverIdentity] = await Promise.all([generateIdentity(), generateIdentity()]);
  const { near, far, connection } = await streams();
  const admitted: Asked[] = [];
  const channel = new ControlChannel(far);
  const options = serverOptions(serverIdentity, { admitted, ...(admit ? { admit } : {}) });
  const server = serverHandshake(channel, options);
  const client = clientHandshake(new ControlChannel(near), {
    identity,
    serverIdentity: (pinned ?? serverIdentity).publicKey,
    ticket,
    agent: "test",
    opening,
  });
  if (pinned !== undefined) server.catch(() => connection.close("refused", ""));
  client.catch(() => {});
  server.catch(() => {});
  return { client, server, admitted, far: channel };
}

interface MeetAgain {
  readonly welcome?: Partial<Welcome>;
  readonly taken?: boolean;
  readonly isOver?: boolean;
  readonly pinned?: Identity;
}

/** The same for a further connection, number 3. */
async function meetAgain(
  { welcome = {}, taken = false, isOver = false, pinned }: MeetAgain,
): Promise<{
  client: Promise<void>;
  server: Promise<Handshaken>;
  reserved: number[];
  far: ControlChannel;
}> {
  const identity = await generateIdentity();
  const { near, far } = await streams();
  const reserved: number[] = [];
  const channel = new ControlChannel(far);
  const server = serverHandshake(channel, serverOptions(identity, { reserved, taken, isOver }));
  const client = clientJoin(new ControlChannel(near), {
    welcome: welcomeOf(welcome),
    serverIdentity: (pinned ?? identity).publicKey,
    connection: 3,
    agent: "test",
  });
  client.catch(() => {});
  server.catch(() => {});
  return { client, server, reserved, far: channel };
}

/** A client by hand that has greeted a server and was greeted. */
async function greeted(identity: Identity): Promise<{
  server: Promise<Handshaken>;
  channel: ControlChannel;
  admitted: Asked[];
  reserved: number[];
  send: (message: Message) => void;
  /** The message that proves a client here. */
  auth: (client: Identity) => Promise<Message>;
  join: (connection: number) => Promise<Message>;
  close: () => void;
}> {
  const { near, far, connection } = await streams();
  const admitted: Asked[] = [];
  const reserved: number[] = [];
  const options = serverOptions(identity, { admitted, reserved });
  const server = serverHandshake(new ControlChannel(far), options);
  server.catch(() => {});
  const channel = new ControlChannel(near);
  const own = helloOf();
  const clientHello = channel.send(own);
  const theirs: Hello = await channel.expect("hello");
  const serverIdentity = identity.publicKey;
  const serverHello = channel.openingBytes;
  return {
    server,
    channel,
    admitted,
    reserved,
    send: (message) => void channel.send(message),
    auth: async (client) => ({
      type: "auth",
      identity: client.publicKey,
      signature: await signClientAuth(client, { serverIdentity, clientHello, serverHello }),
    }),
    join: async (number) => ({
      type: "join",
      session: SESSION,
      connection: number,
      mac: await joinMac({
        key: KEY,
        clientNonce: own.nonce,
        serverNonce: theirs.nonce,
        serverIdentity,
        connection: number,
      }),
    }),
    close: () => connection.close("none", ""),
  };
}

/** Sends back whatever comes. */
async function echo(stream: Awaited<ReturnType<typeof streams>>["far"]): Promise<void> {
  for (;;) {
    const read = await stream.read(new Uint8Array(1000)).catch(() => null);
    if (read === null) return;
    await stream.write(read.slice()).catch(() => {});
  }
}

function includes(bytes: Uint8Array, part: Uint8Array): boolean {
  return bytes.some((_, at) => part.every((byte, i) => bytes[at + i] === byte));
}

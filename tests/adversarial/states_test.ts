// Every message of the protocol in every state of a session, from both ends: what is out of place ends
// the session or the transfer with its code, what means nothing is passed over, and the server serves on.

import assert from "node:assert/strict";
import { concatBytes } from "../../src/base/bytes.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { clientHandshake, clientJoin, serverHandshake } from "../../src/session/handshake.ts";
import { helloOf, scripted } from "../../src/session/_fixture.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { encodeMessage } from "../../src/wire/control.ts";
import type { Message } from "../../src/wire/messages.ts";
import { codeOf } from "../session/place.ts";
import { offerOf, rawClient, type RawPeer, rawServer, requestOf } from "../session/raw_peer.ts";
import { SAMPLE_MESSAGES } from "../vectors/messages.ts";
import { Ground } from "./ground.ts";
import { within } from "./hostile_sender.ts";

type Type = Message["type"];
/** What becomes of it: the session ends, the transfer ends with a code, or nothing does. */
type Fate = "ends" | "protocol" | "integrity" | "goes on";

const SESSION: readonly Type[] = ["hello", "auth", "welcome", "join", "joined"];
const PATIENCE_MS = 20_000;

/** One message of each type, of the transfer that runs. */
const MESSAGES: readonly Message[] = [
  ...new Map(Object.values(SAMPLE_MESSAGES).map((message) => [message.type, message])).values(),
].map((message) => "transfer" in message ? { ...message, transfer: 1 } : message);

Deno.test("a server hears a hello first, and then a proof, or nothing", async (t) => {
  const identity = await generateIdentity();
  for (const message of MESSAGES) {
    await t.step(message.type, async () => {
      for (const before of [[], [helloOf()]]) {
        if (before.length === 0 && message.type === "hello") continue;
        const isProof = before.length > 0 && (message.type === "auth" || message.type === "join");
        const isRefusal = before.length === 0 && message.type === "refuse";
        const code = isProof || isRefusal ? "refused" : "protocol";
        const stream = scripted([...before, message].map(encodeMessage));
        const admitted: Uint8Array[] = [];
        const shaking = serverHandshake(new ControlChannel(stream), {
          identity,
          agent: "",
          admit: (client) => {
            admitted.push(client);
            throw new Error("a proof that holds nothing was believed");
          },
          sessionOf: () => null,
        });
        await assert.rejects(shaking, { code });
        assert.deepEqual(admitted, []);
        // Its hello in answer to one, and nothing besides.
        assert.equal(stream.written.length, before.length);
      }
    });
  }
});

Deno.test("a client hears a hello, and then a welcome, or nothing", async (t) => {
  const identity = await generateIdentity();
  const serverIdentity = identity.publicKey;
  const secret = new Uint8Array(32).fill(6);
  const hello = helloOf({ nonce: new Uint8Array(32).fill(3) });
  for (const message of MESSAGES) {
    await t.step(message.type, async () => {
      for (const before of [[], [hello]]) {
        const expected = before.length === 0 ? "hello" : "welcome";
        if (message.type === expected) continue;
        const code = message.type === "refuse" ? "refused" : "protocol";
        const stream = scripted([...before, message].map(encodeMessage));
        const parts = { identity, serverIdentity, ticket: secret, agent: "" };
        await assert.rejects(clientHandshake(new ControlChannel(stream), parts), { code });
        if (before.length > 0) continue;
        assert.equal(stream.written.length, 1, "nothing but its hello was said");
        assert.ok(concatBytes(stream.written).byteLength < 128);
      }
      if (message.type === "hello" || message.type === "joined") return;
      const stream = scripted([hello, message].map(encodeMessage));
      const welcome = SAMPLE_MESSAGES["welcome"] as Extract<Message, { type: "welcome" }>;
      const parts = { welcome, serverIdentity, connection: 1, agent: "" };
      const code = message.type === "refuse" ? "refused" : "protocol";
      await assert.rejects(clientJoin(new ControlChannel(stream), parts), { code });
    });
  }
});

/** States of a session at the server, how they are reached, and what is not out of place in them. */
const SERVER_STATES: Readonly<
  Record<string, { reach: (peer: RawPeer) => Promise<unknown>; fate: (type: Type) => Fate }>
> = {
  "with nothing open": {
    reach: () => Promise.resolve(),
    fate: (type) => endsSession(type) ? "ends" : "goes on",
  },
  "with a push accepted": {
    reach: (peer) => {
      const given = ["states"];
      peer.send(offerOf({ given, destination: "states" }));
      return peer.take("accept");
    },
    fate: (type) =>
      endsSession(type)
        ? "ends"
        : ["ping", "pong", "ports", "omitted", "abort"].includes(type)
        ? "goes on"
        : "protocol",
  },
  "with a pull offered": {
    reach: (peer) => {
      peer.send(requestOf("mine"));
      return peer.take("offer");
    },
    fate: (type) =>
      endsSession(type)
        ? "ends"
        : ["ping", "pong", "ports", "abort", "accept", "durable"].includes(type)
        ? "goes on"
        : type === "receipt" // Nobody signed this one.
        ? "integrity"
        : "protocol",
  },
};

for (const [state, { reach, fate }] of Object.entries(SERVER_STATES)) {
  Deno.test(`a server ${state} takes no message that is out of place`, async (t) => {
    await using ground = await Ground.open();
    const server = await ground.server();
    for (const message of MESSAGES) {
      const isPassed = await t.step(message.type, async () => {
        const client = await rawClient(ground.place.network, server.remote());
        await reach(client);
        client.send(message);
        assert.equal(await fateOf(client, fate(message.type)), fate(message.type));
        client.connection.close("none", "");
        await client.connection.closed;
      });
      // Each that fails was waited for.
      if (!isPassed) return;
    }
    await ground.assertServes();
    await ground.assertUntouched();
    await ground.assertTidy();
  });
}

/** What a client makes of each message before its transfer began, by what it asked for. */
for (
  const [direction, opener, awaited] of [
    ["push", "offer", "accept"],
    ["pull", "request", "offer"],
  ] as const
) {
  Deno.test(`a ${direction} takes no message but the ${awaited} it waits for`, async (t) => {
    await using ground = await Ground.open();
    const { place } = ground;
    for (const message of MESSAGES) {
      if (["ping", "pong", "ports", "bye", "abort", "durable", awaited].includes(message.type)) {
        continue;
      }
      await t.step(message.type, async () => {
        const { remote, served } = await rawServer(place.network, async (peer) => {
          await peer.take(opener);
          peer.send(message);
          await peer.take("bye").catch(() => {});
          peer.connection.close("none", "");
        });
        // What ends a session out of order is looked for until its time is over; the rest is at once.
        const more = { timeoutMs: "transfer" in message ? 10_000 : 500 };
        const run = direction === "push"
          ? place.push(["honest"], { ...remote, path: "f" }, more)
          : place.pull([{ ...remote, path: "f" }], "into/", more);
        const code = codeOf(await run.summary);
        // It is a loss; nobody is there to be found again.
        if (!("transfer" in message)) return assert.notEqual(code, null);
        const isUnsigned = direction === "push" && message.type === "receipt";
        assert.equal(code, isUnsigned ? "integrity" : "protocol");
        await served;
      });
    }
    await ground.assertUntouched();
  });
}

function endsSession(type: Type): boolean {
  // What is said to be compressed here is not.
  return SESSION.includes(type) || ["bye", "refuse", "compressed"].includes(type);
}

/** What became of a message: looked for in the way in which what is expected would show. */
async function fateOf(peer: RawPeer, expected: Fate): Promise<string> {
  return await within(PATIENCE_MS, async () => {
    if (expected === "goes on") peer.send({ type: "ping", token: 4242 });
    for (;;) {
      const message = await peer.channel.receive().catch(() => null);
      if (message === null) return "ends";
      // A session that ends tells its transfers first.
      if (message.type === "abort" && !["goes on", "ends"].includes(expected)) return message.code;
      if (message.type === "pong" && message.token === 4242) return "goes on";
    }
  });
}

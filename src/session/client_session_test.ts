import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EARLY_MANIFEST } from "../engine/early_manifest.ts";
import { LIMITS } from "../base/limits.ts";
import { memoryTransport } from "../transport/memory.ts";
import type { Connection, Transport } from "../transport/transport.ts";
import { generateIdentity } from "../trust/identity.ts";
import type { Message } from "../wire/messages.ts";
import { helloOf, isCode, offerOf } from "./_fixture.ts";
import { ClientSession } from "./client_session.ts";
import { ControlChannel } from "./control_channel.ts";
import type { SessionOptions } from "./options.ts";

type Opened = Parameters<typeof ClientSession.open>[2];

/** Opens a session over the transport that `change` makes of one in memory, with a server that `answer`s. */
async function opened(
  { answer = () => Promise.resolve(), change = (transport) => transport, timeoutMs = 5_000, how }: {
    readonly answer?: (control: ControlChannel) => Promise<void>;
    readonly change?: (transport: Transport) => Transport;
    readonly timeoutMs?: number;
    readonly how: Opened;
  },
  body: (session: Promise<ClientSession>) => Promise<void>,
): Promise<void> {
  const network = memoryTransport();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await network.listen(at);
  const home = await mkdtemp(join(tmpdir(), "sftpx-session-"));
  const { publicKey: identity } = await generateIdentity();
  const serving = listener.accept()
    .then(async (peer) => {
      if (peer !== null) await answer(new ControlChannel(await peer.acceptControl()));
    })
    .catch(() => {}); // The client left.
  try {
    const options = {
      transport: change(network),
      identityPath: join(home, "identity"),
      connections: 0,
      congestion: "auto",
      timeoutMs,
      onEvent: () => {},
      signal: new AbortController().signal,
    } as const satisfies SessionOptions;
    const remote = { addresses: [listener.address], identity, ticket: null, path: "" };
    await body(ClientSession.open(options, remote, how));
  } finally {
    listener.close();
    network.cut();
    await serving;
    await rm(home, { recursive: true });
  }
}

for (const takes of [true, false]) {
  const is = takes ? "known to be said" : "not taken for said, though it was made ready,";
  Deno.test(`a manifest is ${is} where the server ${takes ? "takes" : "does not take"} it early`, async () => {
    const answer = async (control: ControlChannel) => {
      await control.expect("hello");
      control.send(helloOf({ capabilities: takes ? [EARLY_MANIFEST] : [] }));
      await control.expect("auth");
      const granted = { read: true, write: true, maxConnections: 4, maxLanes: 4 };
      control.send({ type: "welcome", session: 1, key: new Uint8Array(32), ...granted });
      await control.flushed();
    };
    const end: Message = { type: "manifest_end", transfer: 1, entries: 0, files: 0, bytes: 0 };
    const how = { opening: offerOf(1), manifest: () => [end] };
    await opened({ answer, how }, async (session) => {
      await using made = await session;
      assert.equal(made.hasManifest, takes);
    });
  });
}

Deno.test("a session that fails before its hello could leave dials nothing more", async () => {
  let dialled = 0;
  const closed = Promise.withResolvers<void>();
  const change = (network: Transport): Transport => ({
    ...network,
    connect: async (to) => {
      dialled++;
      to.onAnswer?.(10 * LIMITS.shortPathMs);
      return stuck(await network.connect(to), closed.resolve);
    },
  });
  const outlook = { isForSeveral: true, prepare: () => {} };
  const how = { opening: offerOf(1), manifest: () => [], outlook };
  await opened({ change, timeoutMs: 20, how }, async (session) => {
    await assert.rejects(session, isCode("unreachable"));
    await closed.promise;
    await new Promise((resolve) => setTimeout(resolve));
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(dialled, 1);
  });
});

/** From another machine, as it seems, which takes nothing of what is said to it until it is closed. */
function stuck(connection: Connection, onClosed: () => void): Connection {
  const write = () => connection.closed.then(() => Promise.reject(new Error("it is closed")));
  connection.closed.then(onClosed);
  return {
    stack: "quic",
    remoteAddress: "192.0.2.1:4443",
    protocol: connection.protocol,
    openControl: async () => {
      const control = await connection.openControl();
      return {
        write,
        read: (into, options) => control.read(into, options),
        close: () => control.close(),
        abort: () => control.abort(),
        cancel: () => control.cancel(),
      };
    },
    acceptControl: () => connection.acceptControl(),
    openLane: () => connection.openLane(),
    acceptLane: () => connection.acceptLane(),
    stats: () => connection.stats(),
    close: (code, reason) => connection.close(code, reason),
    closed: connection.closed,
  };
}

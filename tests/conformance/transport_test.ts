// One suite over every transport: what the session relies on must hold for all of them.

import assert from "node:assert/strict";
import process from "node:process";
import { SftpxError } from "../../src/base/errors.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import { memoryTransport } from "../../src/transport/memory.ts";
import { loadQuiche } from "../../src/transport/quiche/binding.ts";
import { quicheTransport } from "../../src/transport/quiche/quiche.ts";
import { ThreadTransport } from "../../src/transport/thread/thread.ts";
import { tlsTransport } from "../../src/transport/tls/tls.ts";
import {
  type CloseInfo,
  type Connection,
  type ControlStream,
  type Listener,
  type Protocol,
  PROTOCOLS,
  type ReceiveStream,
  type SendStream,
  type Transport,
} from "../../src/transport/transport.ts";
import { anchorPem, issueLeaf } from "../../src/trust/certificate.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { lastingPort } from "../one_port.ts";
import { overStacks } from "../quiche_addon.ts";
import { shut } from "./quic_peers.ts";

const MiB = 1024 * 1024;

const quiche = await loadQuiche();

/** Those that the running test uses. */
const threads: ThreadTransport[] = [];

for (
  const make of [
    () => denoQuicTransport(),
    () => quicheTransport(quiche),
    () => tlsTransport(),
    () => memoryTransport(),
    () => onThread(),
  ]
) {
  const { name } = make();
  /** A pair of ends, torn down whatever the body does. */
  const withPair = (title: string, body: (pair: Pair) => Promise<void>) =>
    test(overStacks(`${name}: ${title}`), async () => {
      const pair = await connectPair(make());
      try {
        await body(pair);
      } finally {
        await pair.tearDown();
      }
    });

  withPair("the control stream carries bytes both ways", async ({ client, server }) => {
    const [a, b] = await controlPair(client, server);
    await b.write(bytesOf("pong"));
    assert.equal(textOf(await readExactly(a, 4)), "pong");
    await a.write(bytesOf("again"));
    assert.equal(textOf(await readExactly(b, 5)), "again");
  });

  withPair("a second control stream is the caller's mistake", async ({ client, server }) => {
    await controlPair(client, server);
    await assert.rejects(client.openControl(), TypeError);
    await assert.rejects(server.acceptControl(), TypeError);
  });

  withPair("lanes go both ways, many at once", async ({ client, server }) => {
    const count = 24;
    await Promise.all([[client, server], [server, client]].map(async ([from, to]) => {
      assert.ok(from !== undefined && to !== undefined);
      const sent = Array.from({ length: count }, async (_, index) => {
        const lane = await from.openLane();
        await lane.write(pattern(10_000, index));
        await lane.close();
      });
      const seen = await Promise.all(Array.from({ length: count }, async () => {
        const lane = await to.acceptLane();
        assert.ok(lane !== null);
        const got = await readToEnd(lane);
        const index = got[0] ?? -1;
        assert.deepEqual(got, pattern(10_000, index));
        return index;
      }));
      await Promise.all(sent);
      assert.equal(new Set(seen).size, count);
    }));
  });

  withPair("a large stream arrives bit-exact through full buffers", async ({ client, server }) => {
    const total = 24 * MiB;
    const lane = await client.openLane();
    let written = 0;
    const writing = (async () => {
      for (let at = 0; at < total; at += MiB) {
        await lane.write(pattern(MiB, at / MiB));
        written = at + MiB;
      }
      await lane.close();
    })();
    const far = await server.acceptLane();
    assert.ok(far !== null);
    // With nobody reading, the writer must stop by itself; control still passes meanwhile.
    await controlPair(client, server);
    assert.ok(written < total, "the writer ran ahead of the reader without bound");
    for (let at = 0; at < total; at += MiB) {
      assert.deepEqual(await readExactly(far, MiB), pattern(MiB, at / MiB));
    }
    assert.equal(await far.read(new Uint8Array(1)), null);
    await writing;
  });

  withPair("a buffer may be used again once its write settled", async ({ client, server }) => {
    const lane = await client.openLane();
    const buffer = new Uint8Array(256 * 1024);
    const rounds = 16;
    const writing = (async () => {
      for (let round = 0; round < rounds; round++) {
        buffer.fill(round);
        await lane.write(buffer);
        buffer.fill(0xff);
      }
      await lane.close();
    })();
    const far = await server.acceptLane();
    assert.ok(far !== null);
    for (let round = 0; round < rounds; round++) {
      const got = await readExactly(far, buffer.byteLength);
      assert.ok(got.every((byte) => byte === round), `round ${round} was overwritten`);
    }
    await writing;
  });

  withPair("a read keeps its view's offset and detaches the buffer", async ({ client, server }) => {
    const total = 2 * MiB;
    const lane = await client.openLane();
    const writing = lane.write(pattern(total, 7));
    const far = await server.acceptLane();
    assert.ok(far !== null);
    let buffer = new ArrayBuffer(total + 100);
    for (let filled = 0; filled < total;) {
      const into = new Uint8Array(buffer, 100 + filled, total - filled);
      const got = await far.read(into);
      assert.ok(got !== null && got.byteLength > 0);
      // Where an engine would copy the memory, these take the buffer on trust.
      const mayStay = ["quiche", "tls"].includes(name) && process.versions["bun"] !== undefined;
      assert.ok(buffer.detached || mayStay);
      assert.equal(got.byteOffset, 100 + filled);
      assert.equal(got.buffer.byteLength, total + 100);
      buffer = got.buffer;
      filled += got.byteLength;
    }
    assert.deepEqual(new Uint8Array(buffer, 100), pattern(total, 7));
    await writing;
  });

  withPair("an empty view is the caller's mistake", async ({ client, server }) => {
    const lane = await client.openLane();
    await lane.write(bytesOf("x"));
    const far = await server.acceptLane();
    assert.ok(far !== null);
    await assert.rejects(far.read(new Uint8Array(0)), TypeError);
  });

  withPair("a lane ended in order reads as null, again and again", async ({ client, server }) => {
    const lane = await client.openLane();
    await lane.write(bytesOf("last"));
    await lane.close();
    const far = await server.acceptLane();
    assert.ok(far !== null);
    assert.equal(textOf(await readExactly(far, 4)), "last");
    assert.equal(await far.read(new Uint8Array(8)), null);
    assert.equal(await far.read(new Uint8Array(8)), null);
  });

  withPair("a write after close is the caller's mistake", async ({ client }) => {
    const lane = await client.openLane();
    await lane.close();
    await assert.rejects(lane.write(bytesOf("x")), TypeError);
  });

  withPair("a lane given up leaves the connection whole", async ({ client, server }) => {
    const lane = await client.openLane();
    await lane.write(bytesOf("some"));
    lane.abort();
    lane.abort();
    const far = await server.acceptLane();
    assert.ok(far !== null);
    await readToEnd(far);
    const [a, b] = await controlPair(client, server);
    await a.write(bytesOf("on"));
    assert.equal(textOf(await readExactly(b, 2)), "on");
  });

  withPair("a lane the reader gave up fails its writer as lost", async ({ client, server }) => {
    const lane = await client.openLane();
    await lane.write(bytesOf("some"));
    const far = await server.acceptLane();
    assert.ok(far !== null);
    far.cancel();
    far.cancel();
    await rejectsLost(writeForever(lane));
    await rejectsLost(far.read(new Uint8Array(8)));
    await controlPair(client, server);
  });

  withPair("a close with a code reaches the peer as it was meant", async ({ client, server }) => {
    await controlPair(client, server);
    server.close("integrity", "the digest differs");
    const seen: CloseInfo = { code: "integrity", reason: "the digest differs", remote: true };
    assert.deepEqual(await client.closed, seen);
    assert.deepEqual(await server.closed, { ...seen, remote: false });
  });

  withPair("a close in order is told from a loss", async ({ client, server }) => {
    client.close("none", "");
    client.close("integrity", "a second close changes nothing");
    assert.deepEqual(await server.closed, { code: "none", reason: "", remote: true });
    assert.deepEqual(await client.closed, { code: "none", reason: "", remote: false });
  });

  withPair("a local close rejects what is pending as lost", async ({ client, server }) => {
    const [a] = await controlPair(client, server);
    const lane = await client.openLane();
    const reading = rejectsLost(a.read(new Uint8Array(10)));
    const writing = rejectsLost(writeForever(lane));
    const accepting = client.acceptLane();
    client.close("interrupted", "");
    await Promise.all([reading, writing]);
    assert.equal(await accepting, null);
    await rejectsLost(client.openLane());
    await rejectsLost(lane.write(bytesOf("x")));
    await rejectsLost(a.read(new Uint8Array(10)));
    await server.closed;
  });

  withPair("the peer's close rejects what is pending, with its reason", async (pair) => {
    const { client, server } = pair;
    const [, b] = await controlPair(client, server);
    const reading = rejectsLost(b.read(new Uint8Array(10)));
    const lane = await server.openLane();
    const writing = rejectsLost(writeForever(lane));
    client.close("no_space", "the disk is full\u001b[2J");
    await server.closed;
    const opening = rejectsLost(server.openLane());
    for (const error of await Promise.all([reading, writing, opening])) {
      assert.equal(error.remote, true);
      assert.match(error.message, /no_space: the disk is full/);
      assert.ok(!error.message.includes("\u001b"), "the peer's text must be escaped (I9)");
    }
    assert.equal(await server.acceptLane(), null);
  });

  withPair("a connection that ends first fails acceptControl()", async ({ client, server }) => {
    const accepting = rejectsLost(server.acceptControl());
    client.close("terminated", "");
    await accepting;
  });

  test(
    overStacks(`${name}: a closed listener answers null, its connections go on`),
    async () => {
      const pair = await connectPair(make());
      try {
        const waiting = pair.listener.accept();
        pair.listener.close();
        pair.listener.close();
        assert.equal(await waiting, null);
        assert.equal(await pair.listener.accept(), null);
        await controlPair(pair.client, pair.server);
        await rejectsCode(
          pair.transport.connect({ ...pair.to, signal: AbortSignal.timeout(300) }),
          "unreachable",
        );
      } finally {
        await pair.tearDown();
      }
    },
  );

  test(overStacks(`${name}: a signal ends listening`), async () => {
    const transport = make();
    const stop = new AbortController();
    const listener = await transport.listen({ ...await listenAt("::"), signal: stop.signal });
    const waiting = listener.accept();
    stop.abort();
    assert.equal(await waiting, null);
  });

  test(overStacks(`${name}: a port that is taken says so`), async () => {
    const transport = make();
    const at = await listenAt("127.0.0.1");
    const first = await transport.listen(at);
    try {
      const { port } = first.address;
      const error = await rejectsCode(transport.listen({ ...at, port }), "io");
      const over = name === "tls" ? "TCP" : "UDP";
      const found = `${over} port ${port} is taken; stop what has it, or listen on another one`;
      assert.equal(
        error.message,
        `Cannot listen on "127.0.0.1:${port}": ${found} (0 picks one)`,
      );
    } finally {
      await shut(first);
    }
  });

  test(
    overStacks(`${name}: nobody at the port is unreachable, within the signal`),
    async () => {
      const transport = make();
      // One that another test is not given meanwhile.
      const port = await lastingPort();
      const at = await listenAt("127.0.0.1");
      await shut(await transport.listen({ ...at, port }));
      const signal = AbortSignal.timeout(200);
      await rejectsCode(
        transport.connect({ hostname: "127.0.0.1", port, anchorPem: at.anchorPem, signal }),
        "unreachable",
      );
    },
  );

  test(overStacks(`${name}: an aborted signal ends connect() with its reason`), async () => {
    const reason = new SftpxError("interrupted", "Cannot go on: interrupted");
    const signal = AbortSignal.abort(reason);
    const { anchorPem } = await listenAt("127.0.0.1");
    await assert.rejects(
      make().connect({ hostname: "127.0.0.1", port: 9, anchorPem, signal }),
      (thrown) => thrown === reason,
    );
  });

  for (const hostname of ["127.0.0.1", "::1", "localhost"]) {
    test(
      overStacks(`${name}: "${hostname}" reaches a listener on every address`),
      async () => {
        const pair = await connectPair(make(), { hostname });
        try {
          await controlPair(pair.client, pair.server);
          assert.match(pair.server.remoteAddress, /^(127\.0\.0\.1|\[::1\]):[0-9]+$/);
        } finally {
          await pair.tearDown();
        }
      },
    );
  }

  for (const protocol of [undefined, ...PROTOCOLS]) {
    const spoken = protocol ?? "sftpx/1";
    test(
      overStacks(`${name}: ${protocol ?? "nothing"} asked for, both ends agree on ${spoken}`),
      async () => {
        const pair = await connectPair(make(), protocol === undefined ? {} : { protocol });
        try {
          assert.deepEqual([pair.client.protocol, pair.server.protocol], [spoken, spoken]);
        } finally {
          await pair.tearDown();
        }
      },
    );
  }

  test(
    overStacks(`${name}: a peer that offers another protocol is refused, and nobody sees it`),
    async () => {
      const transport = make();
      const at = await listenAt("127.0.0.1");
      const listener = await transport.listen(at);
      const to = { ...at, port: listener.address.port };
      const stranger = "sftpx/99" as unknown as Protocol;
      try {
        const error = await rejectsCode(
          transport.connect({ ...to, protocol: stranger }),
          "version",
        );
        assert.equal(error.remote, true);
        // The next one to be accepted is the next one that may speak.
        const client = await transport.connect({ ...to, protocol: "sftpx-claim/1" });
        const server = await listener.accept();
        assert.equal(server?.protocol, "sftpx-claim/1");
        client.close("none", "");
        await Promise.all([client.closed, server.closed]);
      } finally {
        await shut(listener);
      }
    },
  );

  test(overStacks(`${name}: fifty connections at once`), async () => {
    const transport = make();
    const at = await listenAt("::");
    const listener = await transport.listen(at);
    const to = { hostname: "127.0.0.1", port: listener.address.port, anchorPem: at.anchorPem };
    const serving = (async () => {
      const jobs = [];
      for (let left = 50; left > 0; left--) {
        const connection = await listener.accept();
        assert.ok(connection !== null);
        jobs.push((async () => {
          const control = await connection.acceptControl();
          await control.write(await readExactly(control, 1));
          return await connection.closed;
        })());
      }
      return await Promise.all(jobs);
    })();
    const clients = Array.from({ length: 50 }, async (_, index) => {
      const connection = await transport.connect(to);
      const control = await connection.openControl();
      await control.write(Uint8Array.of(index));
      assert.deepEqual(await readExactly(control, 1), Uint8Array.of(index));
      connection.close("none", "");
      await connection.closed;
    });
    await Promise.all(clients);
    assert.ok((await serving).every((info) => info.code === "none" && info.remote));
    await shut(listener);
  });
}

/** A test, at whose end no thread is left. */
function test(
  options: ReturnType<typeof overStacks>,
  body: () => Promise<void>,
): void {
  Deno.test({
    ...options,
    fn: async () => {
      try {
        await body();
      } finally {
        await Promise.all(threads.splice(0).map((thread) => thread[Symbol.asyncDispose]()));
      }
    },
  });
}

/** Deno's QUIC on a thread: to its listeners this machine may come. */
function onThread(): Transport {
  const workerUrl = new URL("../../workers/transport.ts", import.meta.url);
  const thread = new ThreadTransport({ workerUrl, stack: denoQuicTransport() });
  threads.push(thread);
  return {
    name: `${thread.name} on a thread`,
    addsToRuntimeRoots: thread.addsToRuntimeRoots,
    unavailable: (wanted) => thread.unavailable(wanted),
    connect: (options) => thread.connect(options),
    listen: async (options) => {
      const listener = await thread.listen(options);
      listener.admit(["127.0.0.1:1", "[::1]:1"]);
      return listener;
    },
  };
}

interface Pair {
  readonly transport: Transport;
  readonly listener: Listener;
  readonly to: { readonly hostname: string; readonly port: number; readonly anchorPem: string };
  readonly client: Connection;
  readonly server: Connection;
  tearDown(): Promise<void>;
}

/** One connection through a listener on every address. */
async function connectPair(
  transport: Transport,
  options: { readonly hostname?: string; readonly protocol?: Protocol } = {},
): Promise<Pair> {
  const at = await listenAt("::");
  const listener = await transport.listen(at);
  const { port } = listener.address;
  const to = { hostname: "127.0.0.1", ...options, port, anchorPem: at.anchorPem };
  const [client, server] = await Promise.all([transport.connect(to), listener.accept()]);
  assert.ok(server !== null);
  const tearDown = async () => {
    listener.close();
    client.close("none", "");
    server.close("none", "");
    await Promise.all([client.closed, server.closed]);
    await shut(listener);
  };
  return { transport, listener, to, client, server, tearDown };
}

const leaf = lazily(async () => {
  const identity = await generateIdentity();
  const { certificatePem, keyPem } = await issueLeaf(identity, { nowMs: Date.now() });
  return { certificatePem, keyPem, anchorPem: anchorPem(identity.publicKey) };
});

async function listenAt(hostname: string) {
  return { hostname, port: 0, ...await leaf() };
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => made ??= make();
}

/** The control stream at both ends, each having heard from the other. */
async function controlPair(
  client: Connection,
  server: Connection,
): Promise<[ControlStream, ControlStream]> {
  const near = await client.openControl();
  await near.write(bytesOf("ping"));
  const far = await server.acceptControl();
  assert.equal(textOf(await readExactly(far, 4)), "ping");
  return [near, far];
}

async function readExactly(stream: ReceiveStream, count: number): Promise<Uint8Array<ArrayBuffer>> {
  let buffer = new ArrayBuffer(count);
  for (let filled = 0; filled < count;) {
    const got = await stream.read(new Uint8Array(buffer, filled));
    assert.ok(got !== null, `the stream ended after ${filled} of ${count} bytes`);
    buffer = got.buffer;
    filled += got.byteLength;
  }
  return new Uint8Array(buffer);
}

async function readToEnd(stream: ReceiveStream): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const got = await stream.read(new Uint8Array(4096));
    if (got === null) break;
    parts.push(got);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function writeForever(lane: SendStream): Promise<never> {
  for (;;) await lane.write(new Uint8Array(MiB));
}

async function rejectsCode(promise: Promise<unknown>, code: string): Promise<SftpxError> {
  const thrown = await promise.then(
    () => assert.fail(`it should have failed as ${code}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(thrown instanceof SftpxError, `not an SftpxError: ${thrown}`);
  assert.equal(thrown.code, code, thrown.message);
  return thrown;
}

function rejectsLost(promise: Promise<unknown> | undefined): Promise<SftpxError> {
  assert.ok(promise !== undefined);
  return rejectsCode(promise, "lost");
}

/** Bytes that tell their position and their stream. */
function pattern(count: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i++) bytes[i] = (seed + i * 31 + (i >> 8) * 7) & 0xff;
  return bytes;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

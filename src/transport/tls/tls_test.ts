// What is TLS's own of this transport; what all have in common is in tests/conformance. Peers that keep to
// nothing are made of bare channels, with frames of their own.

import assert from "node:assert/strict";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { LIMITS } from "../../base/limits.ts";
import {
  endBoth,
  failureOf,
  HERE,
  issue,
  sayHello,
  shut,
} from "../../../tests/conformance/quic_peers.ts";
import { TcpSockets } from "../../runtime/tcp_sockets.ts";
import { DENO_TLS } from "../deno_tls.ts";
import type { Listener, ListenOptions } from "../transport.ts";
import type { ByteChannel, ChannelStack } from "./channel.ts";
import { decodeHeader, encodeHeader, HEADER_BYTES, type MuxFrame } from "./frames.ts";
import { NODE_TLS } from "./node_channel.ts";
import { tlsTransport } from "./tls.ts";

const STACK: ChannelStack = globalThis.Deno === undefined ? NODE_TLS : DENO_TLS;
type Pems = Awaited<ReturnType<typeof issue>>;

interface Served {
  readonly listener: Listener;
  readonly to: { readonly hostname: string; readonly port: number; readonly anchorPem: string };
}

async function serve(
  limits: Parameters<typeof tlsTransport>[0] = {},
  more: Partial<ListenOptions> & { readonly pems?: Pems } = {},
): Promise<Served> {
  const pems = more.pems ?? await issue();
  const listener = await tlsTransport(limits).listen({ hostname: HERE, port: 0, ...pems, ...more });
  const to = { hostname: HERE, port: listener.address.port, anchorPem: pems.anchorPem };
  return { listener, to };
}

/** A client that is nothing but TLS, and the connection that the server has of it. */
async function bareClient({ listener, to }: Served) {
  const { anchorPem, port } = to;
  const channel = await STACK.connect({
    address: { hostname: HERE, port, family: 4 },
    anchorPem,
    signal: new AbortController().signal,
  });
  const [agreed, server] = await Promise.all([channel.handshake(), listener.accept()]);
  assert.equal(agreed, "sftpx/1");
  assert.ok(server !== null);
  return { channel, server };
}

function bytesOf(...frames: readonly MuxFrame[]): Uint8Array<ArrayBuffer> {
  const parts = frames.map((frame) => {
    const bytes = new Uint8Array(HEADER_BYTES + (frame.kind === "data" ? frame.bytes : 0));
    encodeHeader(frame, new DataView(bytes.buffer));
    return bytes;
  });
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Lets nothing run for so many turns of 4 ms but what waits for no event. */
function keepBusy(turns: number): void {
  for (const untilMs = performance.now() + 4; performance.now() < untilMs;);
  if (turns > 1) queueMicrotask(() => keepBusy(turns - 1));
}

/** All that a channel hears till it ends. */
async function allOf(channel: ByteChannel): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const into = new Uint8Array(64 * 1024);
    const count = await channel.read(into);
    if (count === null) break;
    parts.push(into.subarray(0, count));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const open = (stream: number): MuxFrame => ({ kind: "open", stream });
const data = (stream: number, bytes: number): MuxFrame => ({
  kind: "data",
  stream,
  bytes,
  spends: false,
});

Deno.test("a server that does not prove the pinned identity is refused, though one was right before", async () => {
  const served = await serve();
  const client = await tlsTransport().connect(served.to);
  const server = await served.listener.accept();
  await sayHello(client, server!);
  await endBoth(client, server!);
  // No session is resumed: the certificate is looked at anew.
  const { anchorPem } = await issue();
  const error = await failureOf(tlsTransport().connect({ ...served.to, anchorPem }));
  assert.equal(error.code, "identity_mismatch");
  assert.equal(error.remote, true);
  assert.match(error.message, /: the server does not prove the pinned identity$/);
  await shut(served.listener);
});

Deno.test("a certificate outside its days is told from another identity", async () => {
  const dayMs = 24 * 60 * 60 * 1000;
  for (const [nowMs, found] of [[3 * dayMs, "holds from"], [-500 * dayMs, "held until"]] as const) {
    const served = await serve({}, { pems: await issue(Date.now() + nowMs) });
    const error = await failureOf(tlsTransport().connect(served.to));
    assert.equal(error.code, "failed", error.message);
    assert.ok(error.message.includes(`its certificate ${found}`), error.message);
    await shut(served.listener);
  }
});

Deno.test("a server that names no protocol is of another version", async () => {
  const { certificatePem: cert, keyPem: key, anchorPem } = await issue();
  const sockets = new Set<Socket>();
  const server = createTlsServer({ cert, key }, (tls) => tls.on("error", () => {}));
  server.on("tlsClientError", () => {});
  server.on("connection", (socket) => sockets.add(socket));
  const port = await portOf(server);
  const error = await failureOf(tlsTransport().connect({ hostname: HERE, port, anchorPem }));
  assert.equal(error.code, "version", error.message);
  for (const socket of sockets) socket.destroy();
  await closed(server);
});

Deno.test("what speaks no TLS at the port is unreachable, and says so at once", async () => {
  for (const text of ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n"]) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("data", () => socket.end(text));
    });
    const port = await portOf(server);
    const { anchorPem } = await issue();
    const error = await failureOf(tlsTransport().connect({ hostname: HERE, port, anchorPem }));
    assert.equal(error.code, "unreachable", error.message);
    assert.match(error.message, /: what answers there speaks no TLS$/);
    for (const socket of sockets) socket.destroy();
    await closed(server);
  }
});

Deno.test("an answer is waited for as long as a dial's caller does", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket));
  const to = { hostname: HERE, port: await portOf(server), anchorPem: (await issue()).anchorPem };
  const stop = new AbortController();
  const impatient = tlsTransport({ answerMs: 20 });
  const patient = impatient.connect({ ...to, patienceMs: 3_600_000, signal: stop.signal });
  const noted = failureOf(patient).then((error) => ({ error, wasStopped: stop.signal.aborted }));
  assert.match(
    (await failureOf(impatient.connect(to))).message,
    /: no answer; either nothing runs/,
  );
  stop.abort(new DOMException("", "TimeoutError"));
  const { error, wasStopped } = await noted;
  assert.ok(wasStopped);
  assert.match(error.message, /: no answer in time$/);
  for (const socket of sockets) socket.destroy();
  await closed(server);
});

Deno.test("what hangs up before a word may be busy, and is unreachable once it did so for long", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.destroy();
  });
  const to = { hostname: HERE, port: await portOf(server), anchorPem: (await issue()).anchorPem };
  assert.equal((await failureOf(tlsTransport().connect(to))).code, "busy");
  const error = await failureOf(tlsTransport({ hangUpMs: 0 }).connect(to));
  assert.equal(error.code, "unreachable");
  assert.match(error.message, /hangs up before a word/);
  await closed(server);
});

Deno.test("a server that was heard is busy when it hangs up, for however long", async () => {
  let mayEnter = true;
  const served = await serve({}, { screen: () => mayEnter });
  const transport = tlsTransport({ hangUpMs: 0 });
  const [client, server] = await Promise.all([
    transport.connect(served.to),
    served.listener.accept(),
  ]);
  await sayHello(client, server!);
  await endBoth(client, server!);
  mayEnter = false;
  assert.equal((await failureOf(transport.connect(served.to))).code, "busy");
  await shut(served.listener);
});

Deno.test("who speaks no TLS to the server goes away with nothing, and others are served", async () => {
  const served = await serve();
  const heard = await plainly(served.to.port, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
  assert.ok(!heard.startsWith("HTTP"), heard);
  const [client, server] = await Promise.all([
    tlsTransport().connect(served.to),
    served.listener.accept(),
  ]);
  await sayHello(client, server!);
  await endBoth(client, server!);
  await shut(served.listener);
});

Deno.test("a peer that says nothing has its time, and no more", async () => {
  const served = await serve({ handshakeMs: 30 });
  // Ends by the server's doing, or never.
  assert.equal(await plainly(served.to.port, ""), "");
  assert.equal(await plainly(served.to.port, "\x16\x03\x01"), "");
  await shut(served.listener);
});

Deno.test("a peer that may not enter is turned away before its handshake, as one that may wait", async () => {
  const asked: string[] = [];
  const screen = (address: string) => asked.push(address) > 1;
  const served = await serve({}, { screen });
  const error = await failureOf(tlsTransport().connect(served.to));
  assert.equal(error.code, "busy", error.message);
  assert.match(asked[0]!, /^127\.0\.0\.1:\d+$/);
  const [client, server] = await Promise.all([
    tlsTransport().connect(served.to),
    served.listener.accept(),
  ]);
  await sayHello(client, server!);
  await endBoth(client, server!);
  await shut(served.listener);
});

Deno.test("more than may begin at once wait in the system's line, and all get in", async () => {
  const served = await serve({ arrivals: { burst: 1, perSecond: 200 } });
  const pairs = await Promise.all(Array.from({ length: 5 }, async () => {
    const client = tlsTransport().connect(served.to);
    return [await client, await served.listener.accept()] as const;
  }));
  for (const [client] of pairs) client.close("none", "");
  await Promise.all(pairs.map(([, server]) => server!.closed));
  await Promise.all(pairs.map(([client]) => client.closed));
  await shut(served.listener);
});

Deno.test("whoever breaks a rule is told so, and its connection ends", async () => {
  const most = LIMITS.lanesPerConnection;
  const lanes = Array.from({ length: most + 1 }, (_, n) => open(1 + 2 * n));
  const window = LIMITS.firstMuxWindowBytes;
  const floods: readonly (readonly [Uint8Array<ArrayBuffer>, RegExp])[] = [
    [bytesOf(...lanes), /it opens too many lanes/],
    [bytesOf(open(1), data(1, window), data(1, 1)), /beyond its stream's credit/],
    [
      bytesOf(open(0), { kind: "credit", stream: 0, bytes: LIMITS.mostWindowBytes }),
      /too many bytes/,
    ],
    [Uint8Array.fromHex("0100000000000001ffffffff"), /it has 4294967295 bytes/],
    [new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), /none of this protocol's/],
  ];
  const served = await serve();
  for (const [flood, found] of floods) {
    const { channel, server } = await bareClient(served);
    const accepting = server.acceptLane();
    await channel.write(flood);
    const heard = await allOf(channel);
    channel.destroy();
    const at = heard.byteLength - reasonBytesOf(heard);
    const last = decodeHeader(new DataView(heard.buffer), at - HEADER_BYTES);
    assert.ok(last.kind === "close" && last.code === 0x31);
    assert.match(new TextDecoder().decode(heard.subarray(at)), found);
    assert.equal((await server.closed).code, "protocol");
    await accepting;
  }
  await shut(served.listener);
});

Deno.test("a TCP connection that ends is a loss, wherever it is cut, and no end of a stream", async () => {
  const whole = bytesOf(open(0), data(0, 5), open(1), data(1, 20_000), { kind: "end", stream: 1 });
  const beforeEnd = whole.byteLength - HEADER_BYTES;
  const cuts = [0, 1, 11, 12, 13, 23, 24, 29, 40, 41, 53, 54, 1000, beforeEnd - 1, beforeEnd];
  const served = await serve();
  for (const cut of [...cuts, beforeEnd + 1, whole.byteLength - 1]) {
    const { channel, server } = await bareClient(served);
    await channel.write(whole.slice(0, cut));
    await channel.end();
    const lane = await server.acceptLane();
    for (;;) {
      const got = lane === null
        ? "lost"
        : await lane.read(new Uint8Array(4096)).catch(() => "lost");
      assert.notEqual(got, null, `an end after ${cut} bytes`);
      if (got === "lost") break;
    }
    const { code, remote } = await server.closed;
    assert.deepEqual([code, remote], [null, false], `${cut} bytes`);
    channel.destroy();
  }
  await shut(served.listener);
});

Deno.test("a peer that never reads holds up no close, and takes its windows' worth of memory at most", async () => {
  const served = await serve();
  const { channel, server } = await bareClient(served);
  await channel.write(bytesOf(open(0)));
  const control = await server.acceptControl();
  // As much as it likes, and it reads none of it.
  const grant = bytesOf({ kind: "credit", stream: 0, bytes: 128 * 1024 * 1024 });
  await channel.write(grant);
  const writing = failureOf(control.write(new Uint8Array(64 * 1024 * 1024)));
  server.close("limit", "it never reads");
  assert.equal((await server.closed).code, "limit");
  assert.equal((await writing).code, "lost");
  channel.destroy();
  await shut(served.listener);
});

Deno.test("a client knows how long the way is; what cannot be had is told", async () => {
  const served = await serve();
  const told: number[] = [];
  const transport = tlsTransport();
  const client = await transport.connect({ ...served.to, onAnswer: (rttMs) => told.push(rttMs) });
  const server = await served.listener.accept();
  assert.ok(told.length === 1 && told[0]! > 0);
  // The smallest one counts, where the kernel tells it: to a server, too, if it tells anything.
  assert.ok(client.stats().rttMs! <= told[0]!);
  assert.equal(server!.stats().rttMs !== null, client.stats().lossRatio !== null);
  await sayHello(client, server!);
  await endBoth(client, server!);
  assert.equal(transport.unavailable({ windowBytes: 1 << 20 }), null);
  for (const congestion of ["bbr", "cubic", "reno"] as const) {
    assert.match(transport.unavailable({ congestion })!, /^the system controls/);
    const error = await failureOf(transport.connect({ ...served.to, congestion }));
    assert.equal(error.code, "unsupported");
  }
  await shut(served.listener);
});

Deno.test("a machine that is busy while it connects does not make the way longer", async () => {
  using sockets = TcpSockets.open();
  if (sockets === null) return; // A system, or permissions, that do not tell.
  const served = await serve();
  let toldMs = Infinity;
  const onAnswer = (rttMs: number) => toldMs = rttMs;
  const connecting = tlsTransport().connect({ ...served.to, onAnswer });
  // No answer is heard before this is over, though it came.
  keepBusy(200);
  const client = await connecting;
  assert.ok(toldMs < 200, `${toldMs}`);
  const server = await served.listener.accept();
  await sayHello(client, server!);
  await endBoth(client, server!);
  await shut(served.listener);
});

Deno.test("a listener that closes ends those whose hands it still shakes", async () => {
  const served = await serve();
  const said = plainly(served.to.port, "\x16\x03\x01");
  const { channel, server } = await bareClient(served);
  await shut(served.listener);
  assert.equal(await said, "");
  channel.destroy();
  assert.equal((await server.closed).code, null);
});

/** What a peer that speaks no TLS hears, till the server ends it. */
function plainly(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host: HERE, port });
    let heard = "";
    socket.on("data", (bytes) => heard += bytes.toString("latin1"));
    socket.on("error", () => {});
    socket.once("connect", () => text === "" || socket.write(text, "latin1"));
    socket.once("end", () => socket.destroy());
    socket.once("close", () => resolve(heard));
  });
}

/** How many bytes of reason end what was heard: those after the last header that fits. */
function reasonBytesOf(heard: Uint8Array<ArrayBuffer>): number {
  let at = 0;
  for (;;) {
    const frame = decodeHeader(new DataView(heard.buffer), at);
    at += HEADER_BYTES;
    if (frame.kind === "close") return frame.reasonBytes;
    if (frame.kind === "data") at += frame.bytes;
  }
}

function portOf(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, HERE, () => resolve((server.address() as { port: number }).port))
  );
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

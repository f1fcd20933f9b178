// One end of `bench udp`, in Deno or Bun: `udp_peer.ts receive` prints its port and answers every turn
// with the highest number it saw; `udp_peer.ts send PORT PACKET_BYTES SECONDS` keeps a window of bytes on
// the way, then asks for echoes one at a time. Each prints a report, one line of JSON.

import process from "node:process";
import { openUdp, type UdpPath } from "../../src/runtime/udp.ts";

const WINDOW_BYTES = 1024 * 1024;
const BUFFER_BYTES = 4 * 1024 * 1024;
const ECHOES = 200;
const ECHO_PAUSE_MS = 3;
/** Numbers that are no packet's. */
const END = -1;
const ECHO = -2;
/** Silence after which the window is taken for lost: a process may wait for a core for long. */
const SILENCE_MS = 500;
/** What is asked once is asked again after so long. */
const AGAIN_MS = 20;

export interface ReceiveReport {
  readonly bytes: number;
  readonly packets: number;
  readonly turns: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface SendReport {
  readonly kind: string;
  readonly packets: number;
  readonly cpuSeconds: number;
  /** Time from a packet to its echo, both ends idle before. */
  readonly echoUs: number;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function receive(): Promise<void> {
  let bytes = 0;
  let packets = 0;
  let turns = 0;
  let highest = 0;
  let firstMs = 0;
  let lastMs = 0;
  let cpuBefore = 0;
  let from: UdpPath | null = null;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const take = (packet: Uint8Array<ArrayBuffer>, path: UdpPath) => {
    const number = new DataView(packet.buffer, packet.byteOffset).getFloat64(0);
    from = path;
    if (number === END) end();
    if (number < 0) return answer(number, path);
    bytes += packet.length;
    packets++;
    highest = number;
  };
  const answer = (number: number, path: UdpPath) => {
    new DataView(socket.outgoing.buffer, socket.outgoing.byteOffset).setFloat64(0, number);
    socket.send(8, 8, path);
  };
  const onReady = () => {
    if (firstMs === 0) {
      firstMs = performance.now();
      cpuBefore = cpuSeconds();
    }
    turns++;
    const before = packets;
    socket.receive(take, 512);
    if (packets === before || from === null) return;
    lastMs = performance.now();
    answer(highest, from);
  };
  const options = { hostname: "127.0.0.1", port: 0, receiveBufferBytes: BUFFER_BYTES, onReady };
  const socket = await openUdp(options);
  console.log(socket.local.port);
  await ended;
  const report: ReceiveReport = {
    bytes,
    packets,
    turns,
    seconds: (lastMs - firstMs) / 1000,
    cpuSeconds: cpuSeconds() - cpuBefore,
  };
  console.log(JSON.stringify(report));
  // Who asks for the end again hears of it.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await socket.close();
}

async function send(port: number, packetBytes: number, seconds: number): Promise<void> {
  let answered = 0;
  let answeredMs = performance.now();
  let next = 1;
  let wake = () => {};
  const numbers: number[] = [];
  const take = (packet: Uint8Array<ArrayBuffer>) => {
    const number = new DataView(packet.buffer, packet.byteOffset).getFloat64(0);
    if (number < 0) numbers.push(number);
    else answered = Math.max(answered, number);
    answeredMs = performance.now();
  };
  const onReady = () => {
    socket.receive(take, 512);
    wake();
  };
  const options = { hostname: "127.0.0.1", port: 0, receiveBufferBytes: BUFFER_BYTES, onReady };
  const socket = await openUdp(options);
  const path = socket.pathTo({ host: "127.0.0.1", port });
  const view = new DataView(socket.outgoing.buffer, socket.outgoing.byteOffset);
  const batch = Math.min(Math.floor(socket.outgoing.length / packetBytes), 64);
  const cpuBefore = cpuSeconds();
  const endMs = performance.now() + seconds * 1000;
  const woken = (mostMs: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  while (performance.now() < endMs) {
    if (performance.now() - answeredMs > SILENCE_MS) {
      answered = next - 1;
      answeredMs = performance.now();
    }
    if ((next - 1 - answered + batch) * packetBytes > WINDOW_BYTES) {
      await woken(AGAIN_MS);
      continue;
    }
    for (let i = 0; i < batch; i++) view.setFloat64(i * packetBytes, next + i);
    if (socket.send(batch * packetBytes, packetBytes, path)) next += batch;
    else await woken(AGAIN_MS);
  }
  const spent = cpuSeconds() - cpuBefore;
  const ask = async (number: number) => {
    for (;;) {
      numbers.length = 0;
      view.setFloat64(0, number);
      socket.send(8, 8, path);
      await woken(AGAIN_MS);
      if (numbers.includes(number)) return;
    }
  };
  await ask(ECHO);
  const times: number[] = [];
  for (let i = 0; i < ECHOES; i++) {
    await new Promise((resolve) => setTimeout(resolve, ECHO_PAUSE_MS));
    const startMs = performance.now();
    await ask(ECHO);
    times.push(performance.now() - startMs);
  }
  await ask(END);
  const echoUs = 1000 * (times.sort((a, b) => a - b)[ECHOES / 2] ?? 0);
  const report: SendReport = { kind: socket.kind, packets: next - 1, cpuSeconds: spent, echoUs };
  console.log(JSON.stringify(report));
  await socket.close();
}

if (import.meta.main) {
  const [role, port, packetBytes, seconds] = process.argv.slice(2);
  if (role === "receive") receive();
  else send(Number(port), Number(packetBytes), Number(seconds));
}

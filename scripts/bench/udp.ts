// `deno task bench udp`: packets through the two kinds of UDP sockets, between two processes over
// loopback, in Deno and in Bun where it is found (SFTPX_BUN, else `bun`). CPU seconds a GB are told for
// each side by itself: on a busy machine they say more than the rate. Echoes are the way there and back
// between two processes that were idle.

import process from "node:process";
import { parseArgs } from "node:util";
import { SENDMSG_NAME } from "../../src/runtime/udp.ts";
import { Child, printTable } from "./process.ts";
import type { ReceiveReport, SendReport } from "./udp_peer.ts";

const PEER = new URL("./udp_peer.ts", import.meta.url).pathname;
const KINDS = ["kernel", "dgram"] as const;
const PACKET_BYTES = [1350, 16_000] as const;
const HELP = "Usage: deno task bench udp [--seconds N]";

interface Runtime {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

type Row = Readonly<Record<string, string | number>>;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { seconds: { type: "string", default: "3" }, help: { type: "boolean" } },
  });
  if (values.help === true) return console.log(HELP);
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new RangeError(`not a number of seconds: ${values.seconds}`);
  const rows: Row[] = [];
  for (const runtime of runtimes()) {
    for (const kind of KINDS) {
      for (const packetBytes of PACKET_BYTES) {
        rows.push(await measure({ runtime, kind, packetBytes, seconds }));
      }
    }
  }
  printTable(rows);
}

interface Measured {
  readonly runtime: Runtime;
  readonly kind: (typeof KINDS)[number];
  readonly packetBytes: number;
  readonly seconds: number;
}

async function measure({ runtime, kind, packetBytes, seconds }: Measured): Promise<Row> {
  const env = { SFTPX_WITHOUT: kind === "dgram" ? SENDMSG_NAME : "" };
  await using receiver = spawn(runtime, ["receive"], env);
  const port = await receiver.line();
  await using sender = spawn(runtime, ["send", port, String(packetBytes), String(seconds)], env);
  const sent = JSON.parse(await sender.line()) as SendReport;
  const came = JSON.parse(await receiver.line()) as ReceiveReport;
  await sender.ended();
  await receiver.ended();
  const sentBytes = sent.packets * packetBytes;
  return {
    runtime: runtime.name,
    socket: sent.kind,
    "packet B": packetBytes,
    "packets/s": Math.round(came.packets / came.seconds),
    "MB/s": (came.bytes / came.seconds / 1e6).toFixed(0),
    "lost %": (100 * (1 - came.packets / sent.packets)).toFixed(1),
    "send CPU s/GB": (sent.cpuSeconds / (sentBytes / 1e9)).toFixed(2),
    "receive CPU s/GB": (came.cpuSeconds / (came.bytes / 1e9)).toFixed(2),
    "packets a turn": (came.packets / came.turns).toFixed(0),
    "echo us": sent.echoUs.toFixed(0),
  };
}

function spawn(
  { command, args }: Runtime,
  rest: readonly string[],
  env: Record<string, string>,
): Child {
  const started = new Deno.Command(command, {
    args: [...args, PEER, ...rest],
    env,
    stdin: "null",
    stdout: "piped",
  });
  return new Child(started.spawn());
}

function runtimes(): readonly Runtime[] {
  const deno = { name: "deno", command: Deno.execPath(), args: ["run", "-A"] };
  const bun = { name: "bun", command: process.env["SFTPX_BUN"] ?? "bun", args: [] };
  try {
    new Deno.Command(bun.command, { args: ["--version"], stdout: "null" }).outputSync();
    return [deno, bun];
  } catch {
    return [deno];
  }
}

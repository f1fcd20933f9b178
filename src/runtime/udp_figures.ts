// What Linux tells of its UDP sockets: how much they may hold, and how many datagrams found them full.
// Deno lets nobody without all permissions look there, but native code, where it may be used, is asked
// no such question. Null on other systems, and where neither way is open.

import { readFileSync } from "node:fs";
import process from "node:process";
import { Kernel } from "./kernel.ts";

export interface UdpFigures {
  /** Bytes a socket may hold unless it asks for more (`net.core.rmem_default`, `wmem_default`). */
  readonly receiveBytes: number;
  readonly sendBytes: number;
  /** Bytes it is given at most when it asks (`rmem_max`). */
  readonly mostReceiveBytes: number;
  /** Datagrams of all sockets of this machine since it started. */
  readonly receivedCount: number;
  /** Datagrams that were lost because a socket was full. */
  readonly droppedCount: number;
}

const SETTINGS = "/proc/sys/net/core";
const AT_FDCWD = -100;
/** `struct open_how`: flags, mode, resolve. */
const HOW_BYTES = 24;
const PATH_AT = 64;
const TEXT_AT = 512;
const TEXT_BYTES = 32 * 1024;
/** Read by native code alone. */
const FILES: readonly string[] = [
  `${SETTINGS}/rmem_default`,
  `${SETTINGS}/wmem_default`,
  `${SETTINGS}/rmem_max`,
  "/proc/net/snmp",
  "/proc/net/snmp6",
];

/** The figures as they are now. */
export function udpFigures(): UdpFigures | null {
  if (process.platform !== "linux") return null;
  const texts = readAll((path) => readFileSync(path, "latin1")) ?? readByKernel();
  if (texts === null) return null;
  const [receive = "", send = "", most = "", snmp = "", snmp6 = ""] = texts;
  return figuresOf({ receive, send, most, snmp, snmp6 });
}

/** The figures of what stands in the files. */
export function figuresOf(
  { receive, send, most, snmp, snmp6 }: {
    readonly receive: string;
    readonly send: string;
    readonly most: string;
    readonly snmp: string;
    readonly snmp6: string;
  },
): UdpFigures {
  const udp = columnsOf(snmp, "Udp:");
  const six = (name: string) =>
    Number(new RegExp(`^Udp6${name}\\s+(\\d+)`, "m").exec(snmp6)?.[1] ?? 0);
  return {
    receiveBytes: Number(receive),
    sendBytes: Number(send),
    mostReceiveBytes: Number(most),
    receivedCount: (udp.get("InDatagrams") ?? 0) + six("InDatagrams"),
    droppedCount: (udp.get("RcvbufErrors") ?? 0) + six("RcvbufErrors"),
  };
}

/** Names in one line, numbers in the next one that begins alike. */
function columnsOf(text: string, prefix: string): ReadonlyMap<string, number> {
  const [names = "", numbers = ""] = text.split("\n").filter((line) => line.startsWith(prefix));
  const values = numbers.split(/\s+/);
  return new Map(names.split(/\s+/).map((name, index) => [name, Number(values[index])]));
}

function readAll(read: (path: string) => string): readonly string[] | null {
  try {
    return FILES.map(read);
  } catch {
    return null;
  }
}

function readByKernel(): readonly string[] | null {
  const kernel = Kernel.open({ memoryBytes: TEXT_AT + TEXT_BYTES });
  if (kernel === null) return null;
  using open = kernel;
  return readAll((path) => textOf(open, path));
}

function textOf(kernel: Kernel, path: string): string {
  const { memory, address } = kernel;
  memory.fill(0, 0, TEXT_AT);
  new TextEncoder().encodeInto(path, memory.subarray(PATH_AT, TEXT_AT - 1));
  const fd = kernel.call("openat2", AT_FDCWD, address + PATH_AT, address, HOW_BYTES);
  try {
    const text: string[] = [];
    for (;;) {
      const got = kernel.call("read", fd, address + TEXT_AT, TEXT_BYTES);
      if (got === 0) return text.join("");
      text.push(new TextDecoder().decode(memory.subarray(TEXT_AT, TEXT_AT + got)));
    }
  } finally {
    kernel.call("close", fd);
  }
}

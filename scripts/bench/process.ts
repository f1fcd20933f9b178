// Pieces that benchmarks share: a child process that is measured from outside (Linux: /proc), and
// figures told the same way everywhere. MB = 10^6 bytes.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { linesOf } from "../../src/cli/lines.ts";
import { V8_FLAGS } from "../v8_flags.ts";

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Another program that runs it, Bun, instead of this Deno. */
  readonly runtime?: string;
  /** Network namespace to run it in. */
  readonly namespace?: string;
}

/** A Deno process running one script with every permission. */
export class Child implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string>;

  constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.pid = process.pid;
    this.#lines = linesOf(process.stdout);
  }

  /** Next line of its stdout; throws when it ended without one. */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`Cannot read from process ${this.pid}: it ended`);
    return next.value;
  }

  /** Reads on to its end and throws it away: a pipe that is full holds up who writes to it. */
  drain(): void {
    (async () => {
      for await (const _ of this.#lines);
    })();
  }

  /** Ends it; its next line is then an error. */
  kill(): void {
    this.#process.kill();
  }

  /** What it cost so far. */
  cost(): Cost {
    return processCost(this.pid);
  }

  /** Waits for its end; throws when it failed. */
  async ended(): Promise<void> {
    for await (const _ of this.#lines);
    const { code } = await this.#process.status;
    if (code !== 0) throw new Error(`Cannot go on: process ${this.pid} ended with code ${code}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill();
    } catch {
      // It had ended already.
    }
    await this.#lines.return(undefined);
    await this.#process.status;
  }
}

/** Starts `deno run -A SCRIPT ARGS`; its stderr passes through. */
export function spawnDeno(script: URL, options: ChildOptions = {}): Child {
  const { runtime } = options;
  const running = runtime === undefined
    ? ["run", "-A", "--unstable-net", V8_FLAGS, script.href]
    : [...BUN_FLAGS, fileURLToPath(script)];
  const inside = options.namespace === undefined ? [] : ["ip", "netns", "exec", options.namespace];
  const [program = "", ...args] = [...inside, runtime ?? Deno.execPath(), ...running];
  const command = new Deno.Command(program, {
    args: [...args, ...options.args ?? []],
    env: { DENO_NO_UPDATE_CHECK: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
  });
  return new Child(command.spawn());
}

/** As `scripts/sftpx` starts it. */
const BUN_FLAGS: readonly string[] = [
  `--tsconfig-override=${fileURLToPath(new URL("../../src/tsconfig.json", import.meta.url))}`,
];

/** What a process used since it began. */
export interface Cost {
  readonly cpuSeconds: number;
  /** Largest resident size. */
  readonly peakBytes: number;
}

/** Cost of a process by its id, or of this one. Zeros where there is no /proc. */
export function processCost(pid: number | "self" = "self"): Cost {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const peakKiB = Number(/VmHWM:\s+([0-9]+)/.exec(status)?.[1] ?? 0);
    return { cpuSeconds: ticks / TICKS_PER_SECOND, peakBytes: peakKiB * 1024 };
  } catch {
    return { cpuSeconds: 0, peakBytes: 0 };
  }
}

/** USER_HZ: what the kernel counts /proc/PID/stat in, whatever its own timer. */
const TICKS_PER_SECOND = 100;

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the median of nothing");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? 0) + high) / 2;
}

/** Prints rows under their column names, numbers to the right. */
export function printTable(rows: readonly Readonly<Record<string, string | number>>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name] ?? "")))];
  const widths = names.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? "").length))
  );
  for (const row of cells) {
    const line = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return Number.isNaN(Number(cell)) ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log(line.join("  ").trimEnd());
  }
}

// The tool in processes of its own: each a handle that reads its JSON lines as they come, is killed by
// its pid alone, and is overdue after a while.

import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import process from "node:process";
import { ownEnvironment, toolCommand } from "../e2e/command.ts";
import { type JsonLine, jsonLines, type SummaryLine } from "../e2e/json_output.ts";

/** No attempt takes so long: what does hangs, and is a failure. */
const PATIENCE_MS = 120_000;
/** Of what it said on stderr, for a report. */
const TAIL_CHARS = 2000;

/** Takes each line as it comes. */
export type OnLine = (line: JsonLine) => void;

export interface Start {
  readonly args: readonly string[];
  readonly cwd: string;
  /** `$SFTPX_HOME`: identity and known hosts. */
  readonly home: string;
  readonly onLine?: OnLine | undefined;
}

/** One started command. */
export class Tool {
  readonly #child: ChildProcess;
  readonly #onLine: OnLine | undefined;
  /** By the machine's clock, which the lines of the tool are told by as well. */
  readonly startedMs = Date.now();
  /** Settles with the exit code; 137 after a kill. */
  readonly ended: Promise<number>;
  readonly lines: JsonLine[] = [];
  readonly #waiting = new Map<string, OnLine>();
  #isEnded = false;
  #isOverdue = false;
  #rest = "";
  #stderr = "";

  constructor({ args, cwd, home, onLine }: Start) {
    const [program = "", ...before] = toolCommand();
    this.#onLine = onLine;
    this.#child = spawn(program, [...before, ...args], {
      cwd,
      env: {
        ...ownEnvironment(),
        DENO_NO_UPDATE_CHECK: "1",
        SFTPX_LINKS: "keep",
        SFTPX_HOME: home,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    read(this.#child.stdout, (text) => this.#take(text));
    read(this.#child.stderr, (text) => {
      this.#stderr = (this.#stderr + text).slice(-TAIL_CHARS);
    });
    const overdue = setTimeout(() => {
      this.#isOverdue = true;
      this.kill();
    }, PATIENCE_MS);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", (error) => {
        clearTimeout(overdue);
        this.#isEnded = true;
        reject(error);
      });
      this.#child.once("close", (code) => {
        clearTimeout(overdue);
        this.#isEnded = true;
        resolve(code ?? 137);
      });
    });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** It was ended because it would not end. */
  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The last line of a transfer; null where it was killed before. */
  get summary(): SummaryLine | null {
    const last = this.lines.at(-1);
    return last?.event === "summary" ? last as SummaryLine : null;
  }

  /** The first line of that event; throws when it ends without one. */
  async line(event: string): Promise<JsonLine> {
    const end = this.ended.then((code) => {
      throw new Error(`Cannot await "${event}": it ended with ${code}\n${this.#stderr}`);
    });
    end.catch(() => {}); // Nobody's any more once the line is found.
    return await Promise.race([this.#find(event), end]);
  }

  kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): void {
    // Not `child.kill`: in Deno it does nothing once any signal was sent.
    const { pid } = this.#child;
    if (this.#isEnded || pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch { /* It ended just now. */ }
  }

  #find(event: string): Promise<JsonLine> {
    const found = this.lines.find((line) => line.event === event);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.set(event, resolve));
  }

  #take(text: string): void {
    const all = this.#rest + text;
    const end = all.lastIndexOf("\n") + 1;
    this.#rest = all.slice(end);
    for (const line of jsonLines(all.slice(0, end))) {
      this.lines.push(line);
      this.#waiting.get(line.event)?.(line);
      this.#onLine?.(line);
    }
  }
}

function read(stream: Readable | null, take: (text: string) => void): void {
  const decoder = new TextDecoder();
  stream?.on("data", (bytes: Uint8Array) => take(decoder.decode(bytes, { stream: true })));
  stream?.on("error", () => {});
}

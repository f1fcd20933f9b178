// Processes of `bench peers`: each in a group of its own, so that a tool ends with all it started, and with
// nothing else. Nothing is left of them, however the benchmark ends.

import process from "node:process";
import { linesOf } from "../../src/cli/lines.ts";

/** What is kept of a tool's last words. */
const MOST_WORDS = 2000;

/** A run that took longer than it may, and was ended. */
export class TooSlow extends Error {
  constructor(seconds: number) {
    super(`Cannot wait longer than ${seconds} s`);
  }
}

export interface StartOptions {
  /** Network namespace; null is the machine's own. */
  readonly namespace?: string | null;
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunOptions extends StartOptions {
  readonly limitSeconds: number;
}

/** All processes of one benchmark. */
export class Processes implements AsyncDisposable {
  readonly #running = new Set<Started>();
  #isClosed = false;

  /** Starts a program whose stdout is read. */
  start(command: readonly string[], { namespace = null, env = {} }: StartOptions = {}): Started {
    if (this.#isClosed) throw new Error("Cannot start a process: the benchmark is ending");
    const inside = namespace === null ? [] : ["ip", "netns", "exec", namespace];
    const args = [...inside, ...command];
    const child = new Deno.Command("setsid", {
      args,
      env: { ...env, DENO_NO_UPDATE_CHECK: "1", LC_ALL: "C" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const started = new Started(child, command[0] ?? "");
    this.#running.add(started);
    started.status.finally(() => this.#running.delete(started));
    return started;
  }

  /** Runs a program to its end and tells how long it took; throws when it failed or took too long. */
  async run(command: readonly string[], options: RunOptions): Promise<number> {
    const startMs = performance.now();
    await using started = this.start(command, options);
    started.drain();
    await started.succeeded(options.limitSeconds);
    return (performance.now() - startMs) / 1000;
  }

  /** Ends all; nothing can be started after it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const running = [...this.#running];
    for (const started of running) started.kill();
    await Promise.all(running.map((started) => started.status));
  }
}

/** A program that was started, and what it starts. */
export class Started implements AsyncDisposable {
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
  readonly #name: string;
  readonly #lines: AsyncGenerator<string>;
  readonly #words: Promise<void>;
  #said = "";

  constructor(child: Deno.ChildProcess, name: string) {
    this.pid = child.pid;
    this.#name = name;
    this.#lines = linesOf(child.stdout);
    this.#words = this.#listen(child.stderr);
    this.status = child.status;
  }

  /** Next line of its stdout; throws when it ended without one. */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done !== true) return next.value;
    await this.#words;
    throw new Error(`Cannot go on: ${this.#name} ended: ${this.#said.trim()}`);
  }

  /** Reads on to its end and throws it away: a pipe that is full holds up who writes to it. */
  drain(): void {
    (async () => {
      for await (const _ of this.#lines);
    })().catch(() => {}); // Its status says how it ended.
  }

  /** Waits for its end; throws when it failed, or ends it when it took too long. */
  async succeeded(limitSeconds: number): Promise<void> {
    let isLate = false;
    using _ = this.endAfter(limitSeconds, () => isLate = true);
    const { code } = await this.status;
    if (isLate) throw new TooSlow(limitSeconds);
    if (code === 0) return;
    await this.#words;
    throw new Error(`Cannot run ${this.#name}: it ended with ${code}: ${this.#said.trim()}`);
  }

  /** Ends it when the time is up, unless that is taken back before. */
  endAfter(seconds: number, onEnd: () => void = () => {}): Disposable {
    const timer = setTimeout(() => {
      onEnd();
      this.kill();
    }, seconds * 1000);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }

  /** Ends it and what it started. */
  kill(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // It had ended already.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.status;
    await this.#words;
  }

  async #listen(stderr: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
      this.#said = (this.#said + text).slice(-MOST_WORDS);
    }
  }
}

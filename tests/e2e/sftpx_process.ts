// The tool as a black box: real processes, told apart by pid, in a scratch home. `SFTPX_CMD` names
// what is run (`deno run`, a binary, another runtime); nothing here knows how it works inside.
// Everything started is stopped and everything written is removed when a scratch is disposed of.

import type { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { lastingPort } from "../one_port.ts";
import { OF_DENO, ownEnvironment, toolCommand } from "./command.ts";
import {
  type JsonLine,
  jsonLines,
  type Outcome,
  type Transfer,
  transferOf,
} from "./json_output.ts";
import { removeTree } from "./trees.ts";

/** What is waited for so long and does not come is a failed test, not a hung one. */
const PATIENCE_MS = 90_000;
/** `deno run` would look for a newer Deno: no test leaves this machine. */
const QUIET = { DENO_NO_UPDATE_CHECK: "1" };

export interface SpawnOptions {
  readonly cwd?: string;
  /** On top of a clean environment; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Put before the arguments of the tool itself: another command for this one run. */
  readonly command?: readonly string[];
}

/** One started process. */
export class Running {
  readonly pid: number;
  readonly #ended: Promise<Outcome>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #stdout = "";
  #stderr = "";
  #isEnded = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    collect(child.stdout, (text) => {
      this.#stdout += text;
      this.#wake();
    });
    collect(child.stderr, (text) => {
      this.#stderr += text;
      this.#wake();
    });
    this.#ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#isEnded = true;
        this.#wake();
        const exit = code ?? 128 + (SIGNALS[signal ?? ""] ?? 0);
        resolve({ code: exit, stdout: this.#stdout, stderr: this.#stderr.replace(OF_DENO, "") });
      });
    });
  }

  /** How it ends; asking is waiting for it. */
  get ended(): Promise<Outcome> {
    return this.#inTime(() => this.#ended);
  }

  /** What it printed so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** JSON lines so far. */
  get lines(): readonly JsonLine[] {
    return jsonLines(this.#stdout.slice(0, this.#stdout.lastIndexOf("\n") + 1));
  }

  /** First JSON line that will do; throws when the process ended without one. */
  async line(wanted: (line: JsonLine) => boolean): Promise<JsonLine> {
    await this.until((lines) => lines.some(wanted));
    return this.lines.find(wanted)!;
  }

  /** Waits until the JSON lines so far will do. */
  async until(wanted: (lines: readonly JsonLine[]) => boolean): Promise<void> {
    await this.#inTime(async () => {
      while (!wanted(this.lines)) await this.#news("the lines waited for");
    });
  }

  /** Waits until stdout and stderr together hold a text. */
  async said(text: string): Promise<void> {
    await this.#inTime(async () => {
      while (!this.#stdout.includes(text) && !this.#stderr.includes(text)) {
        await this.#news(JSON.stringify(text));
      }
    });
  }

  kill(signal: "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    // Not `child.kill`: in Deno it does nothing once any signal was sent.
    if (!this.#isEnded) process.kill(this.pid, signal);
  }

  /** Closes our end of its stdout, as `| head -1` does. */
  closeStdout(): void {
    this.#child.stdout?.destroy();
  }

  /** A server may run for as long as its test does: only what is waited for has its time. */
  async #inTime<T>(wait: () => Promise<T>): Promise<T> {
    const overdue = setTimeout(() => this.kill("SIGKILL"), PATIENCE_MS);
    try {
      return await wait();
    } finally {
      clearTimeout(overdue);
    }
  }

  async #news(what: string): Promise<void> {
    if (this.#isEnded) {
      throw new Error(`It ended without ${what}:\n${this.#stdout}\n${this.#stderr}`);
    }
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A running `serve`. */
export class Server {
  readonly running: Running;
  readonly root: string;
  readonly port: number;
  readonly identity: string;
  readonly #ticket: string | null;

  constructor(running: Running, root: string, listening: JsonLine) {
    this.running = running;
    this.root = root;
    this.port = listening["port"] as number;
    this.identity = listening["identity"] as string;
    this.#ticket = listening["ticket"] as string | null;
  }

  get ticket(): string {
    if (this.#ticket === null) throw new Error("This server printed no ticket");
    return this.#ticket;
  }

  /** A URL that names and pins it. */
  url(path: string): string {
    return `sftpx://${this.identity}@127.0.0.1:${this.port}/${path}`;
  }

  /** Stops it as a user does. */
  async stop(): Promise<Outcome> {
    this.running.kill("SIGINT");
    return await this.running.ended;
  }
}

/** A directory, a home and processes that live as long as one test. */
export class Scratch implements AsyncDisposable {
  readonly directory: string;
  readonly #processes: Running[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<Scratch> {
    return new Scratch(await realpath(await mkdtemp(join(tmpdir(), "sftpx-e2e-"))));
  }

  path(...parts: readonly string[]): string {
    return join(this.directory, ...parts);
  }

  /** Starts the tool. */
  start(args: readonly string[], options: SpawnOptions = {}): Running {
    const [program = "", ...before] = options.command ?? toolCommand();
    return this.startProgram([program, ...before, ...args], options);
  }

  /** Starts any program, in the same surroundings. */
  startProgram(words: readonly string[], options: SpawnOptions = {}): Running {
    const [program = "", ...args] = words;
    const running = new Running(spawn(program, args, {
      cwd: options.cwd ?? this.directory,
      env: { ...ownEnvironment(), ...QUIET, SFTPX_HOME: this.path("home"), ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    }));
    this.#processes.push(running);
    return running;
  }

  /** Runs the tool to its end. */
  async run(args: readonly string[], options: SpawnOptions = {}): Promise<Outcome> {
    return await this.start(args, options).ended;
  }

  /** Runs a transfer with `--json` to its end. */
  async transfer(args: readonly string[], options: SpawnOptions = {}): Promise<Transfer> {
    return transferOf(await this.run([...args, "--json"], options));
  }

  /** Starts a server on a loopback port that stays free for another one, below this directory. */
  async serve(
    root: string,
    args: readonly string[] = [],
    options: SpawnOptions & { readonly listen?: string } = {},
  ): Promise<Server> {
    const path = this.path(root);
    for (let tries = 1;; tries++) {
      const listen = ["--listen", options.listen ?? `127.0.0.1:${await lastingPort()}`];
      const running = this.start(["serve", path, "--json", ...listen, ...args], options);
      try {
        return new Server(running, path, await running.line((line) => line.event === "listening"));
      } catch (thrown) {
        // Another test's by then; or that of a killed process, which a system may give back a moment after
        // it has ended. Each was seen once.
        if (tries === 10 || !/port \d+ is taken/.test(running.stdout)) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#processes) running.kill("SIGCONT");
    for (const running of this.#processes) running.kill("SIGKILL");
    await Promise.allSettled(this.#processes.map((running) => running.ended));
    await removeTree(this.directory);
  }
}

/** A UDP port that is held and never answers. */
export class SilentPort {
  readonly port: number;
  /** Settles with the first packet. */
  readonly knocked: Promise<void>;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    this.knocked = new Promise((resolve) => socket.once("message", () => resolve()));
  }

  static async open(): Promise<SilentPort> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new SilentPort(socket);
  }

  close(): void {
    this.#socket.close();
  }
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGINT: 2,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
};

function collect(stream: NodeJS.ReadableStream | null, take: (text: string) => void): void {
  const decoder = new TextDecoder();
  stream?.on("data", (bytes: Buffer) => take(decoder.decode(bytes, { stream: true })));
  stream?.on("error", () => {});
}

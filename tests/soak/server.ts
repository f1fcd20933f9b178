// The server that is soaked: the real command in a process of its own, for as long as it takes.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { ownEnvironment, toolCommand } from "../e2e/command.ts";

/** What it says of itself first. */
interface Listening {
  readonly port: number;
  readonly identity: string;
  readonly ticket: string;
}

/** Of what it said on stderr, for a report. */
const TAIL_CHARS = 4000;

export class SoakServer {
  readonly pid: number;
  readonly port: number;
  readonly identity: string;
  readonly ticket: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  readonly #told: Told;

  private constructor(child: ChildProcess, { listening, ended, told }: {
    readonly listening: Listening;
    readonly ended: Promise<number>;
    readonly told: Told;
  }) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.port = listening.port;
    this.identity = listening.identity;
    this.ticket = listening.ticket;
    this.#ended = ended;
    this.#told = told;
  }

  static async start({ root, home }: { readonly root: string; readonly home: string }) {
    const [program = "", ...before] = toolCommand();
    const args = ["serve", root, "--json", "--listen", "127.0.0.1:0", "--timeout", "5s"];
    const child = spawn(program, [...before, ...args], {
      env: { ...ownEnvironment(), DENO_NO_UPDATE_CHECK: "1", SFTPX_HOME: home },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "close").then(([code]) => (code ?? 137) as number);
    const told = new Told(child);
    const first = await Promise.race([told.firstLine, ended.then(() => null)]);
    if (first === null) throw new Error(`Cannot serve: it ended\n${told.stderr}`);
    return new SoakServer(child, { listening: JSON.parse(first), ended, told });
  }

  /** The last it said on stderr. */
  get stderr(): string {
    return this.#told.stderr;
  }

  /** Lines of its JSON output so far: they are counted, and not kept. */
  get lineCount(): number {
    return this.#told.lineCount;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** As its user does; its exit code. */
  async stop(signal: "SIGINT" | "SIGKILL" = "SIGINT"): Promise<number> {
    // Not `child.kill`: in Deno it does nothing once any signal was sent.
    if (this.isRunning) process.kill(this.pid, signal);
    return await this.#ended;
  }
}

/** What a process says, read as it comes. */
class Told {
  readonly firstLine: Promise<string>;
  stderr = "";
  lineCount = 0;

  constructor(child: ChildProcess) {
    const first = Promise.withResolvers<string>();
    this.firstLine = first.promise;
    let rest: string | null = "";
    child.stdout?.on("data", (bytes: Uint8Array) => {
      for (const byte of bytes) if (byte === 10) this.lineCount++;
      if (rest === null) return;
      rest += new TextDecoder().decode(bytes);
      const end = rest.indexOf("\n");
      if (end === -1) return;
      first.resolve(rest.slice(0, end));
      rest = null;
    });
    child.stderr?.on("data", (bytes: Uint8Array) => {
      this.stderr = (this.stderr + new TextDecoder().decode(bytes)).slice(-TAIL_CHARS);
    });
  }
}

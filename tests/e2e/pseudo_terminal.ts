// The tool in a real pseudo-terminal, as a person has it: lines are typed, the screen is read, the
// window is resized. `script` of util-linux makes the terminal, which Debian has in its base; where it
// is missing tests are skipped by `hasPseudoTerminals`.

import type { Buffer } from "node:buffer";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { OF_DENO, ownEnvironment, toolCommand } from "./command.ts";
import type { Scratch } from "./sftpx_process.ts";

/** A process that says nothing and does not end is a failed test, not a hung one. */
const PATIENCE_MS = 60_000;

/** What `deno run` writes to a terminal while it loads packages; the tool never does. */
const OF_THE_RUNTIME = "\u001b[0G\u001b[2K\u001b[J";

/** Whether this machine has `script` of util-linux, and a shell. */
export const hasPseudoTerminals: boolean = isUtilLinux();

export interface TerminalChoices {
  /** Width of the window; 80 by default. */
  readonly columns?: number;
  /** On top of a clean environment with TERM=xterm. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether stdout is the terminal as well, and not thrown away; it is by default. */
  readonly stdout?: boolean;
  /** File that stderr goes to in place of the terminal. */
  readonly stderr?: string;
}

/** One run of the tool in a terminal. Dispose of it: that ends what still runs, by hanging up. */
export class PseudoTerminal implements AsyncDisposable {
  /** Exit code of the tool. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #device: string;
  readonly #waiting = new Set<() => void>();
  #text = "";
  #isEnded = false;
  /** Numbers that no colour has. */
  #resized = 1000;

  private constructor(child: ChildProcess, device: string) {
    this.#child = child;
    this.#device = device;
    const overdue = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    const decoder = new TextDecoder();
    child.stdout?.on("data", (bytes: Buffer) => {
      this.#text += decoder.decode(bytes, { stream: true });
      this.#wake();
    });
    child.stderr?.resume();
    child.stdin?.on("error", () => {}); // the tool ended first
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => {
        clearTimeout(overdue);
        this.#isEnded = true;
        this.#wake();
        resolve(code ?? -1);
      });
    });
  }

  /** Starts the tool with arguments, in a scratch's directory and home. */
  static open(
    scratch: Scratch,
    args: readonly string[],
    { columns = 80, env = {}, stdout = true, stderr }: TerminalChoices = {},
  ): PseudoTerminal {
    const device = scratch.path(`terminal-${randomUUID()}`);
    const words = [...toolCommand(), ...args].map(quoted).join(" ");
    const aside = [
      ...(stdout ? [] : ["> /dev/null"]),
      ...(stderr === undefined ? [] : [`2> ${quoted(stderr)}`]),
    ];
    const run = ["exec", words, ...aside].join(" ");
    const line = `tty > ${quoted(device)}; stty cols ${columns} rows 24; ${run}`;
    const child = spawn("script", ["-qefc", line, "/dev/null"], {
      cwd: scratch.directory,
      env: {
        ...ownEnvironment(),
        DENO_NO_UPDATE_CHECK: "1",
        SFTPX_HOME: scratch.path("home"),
        TERM: "xterm",
        SHELL: "/bin/sh",
        ...env,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    return new PseudoTerminal(child, device);
  }

  /** Everything the tool has written so far, escapes and all. */
  get text(): string {
    return this.#text.replaceAll(OF_THE_RUNTIME, "").replace(OF_DENO, "");
  }

  /** What a person sees now, and would see scrolling back: lines without trailing blanks. */
  get screen(): readonly string[] {
    return screenOf(this.text);
  }

  /** Waits until what was written will do: holds a text, or matches. */
  async said(wanted: string | RegExp): Promise<void> {
    const isSaid = () =>
      typeof wanted === "string" ? this.text.includes(wanted) : wanted.test(this.text);
    while (!isSaid()) {
      if (this.#isEnded) throw new Error(`It ended without ${wanted}:\n${this.#text}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Types a line and presses Enter. */
  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.#child.stdin?.write("\u0003");
  }

  /** Makes the window as wide as this; answers where in its text that was. */
  async resize(columns: number): Promise<number> {
    const device = readFileSync(this.#device, "utf8").trim();
    execFileSync("stty", ["-F", device, "cols", String(columns)]);
    // What is not drawn comes after all that was written before, however long that is on its way.
    const mark = `\u001b[${this.#resized++};0m`;
    appendFileSync(device, mark);
    await this.said(mark);
    return this.text.indexOf(mark) + mark.length;
  }

  /** Closes the window. */
  hangUp(): void {
    if (!this.#isEnded) this.#child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    this.#child.stdin?.destroy();
    await this.ended;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Text as a terminal shows it: carriage returns, erased lines and the cursor moved up are obeyed. */
export function screenOf(text: string): readonly string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  // deno-lint-ignore no-control-regex
  for (const [piece, amount = "", command] of text.matchAll(/\x1b\[([\d;?]*)([A-Za-z])|[^]/gu)) {
    if (command === "K") rows[row]!.length = Math.min(column, rows[row]!.length);
    else if (command === "A") row = Math.max(0, row - (Number(amount) || 1));
    else if (command !== undefined) continue;
    else if (piece === "\r") column = 0;
    else if (piece === "\n") {
      row += 1;
      rows[row] ??= [];
    } else {
      const cells = rows[row]!;
      while (cells.length < column) cells.push(" ");
      cells[column] = piece;
      column += 1;
    }
  }
  return rows.map((cells) => cells.join("").trimEnd());
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function isUtilLinux(): boolean {
  try {
    const version = execFileSync("script", ["--version"], { stdio: ["ignore", "pipe", "ignore"] });
    return version.toString().includes("util-linux");
  } catch {
    return false;
  }
}

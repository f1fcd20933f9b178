// A run of sftpx for `bench peers`: a server started for it, `send` timed from its start to its end. With
// it what both ends used of the cores between the transfer's first and last event.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Tool } from "./peers_plan.ts";
import type { Processes, Started } from "./peers_processes.ts";
import type { Scene } from "./peers_scene.ts";
import { COPY } from "./peers_tools.ts";
import { processCost } from "./process.ts";

/** What a tool that measures itself tells of one run. */
export interface OwnFigures {
  readonly seconds: number;
  readonly insideSeconds: number;
  readonly cpuSeconds: number;
  readonly chose: string;
}

export interface SftpxOptions {
  readonly command: readonly string[];
  readonly work: string;
  readonly processes: Processes;
  readonly limitSeconds: number;
}

/** A server on an empty root; one for both passes of a cell. */
export class SftpxServer implements AsyncDisposable {
  readonly #server: Started;
  readonly #ticket: string;
  readonly #options: SftpxOptions;
  readonly #namespace: string | null;

  private constructor(server: Started, ticket: string, { scene, ...options }: ServerOptions) {
    this.#server = server;
    this.#ticket = ticket;
    this.#options = options;
    this.#namespace = scene.senderNamespace;
  }

  static async start(root: string, options: ServerOptions): Promise<SftpxServer> {
    const { command, processes, scene } = options;
    mkdirSync(root, { recursive: true });
    const args = ["serve", root, "--listen", `${scene.host}:0`, "--json", "--quiet"];
    const server = processes.start([...command, ...args], {
      namespace: scene.receiverNamespace,
      env: envOf(options),
    });
    using _ = server.endAfter(options.limitSeconds);
    try {
      for (;;) {
        const { ticket } = JSON.parse(await server.line());
        if (ticket === undefined) continue; // Before it a server may tell of what is about its root.
        server.drain();
        return new SftpxServer(server, ticket, options);
      }
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sends a file or what is in a directory. */
  async send(source: string, tool: Tool): Promise<OwnFigures> {
    const { command, processes, limitSeconds } = this.#options;
    const args = ["send", source, `@/${COPY}`, "--json", "--quiet", ...flagsOf(tool)];
    const startMs = performance.now();
    await using sender = processes.start([...command, ...args], {
      namespace: this.#namespace,
      env: { ...envOf(this.#options), SFTPX_TICKET: this.#ticket },
    });
    const ended = sender.succeeded(limitSeconds);
    const [told, read] = await Promise.allSettled([ended, this.#follow(sender)]);
    const seconds = (performance.now() - startMs) / 1000;
    // Why it ended says more than that its words did.
    if (read.status === "fulfilled" && read.value.error !== null) throw new Error(read.value.error);
    if (told.status === "rejected") throw told.reason;
    if (read.status === "rejected") throw read.reason;
    const { insideSeconds, cpuSeconds, chose } = read.value;
    return { seconds, insideSeconds, cpuSeconds, chose };
  }

  async #follow(sender: Started): Promise<Followed> {
    let before = 0;
    for (;;) {
      const event = JSON.parse(await sender.line());
      const cpuSeconds = processCost(sender.pid).cpuSeconds +
        processCost(this.#server.pid).cpuSeconds;
      if (event.event === "start") before = cpuSeconds;
      if (event.event !== "summary") continue;
      sender.drain();
      const error = event.ok ? null : `Cannot send: ${event.error?.message}`;
      const insideSeconds = event.seconds;
      return { error, insideSeconds, cpuSeconds: cpuSeconds - before, chose: choiceOf(event) };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}

interface ServerOptions extends SftpxOptions {
  readonly scene: Scene;
}

interface Followed {
  readonly error: string | null;
  readonly insideSeconds: number;
  readonly cpuSeconds: number;
  readonly chose: string;
}

function envOf({ work }: SftpxOptions): { [name: string]: string } {
  return { SFTPX_HOME: join(work, "home") };
}

/** The tool alone decides, but for what its name says. */
function flagsOf(tool: Tool): readonly string[] {
  const [, transport] = tool.split(" ");
  return transport === undefined ? [] : ["--transport", transport];
}

/** What a summary says of how the bytes went; fields that an older one does not have are left out. */
export function choiceOf(summary: Readonly<{ [name: string]: unknown }>): string {
  const parts = [
    told(summary["transport"], ""),
    told(summary["connections"], "connection"),
    told(summary["lanes"], "lane"),
    told(summary["congestion"], ""),
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function told(value: unknown, unit: string): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? `${value} ${unit}${value === 1 ? "" : "s"}` : "";
}

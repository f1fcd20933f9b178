// Where a round takes place: two directories, two homes, a server that is started as often as it must,
// and the words that reach it. Keeps every command it ran, for whoever has to look at a failure.

import * as fs from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { LIMITS } from "../../src/base/limits.ts";
import { lastingPort } from "../one_port.ts";
import type { Attempt, Plan } from "./plan.ts";
import { type OnLine, Tool } from "./tool.ts";

export class Ground {
  readonly directory: string;
  readonly plan: Plan;
  /** Commands as a shell takes them. */
  readonly commands: string[] = [];
  readonly #tools: Tool[] = [];
  #server: Tool | null = null;
  #port = 0;
  #identity = "";
  #ticket: string | null = null;
  #servers = 0;

  constructor(directory: string, plan: Plan) {
    this.directory = directory;
    this.plan = plan;
  }

  /** What the source's names are relative to. */
  get base(): string {
    return this.#path(this.plan.direction === "push" ? "client" : "server");
  }

  /** What final names are relative to. */
  get receiving(): string {
    return this.#path(this.plan.direction === "push" ? "server" : "client");
  }

  /** Where the receiver keeps its state. */
  get stateRoot(): string {
    if (this.plan.direction === "push") return this.receiving;
    // A pull's is beside what comes: the destination itself where that is a directory.
    return join(this.receiving, "in");
  }

  /** How often a server was started. */
  get servers(): number {
    return this.#servers;
  }

  /** Makes the directories and the identities. */
  async prepare(): Promise<void> {
    await fs.mkdir(this.#path("client"), { recursive: true });
    await fs.mkdir(this.#path("server"), { recursive: true });
    if (this.plan.auth === "ticket") return;
    const init = this.start(["init", "--json"], "client");
    const { identity } = await init.line("identity");
    await init.ended;
    await fs.writeFile(this.#path("keys"), `${identity} the client\n`);
  }

  /** The server that runs; one is started, on another port each time, where none does. */
  async server(): Promise<Tool> {
    return this.#server === null || this.#server.isEnded
      ? await this.serve("another")
      : this.#server;
  }

  /** Starts a server, on the port of the last with `again`. */
  async serve(on: "another" | "again"): Promise<Tool> {
    for (let tries = 1;; tries++) {
      try {
        return await this.#serveAt(on === "again" ? this.#port : await lastingPort());
      } catch (thrown) {
        // Another test's by then; or the killed one's, which a system may give back a moment later.
        const isTaken = thrown instanceof Error && /port \d+ is taken/.test(thrown.message);
        if (!isTaken || tries === LIMITS.portsTried) throw thrown;
        await after(200);
      }
    }
  }

  async #serveAt(port: number): Promise<Tool> {
    const listen = `127.0.0.1:${port}`;
    const args = [this.plan.command, this.#path("server"), "--json", "--listen", listen];
    if (this.plan.auth !== "ticket") args.push("--authorized-keys", this.#path("keys"));
    const server = this.start(args, "server");
    this.#server = server;
    this.#servers++;
    const listening = await server.line("listening");
    this.#port = Number(listening["port"]);
    this.#identity = String(listening["identity"]);
    this.#ticket = listening["ticket"] === null ? null : String(listening["ticket"]);
    return server;
  }

  /** Starts the client's command for an attempt. */
  async client(attempt: Attempt, options: {
    readonly flags: readonly string[];
    readonly onLine: OnLine;
  }): Promise<Tool> {
    const { direction, payload: { sources, destination } } = this.plan;
    const remote = await this.#remote(attempt);
    const names = direction === "push"
      ? ["send", ...sources, remote(destination)]
      : ["get", ...sources.map(remote), destination];
    const args = [...names, ...attempt.flags, ...options.flags, "--json"];
    return this.start(args, "client", options.onLine);
  }

  /** Starts the tool at one of the two ends. */
  start(args: readonly string[], end: "client" | "server", onLine?: OnLine): Tool {
    const cwd = this.#path(end === "client" ? "client" : ".");
    const home = this.#path(`${end}-home`);
    this.commands.push(
      `(cd ${quoted(cwd)} && SFTPX_LINKS=keep SFTPX_HOME=${quoted(home)} sftpx ${
        args.map(quoted).join(" ")
      })`,
    );
    const tool = new Tool({ args, cwd, home, onLine });
    this.#tools.push(tool);
    return tool;
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    for (const tool of this.#tools) tool.kill();
    await Promise.allSettled(this.#tools.map((tool) => tool.ended));
  }

  /** How a remote path is written in this attempt. */
  async #remote({ byTicket, ownTicket }: Attempt): Promise<(path: string) => string> {
    if (!byTicket) {
      const url = `sftpx://${this.#identity}@127.0.0.1:${this.#port}`;
      return (path) => `${url}/${path.split("/").map(encodeURIComponent).join("/")}`;
    }
    const ticket = ownTicket || this.#ticket === null ? await this.#mint() : this.#ticket;
    return (path) => `${ticket}/${path}`;
  }

  /** A ticket of its own, made beside the server that runs. */
  async #mint(): Promise<string> {
    const address = `127.0.0.1:${this.#port}`;
    const args = ["ticket", "create", "--json", "--advertise", address, this.#path("server")];
    const tool = this.start(args, "server");
    const { ticket } = await tool.line("ticket");
    await tool.ended;
    return String(ticket);
  }

  #path(name: string): string {
    return join(this.directory, name);
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

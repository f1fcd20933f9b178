// `serve` told as it goes: where it listens, who comes, what they ask for, and each transfer. The
// ticket goes to stdout and nowhere else (I9).

import type { ServeEvent, ServeHandle } from "../session/options.ts";
import type { Access } from "../trust/grant.ts";
import { accessLine, refusedLine } from "./access_log.ts";
import type { JsonLines } from "./json.ts";
import type { TextOutput } from "./output.ts";
import { TransferReport } from "./report.ts";
import { formatHostPort } from "./target.ts";
import { shown } from "./shown.ts";
import { type ProgressState, together } from "./ui/progress.ts";
import type { Terminal } from "./ui/terminal.ts";

/** Where a report goes. */
export interface ServeReportOptions {
  readonly terminal: Terminal;
  readonly stdout: TextOutput;
  readonly json: JsonLines | null;
  readonly nowMs: () => number;
}

type Event<Kind extends ServeEvent["kind"]> = Extract<ServeEvent, { kind: Kind }>;

/** A transfer under way, and what was last known of it. */
interface Running {
  readonly report: TransferReport;
  state: ProgressState | null;
}

/** Tells a server's life. */
export class ServeReport {
  readonly #options: ServeReportOptions;
  /** Transfers under way, in the order they began. */
  readonly #transfers = new Map<number, Running>();

  constructor(options: ServeReportOptions) {
    this.#options = options;
  }

  /** Tells where the server listens; the first line of all. */
  listening(
    { address, identity, ticket }: Pick<ServeHandle, "address" | "identity" | "ticket">,
    { access = "both" }: { access?: Access } = {},
  ): void {
    const { terminal, stdout, json } = this.#options;
    const { hostname, port } = address;
    json?.tell("listening", { address: hostname, port, identity, ticket });
    terminal.line(`listening on ${formatHostPort(address)} as ${identity}`, {
      event: "listening",
      address: hostname,
      port,
      identity,
    });
    if (json !== null || ticket === null) return;
    const use = access === "read" ? "sftpx get TICKET ." : "sftpx send FILE TICKET";
    terminal.line(`let someone in with this ticket, as in: ${use}`);
    stdout.write(`${ticket}\n`);
  }

  /** Tells one event; give it to the session as `onEvent`. */
  readonly event = (event: ServeEvent): void => {
    switch (event.kind) {
      case "peer":
      case "peer_left":
        return this.#peer(event);
      case "peer_refused":
        return this.#refused(event);
      case "access":
        return this.#access(event);
      case "reloaded":
        return this.#reloaded(event);
      case "notice":
        return this.#options.terminal.warning(event.message);
      case "transfer":
        return this.#transfer(event.transfer).report.event(event.event);
      case "transfer_done":
        this.#transfer(event.transfer).report.finish(event.summary);
        this.#transfers.delete(event.transfer);
        return;
    }
  };

  #peer({ kind, address, identity }: Event<"peer" | "peer_left">): void {
    const { terminal, json } = this.#options;
    if (kind === "peer") json?.tell("peer", { address, identity });
    else json?.tell("peer_left", { address, identity });
    const deed = kind === "peer" ? "came" : "left";
    const fields = { event: kind, address, identity };
    terminal.detail(`peer ${shown(identity)} ${deed}, at ${shown(address)}`, fields);
  }

  #refused({ kind, ...fields }: Event<"peer_refused">): void {
    const { terminal, json } = this.#options;
    json?.tell("peer_refused", fields);
    const { address, identity, message, count } = fields;
    // Of somebody known it is a line of the access log.
    if (identity !== null) return terminal.line(refusedLine(fields), { event: kind, ...fields });
    const who = address === "*" ? "peers from many addresses" : address;
    const often = count === 1 ? "" : ` (${count} times)`;
    terminal.warning(`refused ${who}: ${message}${often}`, { event: kind, ...fields });
  }

  /** On a terminal the end of a transfer is told by its summary. */
  #access({ kind, ...fields }: Event<"access">): void {
    const { terminal, json } = this.#options;
    json?.tell("access", fields);
    const line = accessLine({ kind, ...fields });
    if (terminal.log === "json") return terminal.line(line, { event: kind, ...fields });
    if (terminal.log === "text" || fields.transfer === null) return terminal.line(line);
    terminal.detail(line);
  }

  #reloaded({ kind, keys, error }: Event<"reloaded">): void {
    const { terminal, json } = this.#options;
    json?.tell("reloaded", {
      keys,
      ...(error === null
        ? {}
        : { error: { code: error.code, message: shown(error.message, 1000) } }),
    });
    if (error !== null) {
      const message = `the authorized keys stay as they were: ${error.message}`;
      return terminal.warning(message, { event: kind, keys, code: error.code });
    }
    const message = keys === null
      ? "nothing to read anew: there is no file of authorized keys"
      : `authorized keys read anew, ${keys} ${keys === 1 ? "key" : "keys"}`;
    terminal.line(message, { event: kind, keys });
  }

  #transfer(transfer: number): Running {
    const known = this.#transfers.get(transfer);
    if (known !== undefined) return known;
    const { terminal, stdout, json, nowMs } = this.#options;
    const draw = (state: ProgressState) => {
      running.state = state;
      this.#draw();
    };
    const options = { terminal, stdout, json, nowMs, transfer, serving: true, draw };
    const running: Running = {
      report: new TransferReport({ ...options, deed: "received" }),
      state: null,
    };
    this.#transfers.set(transfer, running);
    return running;
  }

  /** One line for all that run. */
  #draw(): void {
    const states = [...this.#transfers.values()].flatMap(({ state }) => state ?? []);
    if (states.length > 0) this.#options.terminal.progress(together(states));
  }
}

// `serve` told as it goes: where it listens, who comes, and each transfer. The ticket goes to stdout
// and nowhere else (I9).

import type { ServeEvent, ServeHandle } from "../session/options.ts";
import type { JsonLines } from "./json.ts";
import type { TextOutput } from "./output.ts";
import { TransferReport } from "./report.ts";
import { formatHostPort } from "./target.ts";
import { shown } from "./shown.ts";
import { warningLine } from "./ui/problem.ts";
import type { Terminal } from "./ui/terminal.ts";

/** Where a report goes. */
export interface ServeReportOptions {
  readonly terminal: Terminal;
  readonly stdout: TextOutput;
  readonly json: JsonLines | null;
  readonly nowMs: () => number;
}

/** Tells a server's life. */
export class ServeReport {
  readonly #options: ServeReportOptions;
  /** Transfers under way, in the order they began. */
  readonly #transfers = new Map<number, TransferReport>();

  constructor(options: ServeReportOptions) {
    this.#options = options;
  }

  /** Tells where the server listens; the first line of all. */
  listening({ address, identity, ticket }: Omit<ServeHandle, "ended">): void {
    const { terminal, stdout, json } = this.#options;
    if (json !== null) {
      json.listening({ address: address.hostname, port: address.port, identity, ticket });
    }
    terminal.line(`listening on ${formatHostPort(address)} as ${identity}`);
    if (json !== null || ticket === null) return;
    terminal.line("let someone in with this ticket, as in: sftpx send FILE TICKET");
    stdout.write(`${ticket}\n`);
  }

  /** Tells one event; give it to the session as `onEvent`. */
  readonly event = (event: ServeEvent): void => {
    const { terminal, json } = this.#options;
    switch (event.kind) {
      case "peer": {
        const { address, identity } = event;
        json?.peer({ address, identity });
        return terminal.detail(`peer ${shown(address)} is ${shown(identity)}`);
      }
      case "peer_refused": {
        const { address, code, message } = event;
        json?.peerRefused({ address, code, message });
        return terminal.line(warningLine(`refused ${address}: ${message}`, terminal));
      }
      case "transfer":
        return this.#transfer(event.transfer).event(event.event);
      case "transfer_done":
        this.#transfer(event.transfer).finish(event.summary);
        this.#transfers.delete(event.transfer);
        return;
    }
  };

  #transfer(transfer: number): TransferReport {
    const known = this.#transfers.get(transfer);
    if (known !== undefined) return known;
    const { terminal, json, nowMs } = this.#options;
    const report = new TransferReport({
      terminal,
      json,
      nowMs,
      transfer,
      deed: "received",
      // One line cannot show two transfers: it is the oldest one's.
      drawsProgress: () => this.#transfers.keys().next().value === transfer,
    });
    this.#transfers.set(transfer, report);
    return report;
  }
}

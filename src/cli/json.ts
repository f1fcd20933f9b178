// `--json`: one object a line on stdout, as the command-line contract lists them. Progress is thinned
// out; everything else is told as it comes. The last line of a transfer is its summary, exactly once.

import { SftpxError } from "../base/errors.ts";
import type { SessionEvent, TransferSummary } from "../session/options.ts";
import type { VersionDetails } from "./context.ts";
import { exitOfError, exitOfSummary } from "./exit.ts";
import type { TextOutput } from "./output.ts";
import { shown } from "./shown.ts";

/** Version of the lines' schema. */
const SCHEMA_VERSION = 1;
/** At most five progress lines a second, as the contract says. */
const PROGRESS_MS = 200;

/** What a line may hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** What `serve` tells first. */
export interface ListeningLine {
  readonly address: string;
  readonly port: number;
  readonly identity: string;
  /** The one place a ticket is shown (I9); null without one. */
  readonly ticket: string | null;
}

/** Which transfer of `serve` a line is about; absent in `send` and `get`. */
export interface AboutTransfer {
  readonly transfer?: number;
}

/** Writes JSON lines. Time comes from an injected clock. */
export class JsonLines {
  readonly #output: TextOutput;
  readonly #nowMs: () => number;
  /** When progress was last told, for each transfer. */
  readonly #progressMs = new Map<number | null, number>();
  #summarized = false;

  constructor(output: TextOutput, nowMs: () => number) {
    this.#output = output;
    this.#nowMs = nowMs;
  }

  /** Whether a summary of the one transfer of this process was told. */
  get summarized(): boolean {
    return this.#summarized;
  }

  listening(line: ListeningLine): void {
    this.#line("listening", { ...line });
  }

  identity(identity: string): void {
    this.#line("identity", { identity });
  }

  version(version: string, details: VersionDetails | null): void {
    this.#line("version", { version, ...(details === null ? {} : detailFields(details)) });
  }

  /** A peer of `serve` that was let in or turned away. */
  peer(fields: { readonly address: string; readonly identity: string }): void {
    this.#line("peer", fields);
  }

  peerRefused(fields: {
    readonly address: string;
    readonly code: string;
    readonly message: string;
  }): void {
    this.#line("peer_refused", fields);
  }

  /** One event of a transfer. */
  event(event: SessionEvent, about: AboutTransfer = {}): void {
    switch (event.kind) {
      case "connected":
        return this.#line("connected", {
          ...about,
          address: event.address,
          transport: event.transport,
        });
      case "start":
        return this.#line("start", {
          ...about,
          direction: event.direction,
          chunkBytes: event.chunkBytes,
          peer: event.peer,
        });
      case "progress":
        return this.#progress(event, about);
      case "entry_failed":
        return this.#line("entry_failed", {
          ...about,
          path: event.path,
          code: event.code,
          message: event.message,
        });
      case "notice":
        return this.#line("notice", { ...about, message: event.message });
    }
  }

  /** The last line of a transfer. */
  summary(
    summary: TransferSummary,
    { transfer, failIfUnchanged = false }: AboutTransfer & { failIfUnchanged?: boolean } = {},
  ): void {
    this.#progressMs.delete(transfer ?? null);
    const error = summary.error ?? someFailed(summary);
    const exit = exitOfSummary(summary, { failIfUnchanged });
    this.#summary({
      ...(transfer === undefined ? {} : { transfer }),
      ok: summary.ok && error === null,
      files: summary.files,
      bytes: summary.bytes,
      reusedBytes: summary.reusedBytes,
      wireBytes: summary.wireBytes,
      seconds: summary.seconds,
      root: summary.root,
      chunkBytes: summary.chunkBytes,
      failed: summary.failed,
      ...(error === null ? {} : { error: errorFields(error, exit) }),
    });
  }

  /** The summary of a command that failed before a transfer had one, usage errors included. */
  failure(error: SftpxError): void {
    this.#summary({
      ok: false,
      files: 0,
      bytes: 0,
      reusedBytes: 0,
      wireBytes: 0,
      seconds: 0,
      root: null,
      chunkBytes: null,
      failed: 0,
      error: errorFields(error, exitOfError(error)),
    });
  }

  #progress(event: Extract<SessionEvent, { kind: "progress" }>, about: AboutTransfer): void {
    const key = about.transfer ?? null;
    const nowMs = this.#nowMs();
    const lastMs = this.#progressMs.get(key);
    if (lastMs !== undefined && nowMs - lastMs < PROGRESS_MS) return;
    this.#progressMs.set(key, nowMs);
    this.#line("progress", {
      ...about,
      bytesDone: event.bytesDone,
      bytesTotal: event.bytesTotal,
      wireBytes: event.wireBytes,
      filesDone: event.filesDone,
      filesTotal: event.filesTotal,
      bytesPerSecond: Math.round(event.bytesPerSecond),
    });
  }

  #summary(fields: Readonly<Record<string, JsonValue>>): void {
    // A second last line would be read as another transfer's.
    if (!("transfer" in fields)) {
      if (this.#summarized) return;
      this.#summarized = true;
    }
    this.#line("summary", fields);
  }

  #line(event: string, fields: Readonly<Record<string, JsonValue>>): void {
    const time = new Date(this.#nowMs()).toISOString();
    this.#output.write(
      `${JSON.stringify({ v: SCHEMA_VERSION, event, time, ...fields })}\n`,
    );
  }
}

/** Failed entries are an error to a program, even where the session named none. */
function someFailed({ failed }: TransferSummary): SftpxError | null {
  return failed > 0 ? new SftpxError("partial", `Some entries failed: ${failed}`) : null;
}

function detailFields({ runtime, platform, codecs, transports }: VersionDetails) {
  return { runtime, platform, codecs, transports: transports.map((item) => ({ ...item })) };
}

function errorFields(error: SftpxError, exit: number): JsonValue {
  return { code: error.code, message: shown(error.message, 1000), exit };
}

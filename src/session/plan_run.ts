// Drives either half of a dry run from its first message to its last, and tells the plan line by line.
// Nothing here touches a disk: what the half asks for, its owner carries out in `act`.

import { type SftpxError, toSftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { PlanLine, PlanResult } from "../engine/plan_report.ts";
import type { TransferMessage } from "../wire/messages.ts";
import { sayAbort, whenAborted } from "./abort.ts";
import { FailureTally } from "./failure_tally.ts";
import type { TransferChannel } from "./hub.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { failedSummary, idleProgress, secondsSince } from "./progress.ts";

/** A half of the engine that plans. */
export interface PlanHalf {
  readonly result: PlanResult | null;
  handle(message: TransferMessage): void;
  pollLine(): PlanLine | null;
  pollNotice(): string | null;
}

export interface PlanRunOptions {
  readonly channel: TransferChannel;
  /** Tells each line as a `plan` event. */
  readonly tellLines: boolean;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

export class PlanRun {
  readonly #half: PlanHalf;
  readonly #options: PlanRunOptions;
  readonly #act: () => void;
  readonly #failures: FailureTally;
  readonly #startMs = performance.now();
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<PlanResult>();
  /** The peer said itself why it ends: it need not be told. */
  #isAborted = false;

  /** `act` is called whenever the half may have something to say or to ask for. */
  constructor(
    half: PlanHalf,
    { act, ...options }: PlanRunOptions & { readonly act: () => void },
  ) {
    this.#half = half;
    this.#options = options;
    this.#act = act;
    this.#failures = new FailureTally(options.onEvent);
  }

  /** Aborted once the run is over. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Runs until the plan is whole at both ends. Never rejects: what went wrong is in the summary. */
  async run(
    { chunkBytes, onMessage = () => {} }: {
      readonly chunkBytes: number;
      /** Called with each message once the half has taken it. */
      readonly onMessage?: (message: TransferMessage) => void;
    },
  ): Promise<TransferSummary> {
    const { channel, onEvent, signal } = this.#options;
    using _aborted = whenAborted(signal, this.#ended.reject);
    // Nothing is moved or stored: the one report of a dry run says what it is at.
    onEvent(idleProgress("scan"));
    try {
      this.task(this.#takeMessages(onMessage));
      this.pump();
      return this.#finished(await this.#ended.promise, chunkBytes);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      if (!this.#isAborted) sayAbort(channel, error);
      return this.#broken(error, chunkBytes);
    } finally {
      this.#stop.abort();
      channel.close();
    }
  }

  /** A part of the run that ends by itself; its failure is the run's. */
  task(work: Promise<void>): void {
    work.catch((error) => this.#ended.reject(error));
  }

  notice(message: string): void {
    this.#options.onEvent({ kind: "notice", message });
  }

  /** Lets the half say what it has to say. */
  pump(): void {
    if (this.#stop.signal.aborted) return;
    try {
      this.#act();
      const half = this.#half;
      for (let line = half.pollLine(); line !== null; line = half.pollLine()) this.#tell(line);
      for (let text = half.pollNotice(); text !== null; text = half.pollNotice()) this.notice(text);
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  async #takeMessages(onMessage: (message: TransferMessage) => void): Promise<void> {
    for (;;) {
      const message = await this.#options.channel.messages.take();
      if (message === null) return;
      this.#isAborted = message.type === "abort";
      this.#half.handle(message);
      onMessage(message);
      this.pump();
      if (this.#half.result !== null) return this.#ended.resolve(this.#half.result);
    }
  }

  #tell({ path, kind, sizeBytes, action, code, message, remote }: PlanLine): void {
    const failed = action === "fail" && code !== undefined
      ? { code, message: this.#failures.note({ code, message: message ?? "", remote }) }
      : {};
    if (!this.#options.tellLines) return;
    const shown = { path: escapeText(path), entryKind: kind, sizeBytes };
    this.#options.onEvent({ kind: "plan", ...shown, action, ...failed });
  }

  #finished(result: PlanResult, chunkBytes: number): TransferSummary {
    const { files, bytes, reusedBytes, failed, changed, undecided, deleted } = result;
    const error = this.#failures.error(result);
    return {
      ok: error === null,
      files,
      bytes,
      reusedBytes,
      wireBytes: 0,
      seconds: secondsSince(this.#startMs),
      root: null,
      chunkBytes,
      failed,
      // Only a comparison of contents would tell whether anything changes.
      changed: changed === 0 && undecided > 0 ? null : changed,
      deleted,
      dryRun: true,
      reconnects: 0,
      error,
    };
  }

  #broken(error: SftpxError, chunkBytes: number): TransferSummary {
    const summary = failedSummary(error, { chunkBytes, startMs: this.#startMs, dryRun: true });
    return { ...summary, failed: this.#failures.count };
  }
}

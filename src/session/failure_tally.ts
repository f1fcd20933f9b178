// The entries of a transfer that failed: told one by one, and as the error of its summary at the end.

import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { FailureReport } from "../engine/report.ts";
import type { SessionEvent } from "./options.ts";

export class FailureTally {
  readonly #onEvent: (event: SessionEvent) => void;
  #count = 0;
  #first: { readonly code: ErrorCode; readonly message: string } | null = null;

  constructor(onEvent: (event: SessionEvent) => void) {
    this.#onEvent = onEvent;
  }

  get count(): number {
    return this.#count;
  }

  /** Counts a failure, and tells it. */
  add(failure: FailureReport): void {
    const { code } = failure;
    const message = this.note(failure);
    this.#onEvent({ kind: "entry_failed", path: escapeText(failure.path), code, message });
  }

  /** Counts a failure that is told elsewhere; answers its text made safe to show. */
  note({ code, message, remote }: Omit<FailureReport, "path">): string {
    const safe = remote ? escapeText(message) : message;
    this.#count++;
    this.#first ??= { code, message: safe };
    return safe;
  }

  /** Null when none failed; `partial` when something is in place all the same, else the first cause. */
  error({ files }: { readonly files: number }): SftpxError | null {
    if (this.#first === null) return null;
    if (files === 0) return new SftpxError(this.#first.code, this.#first.message);
    const entries = this.#count === 1 ? "1 entry" : `${this.#count} entries`;
    const text = `${entries} failed, the first because: ${this.#first.message}`;
    return new SftpxError("partial", text);
  }
}

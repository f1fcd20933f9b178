// What both simulated ends share: every input is a step, an error ends the end, a crash ends it
// without a word, and counts never fall (I10).

import assert from "node:assert/strict";
import { SftpxError } from "../../src/base/errors.ts";
import type { FailureReport, TransferCounts, TransferResult } from "../../src/engine/report.ts";

/** How one end came to its end. */
export interface Ending {
  readonly result: TransferResult | null;
  readonly error: SftpxError | null;
  readonly crashed: boolean;
}

export abstract class Side {
  ending: Ending | null = null;
  /** Entries this end reported as failed. */
  readonly failures: FailureReport[] = [];
  /** Inputs so far. */
  steps = 0;
  /** Called once, at the end. */
  onEnd: (ending: Ending) => void = () => {};
  readonly #crashStep: number;
  #counts: TransferCounts | null = null;

  constructor(crashStep: number) {
    this.#crashStep = crashStep;
  }

  protected drainFailures(poll: () => FailureReport | null): void {
    for (let failure = poll(); failure !== null; failure = poll()) this.failures.push(failure);
  }

  protected abstract counts(): TransferCounts;
  /** Lets the engine decide until it has nothing left to say. */
  protected abstract pump(): void;

  /** Something happens to this end. */
  input(act: () => void): void {
    if (this.ending !== null) return;
    if (this.steps++ === this.#crashStep) return this.crash();
    try {
      act();
      this.pump();
    } catch (error) {
      // Anything else is a defect of the engine or of the model: it surfaces.
      if (!(error instanceof SftpxError)) throw error;
      return this.end({ result: null, error, crashed: false });
    }
    this.#checkCounts();
  }

  crash(): void {
    this.end({ result: null, error: null, crashed: true });
  }

  end(ending: Ending): void {
    if (this.ending !== null) return;
    this.ending = ending;
    this.onEnd(ending);
  }

  #checkCounts(): void {
    const now = this.counts();
    const before = this.#counts;
    this.#counts = now;
    if (now.bytesTotal !== null) assert.ok(now.bytesDone <= now.bytesTotal, "done within total");
    if (now.filesTotal !== null) assert.ok(now.filesDone <= now.filesTotal, "files within total");
    if (before === null) return;
    for (const name of ["bytesDone", "reusedBytes", "filesDone"] as const) {
      assert.ok(now[name] >= before[name], `I10: ${name} fell`);
    }
    for (const name of ["bytesTotal", "filesTotal"] as const) {
      if (before[name] !== null) assert.equal(now[name], before[name], `I10: ${name} moved`);
    }
  }
}

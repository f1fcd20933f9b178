// What both simulated ends share: every input is a step, an error ends the end, a crash ends it
// without a word, counts never fall (I10), and phases go forward.

import assert from "node:assert/strict";
import { SftpxError } from "../../src/base/errors.ts";
import type {
  EntryReport,
  FailureReport,
  TransferCounts,
  TransferPhase,
  TransferResult,
} from "../../src/engine/report.ts";

/** How one end came to its end. */
export interface Ending {
  readonly result: TransferResult | null;
  readonly error: SftpxError | null;
  readonly crashed: boolean;
}

/** What either half tells its user besides counts. */
interface Teller {
  pollFailure(): FailureReport | null;
  pollEntry(): EntryReport | null;
  pollNotice(): string | null;
}

/** What may follow each phase: a comparison may find that bytes must travel after all, once. */
const NEXT_PHASES: Record<TransferPhase, readonly TransferPhase[]> = {
  scan: ["move", "verify", "commit"],
  move: ["verify", "commit"],
  verify: ["move", "commit"],
  commit: [],
};

export abstract class Side {
  ending: Ending | null = null;
  /** Entries this end reported as failed. */
  readonly failures: FailureReport[] = [];
  /** Entries this end told, and what it remarked. */
  readonly entries: EntryReport[] = [];
  readonly notices: string[] = [];
  /** Phases this end went through. */
  readonly phases: TransferPhase[] = [];
  /** Inputs so far. */
  steps = 0;
  /** Called once, at the end. */
  onEnd: (ending: Ending) => void = () => {};
  readonly #crashStep: number;
  #counts: TransferCounts | null = null;

  /** Bytes this end knows to be stored that travelled in this attempt. */
  get movedBytes(): number {
    return this.#counts === null ? 0 : this.#counts.bytesDone - this.#counts.reusedBytes;
  }

  constructor(crashStep: number) {
    this.#crashStep = crashStep;
  }

  protected drainReports(half: Teller): void {
    drain(() => half.pollFailure(), this.failures);
    drain(() => half.pollEntry(), this.entries);
    drain(() => half.pollNotice(), this.notices);
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
    this.#checkPhase(now.phase);
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
  #checkPhase(phase: TransferPhase): void {
    const last = this.phases.at(-1);
    if (phase === last) return;
    if (last !== undefined) {
      assert.ok(NEXT_PHASES[last].includes(phase), `${phase} follows ${last}`);
      assert.ok(phase !== "move" || !this.phases.includes("move"), "it moves twice");
    }
    this.phases.push(phase);
  }
}

function drain<T>(poll: () => T | null, into: T[]): void {
  for (let next = poll(); next !== null; next = poll()) into.push(next);
}

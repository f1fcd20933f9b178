// What the receiver says it holds of a file, what it still wants, and with that the moment the file may
// flow: nothing of it is read before. Refuses an answer about a file that awaits none.

import type { Have, Need } from "../wire/messages.ts";
import type { FramePlanner } from "./frame_planner.ts";
import type { OpenFiles } from "./open_files.ts";
import type { RootLog } from "./root.ts";
import type { Sealing } from "./sealing.ts";
import { mayTrustUnread, type SendFile } from "./send_file.ts";
import type { SendOutcome } from "./send_outcome.ts";
import type { Tally } from "./tally.ts";
import { outOfPlace } from "./violation.ts";

/** What the rooms of a sending transfer share. */
export interface SendContext {
  readonly log: RootLog;
  readonly outcome: SendOutcome;
  readonly sealing: Sealing;
  readonly planner: FramePlanner;
  readonly tally: Tally;
}

export class SendVerdicts {
  readonly #files: OpenFiles<SendFile>;
  readonly #context: SendContext;

  constructor(files: OpenFiles<SendFile>, context: SendContext) {
    this.#files = files;
    this.#context = context;
  }

  /** The receiver holds chunks of a file. */
  have(message: Have): void {
    const file = this.#files.find(message.entry);
    if (file === undefined && this.#context.outcome.isGivenUp(message.entry)) return;
    if (file === undefined || file.decided) throw outOfPlace("have");
    // Its own ranges ascend: the schema saw to that.
    const [first = file.heldEnd] = message.ranges[0] ?? [];
    const [last, count] = message.ranges.at(-1) ?? [0, 0];
    if (first < file.heldEnd || last + count > file.chunks) throw outOfPlace("have");
    file.hold(message);
    const { stamp: then, recordedNs } = message;
    const now = file.origin.stamp;
    file.heldLast = then !== undefined;
    file.trusted = then !== undefined && recordedNs !== undefined &&
      mayTrustUnread(now, then, recordedNs);
  }

  /** The receiver says what it wants of files. */
  need({ verdicts }: Need, chunkBytes: number): void {
    const { log, outcome, sealing, tally } = this.#context;
    for (const verdict of verdicts) {
      const file = this.#files.find(verdict.entry);
      if (file === undefined && outcome.isGivenUp(verdict.entry)) continue;
      if (file === undefined || file.decided) throw outOfPlace("need");
      switch (verdict.want) {
        case "none":
          log.seal(file.index, verdict.digest);
          tally.reuse(file.sizeBytes);
          sealing.drop(file.index);
          break;
        case "all":
          file.forgetHeld();
          this.release(file, chunkBytes);
          break;
        case "rest":
          if (file.trusted) tally.reuse(file.keepHeld(chunkBytes));
          this.release(file, chunkBytes);
          break;
      }
    }
  }

  /** The file may flow: nothing is left to ask. */
  release(file: SendFile, chunkBytes: number): void {
    const { sealing, planner, tally } = this.#context;
    file.decided = true;
    if (!file.isAllHeld) tally.move();
    if (file.heldLast && !file.kept) this.#files.holdPart(file);
    if (file.isKnown) return sealing.seal(file, chunkBytes);
    planner.add(file);
  }
}

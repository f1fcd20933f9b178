// The receiving half of a dry run, without I/O or clock: checks the manifest as a real transfer does,
// has the store say what would become of each entry, and tells both ends. Changes nothing.

import { LIMITS } from "../base/limits.ts";
import type { Pruned } from "../store/store.ts";
import type {
  Entries,
  Entry,
  Message,
  Offer,
  Omission,
  PlanStep,
  TransferMessage,
} from "../wire/messages.ts";
import { chunkCount } from "./geometry.ts";
import { type IsAsked, ManifestCheck } from "./manifest_check.ts";
import { ManifestCounts } from "./manifest_counts.ts";
import { type PlanLine, PlanLog, type PlanResult } from "./plan_report.ts";
import { NOTHING_WOULD_BE_DELETED, Pruning } from "./pruning.ts";
import { Queue } from "./queue.ts";
import { textToTell } from "./report.ts";
import { aborted, outOfPlace, violation } from "./violation.ts";

export type { PlanLine, PlanResult } from "./plan_report.ts";

/** What the session is to do. */
export type PlanReceiverAction =
  | { readonly kind: "send"; readonly message: Message }
  /** Store: `plan`; answer with `planned`, in the order asked. */
  | {
    readonly kind: "plan";
    readonly first: number;
    readonly entries: readonly Entry[];
    readonly sources: readonly number[];
  }
  /** Store: `prune`; answer with `pruned`. */
  | { readonly kind: "prune" };

export interface PlanReceiverOptions {
  readonly fresh: readonly boolean[];
  readonly chunkBytes: number;
  /** What is extraneous would be removed though the offer does not ask for it: a pull's own matter. */
  readonly localDelete?: boolean;
  /** What a pull holds its server to. */
  readonly isAsked?: IsAsked | null;
}

/** An entry with the store, and why it fails whatever the store says. */
interface Awaiting {
  readonly entry: Pick<Entry, "path" | "kind" | "sizeBytes">;
  readonly failure: PlanStep | null;
}

type Stage = "planning" | "pruning" | "said" | "confirmed";

export class PlanReceiver {
  readonly #transfer: number;
  readonly #chunkBytes: number;
  readonly #check: ManifestCheck;
  readonly #pruning: Pruning;
  readonly #log = new PlanLog();
  readonly #awaiting = new Queue<Awaiting>();
  readonly #actions = new Queue<PlanReceiverAction>();
  readonly #manifest = new ManifestCounts();
  #planned = 0;
  #stage: Stage = "planning";

  constructor(
    offer: Offer,
    { fresh, chunkBytes, localDelete = false, isAsked = null }: PlanReceiverOptions,
  ) {
    this.#transfer = offer.transfer;
    this.#chunkBytes = chunkBytes;
    this.#check = new ManifestCheck(offer.sources, { isAsked });
    this.#pruning = new Pruning(offer, { localDelete, tellPaths: true });
    this.#send({ type: "accept", transfer: offer.transfer, fresh, chunkBytes });
  }

  /** The whole plan; null until the sender confirmed its end. */
  get result(): PlanResult | null {
    return this.#stage === "confirmed" ? this.#log.result : null;
  }

  /** Takes a message of the sender; throws SftpxError when it breaks the protocol. */
  handle(message: TransferMessage): void {
    switch (message.type) {
      case "entries":
        return this.#handleEntries(message);
      case "omitted":
        return message.omissions.forEach((omission) => this.#handleOmission(omission));
      case "manifest_end":
        return this.#manifest.close(message);
      case "done":
        if (this.#stage !== "said") throw outOfPlace("done");
        this.#stage = "confirmed";
        return;
      case "abort":
        throw aborted(message);
      default:
        throw outOfPlace(message.type);
    }
  }

  /** The store said what would become of entries. */
  planned(first: number, steps: readonly PlanStep[]): void {
    if (first !== this.#planned || steps.length > this.#awaiting.size) {
      throw new RangeError(`No entries from ${first} on await a plan`);
    }
    this.#planned += steps.length;
    const told = steps.map((step) => {
      const { entry, failure } = this.#awaiting.take()!;
      const decided = failure ?? tellable(step);
      this.#log.step(entry, { ...decided, remote: false });
      return decided;
    });
    this.#send({ type: "planned", transfer: this.#transfer, first, steps: told });
  }

  /** The store said what it would remove. */
  pruned(pruned: Pruned): void {
    this.#pruning.take(pruned);
    this.#logPruned();
    this.#stage = "planning";
  }

  /** The next thing to do, or null. */
  poll(): PlanReceiverAction | null {
    return this.#actions.take() ?? this.#pollDeleted() ?? this.#pollEnd();
  }

  /** The next line of the plan, or null. */
  pollLine(): PlanLine | null {
    return this.#log.pollLine();
  }

  /** Something the user is to hear once, or null. */
  pollNotice(): string | null {
    return this.#pruning.pollNotice();
  }

  #logPruned(): void {
    for (let path = this.#pruning.pollPath(); path !== null; path = this.#pruning.pollPath()) {
      this.#log.deletion(path, { remote: false });
    }
    for (let kept = this.#pruning.pollReport(); kept !== null; kept = this.#pruning.pollReport()) {
      this.#log.failure(kept);
    }
  }

  #send(message: Message): void {
    this.#actions.add({ kind: "send", message });
  }

  #handleEntries({ first, entries, sources }: Entries): void {
    if (first !== this.#check.count || this.#manifest.isClosed) {
      throw violation("its entries do not follow each other");
    }
    if (this.#awaiting.size + entries.length > LIMITS.unplannedEntries) {
      throw violation("too many entries are announced ahead of their plan");
    }
    entries.forEach((entry, at) => {
      const problem = this.#check.next(entry, sources[at]!);
      const { path, kind, sizeBytes } = entry;
      const failure = problem !== null
        ? failing("bad_name", `Cannot take the name: ${problem}`)
        : this.#sizeProblem(entry);
      this.#awaiting.add({ entry: { path, kind, sizeBytes }, failure });
      this.#manifest.add(entry);
    });
    this.#actions.add({ kind: "plan", first, entries, sources });
  }

  #sizeProblem({ sizeBytes }: Entry): PlanStep | null {
    if (chunkCount(sizeBytes, this.#chunkBytes) <= LIMITS.chunksPerFile) return null;
    return failing("limit", `Cannot take it: over ${LIMITS.chunksPerFile} chunks`);
  }

  #handleOmission(omission: Omission): void {
    if (this.#manifest.isClosed) {
      throw violation("it leaves something out after its manifest's end");
    }
    this.#manifest.omit();
    this.#log.failure({ ...omission, remote: true });
  }

  #pollDeleted(): PlanReceiverAction | null {
    const message = this.#pruning.pollMessage();
    return message === null ? null : { kind: "send", message };
  }

  #pollEnd(): PlanReceiverAction | null {
    const isPlanned = this.#manifest.isClosed && this.#awaiting.size === 0;
    if (this.#stage !== "planning" || !isPlanned) return null;
    const { hollow } = this.#check;
    const { failed } = this.#log.result;
    if (this.#pruning.begins({ failed, hollow, notice: NOTHING_WOULD_BE_DELETED })) {
      this.#stage = "pruning";
      return { kind: "prune" };
    }
    this.#logPruned();
    // What is not deleted, and why, is said before the end.
    const told = this.#pollDeleted();
    if (told !== null) return told;
    this.#stage = "said";
    const { entries } = this.#log.result;
    const { deleted } = this.#pruning.countsTold;
    const message = { type: "plan_end", transfer: this.#transfer, entries, deleted } as const;
    return { kind: "send", message };
  }
}

/** A step as it may travel: a reason with a failure and with nothing else. */
function tellable({ action, code = "failed", message = "" }: PlanStep): PlanStep {
  return action === "fail" ? failing(code, message) : { action };
}

function failing(code: string, message: string): PlanStep {
  return { action: "fail", code, message: textToTell(message) };
}

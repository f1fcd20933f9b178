// The sending half of a dry run, without I/O or clock: announces what it would send and takes the
// receiver's plan of it, entry by entry. No frame, no digest, no seal: nothing of a file is read.

import type { ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type {
  Accept,
  Deleted,
  Entry,
  Message,
  Offer,
  Omission,
  PlanEnd,
  Planned,
  TransferMessage,
} from "../wire/messages.ts";
import { type FoundEntries, PendingEntries } from "./pending_entries.ts";
import { type PlanLine, PlanLog, type PlanResult } from "./plan_report.ts";
import { Queue } from "./queue.ts";
import { NOTHING_WOULD_BE_DELETED } from "./pruning.ts";
import { aborted, outOfPlace, violation } from "./violation.ts";

export type { PlanLine, PlanResult } from "./plan_report.ts";

export class PlanSender {
  readonly #offer: Offer;
  readonly #manifest: PendingEntries;
  readonly #log = new PlanLog();
  /** Announced and not planned. */
  readonly #awaiting = new Queue<Pick<Entry, "path" | "kind" | "sizeBytes">>();
  readonly #omissions = new Queue<Omission>();
  readonly #messages: Message[] = [];
  #accepted = false;
  #planned = 0;
  #closed = false;
  /** The receiver said what it would delete, if only that it is nothing. */
  #hasDeleted = false;
  #result: PlanResult | null = null;

  constructor(offer: Offer) {
    this.#offer = offer;
    this.#manifest = new PendingEntries(offer.transfer);
    this.#messages.push(offer);
  }

  /** Whether another walk batch may be added: accepted, and not too far ahead of the receiver. */
  get wantsEntries(): boolean {
    return this.#accepted && this.#manifest.wantsEntries && this.#hasRoom;
  }

  /** The whole plan; null until the receiver ended it and Done was queued. */
  get result(): PlanResult | null {
    return this.#result;
  }

  /** Takes the next entries of the manifest; they are announced as the receiver has room. */
  addEntries(found: FoundEntries): void {
    this.#manifest.add(found);
  }

  /** Something asked for is no entry; before `endEntries`. */
  omit(omission: { path: string; code: ErrorCode; message: string }): void {
    this.#log.failure({ ...omission, remote: false });
    this.#omissions.add({ ...omission, path: omission.path.toWellFormed() });
  }

  /** The walk is over: the manifest is closed once all of it is announced. */
  endEntries(): void {
    this.#manifest.end();
  }

  /** Takes a message of the receiver; throws SftpxError when it breaks the protocol. */
  handle(message: TransferMessage): void {
    switch (message.type) {
      case "accept":
        return this.#handleAccept(message);
      case "planned":
        return this.#handlePlanned(message);
      case "deleted":
        return this.#handleDeleted(message);
      case "plan_end":
        return this.#handleEnd(message);
      case "abort":
        throw aborted(message);
      default:
        throw outOfPlace(message.type);
    }
  }

  /** The next message to send, or null. */
  pollMessage(): Message | null {
    const said = this.#messages.shift();
    if (said !== undefined) return said;
    if (!this.#accepted) return null;
    const { transfer } = this.#offer;
    const omissions = this.#omissions.takeUpTo(LIMITS.omissionsPerMessage);
    if (omissions.length > 0) return { type: "omitted", transfer, omissions };
    const entries = this.#manifest.announce(({ entry }) => {
      if (!this.#hasRoom) return false;
      this.#awaiting.add({ path: entry.path, kind: entry.kind, sizeBytes: entry.sizeBytes });
      return true;
    });
    if (entries !== null) return entries;
    const end = this.#manifest.close();
    this.#closed ||= end !== null;
    return end;
  }

  /** The next line of the plan, or null. */
  pollLine(): PlanLine | null {
    return this.#log.pollLine();
  }

  /** Something the user is to hear once, or null. */
  pollNotice(): string | null {
    return this.#log.pollNotice();
  }

  get #hasRoom(): boolean {
    return this.#awaiting.size < LIMITS.unplannedEntries;
  }

  #handleAccept(message: Accept): void {
    if (this.#accepted) throw outOfPlace("accept");
    if (message.fresh.length !== this.#offer.sources.length) {
      throw violation("the accept names other sources");
    }
    this.#accepted = true;
  }

  #handlePlanned({ first, steps }: Planned): void {
    if (first !== this.#planned || steps.length > this.#awaiting.size) throw outOfPlace("planned");
    this.#planned += steps.length;
    for (const step of steps) this.#log.step(this.#awaiting.take()!, { ...step, remote: true });
  }

  /** Whether there is anything to delete is known only at the end. */
  #handleDeleted({ paths, kept }: Deleted): void {
    if (!this.#offer.delete || !this.#isPlanned || this.#result !== null) {
      throw outOfPlace("deleted");
    }
    this.#hasDeleted = true;
    for (const path of paths) this.#log.deletion(path, { remote: true });
    for (const failure of kept) this.#log.failure({ ...failure, remote: true });
  }

  #handleEnd({ entries, deleted }: PlanEnd): void {
    if (!this.#isPlanned || this.#result !== null) throw outOfPlace("plan_end");
    const result = this.#log.result;
    if (entries !== result.entries || deleted !== result.deleted) {
      throw violation("the plan does not count what it told");
    }
    if (this.#offer.delete && !this.#hasDeleted) {
      if (result.failed === 0) throw violation("the plan ends before what it would delete");
      this.#log.notice(NOTHING_WOULD_BE_DELETED);
    }
    this.#result = result;
    this.#messages.push({ type: "done", transfer: this.#offer.transfer });
  }

  /** The manifest is closed and every entry of it has its step. */
  get #isPlanned(): boolean {
    return this.#closed && this.#awaiting.size === 0;
  }
}

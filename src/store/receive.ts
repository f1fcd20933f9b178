// One receiving transfer on disk, from `begin` to `finish` or `abandon`: what of its register is
// journalled and what is in place. Puts nothing in place before the manifest is whole (I1), and leaves
// either a finished tree or parts to resume from. Synchronous; lives in the store's worker.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import type { Entry, EntryFailure, FilterRule } from "../wire/messages.ts";
import { comparisonOf } from "./append_only.ts";
import { type Beginning, beginningOf } from "./beginning.ts";
import { ChunkJournal, type OpenFile } from "./chunk_journal.ts";
import type { Place } from "./commit.ts";
import { changeMode, type Committed, commitWhole, type FileContext } from "./commit_whole.ts";
import type { Hold } from "./claims.ts";
import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import type { Disk, WholeSync } from "./disk.ts";
import { osError } from "../base/os_error.ts";
import { Door } from "./door.ts";
import { forgetting, ROWS_A_STEP } from "./forgetting.ts";
import type { Journal } from "./journal.ts";
import type { CommittedRow } from "./journal_rows.ts";
import { checkLink, LinkNames, type LinkRules, linkRulesOf } from "./links.ts";
import type { PrunedSome } from "./messages.ts";
import { type NameRules, namesAt } from "./names.ts";
import { PartsRun } from "./parts.ts";
import type { Pruner } from "./prune.ts";
import { prunerOf } from "./pruning.ts";
import type { Charge, Quotas } from "./quota.ts";
import { Register, type RegisterRest } from "./register.ts";
import type { Room } from "./room.ts";
import type { Steps } from "./steps.ts";
import type {
  Comparison,
  EntryChunks,
  JournalRun,
  Outcome,
  Placement,
  ReceiveTransfer,
  WholeFile,
} from "./store.ts";
import { type DirectoryToPlace, finishDirectory, placeDirectory, placeLink } from "./tree.ts";

/** What a transfer needs of the root it writes to. */
export interface ReceiveContext {
  readonly root: string;
  readonly partsDirectory: string;
  readonly journal: Journal;
  readonly hold: Hold;
  readonly room: Room;
  readonly quotas: Quotas;
  readonly disk: Disk;
  readonly names: NameRules;
  /** The process's file mask; 0 where it is not known. */
  readonly mask: number;
}

export class Receiving {
  readonly #beginning: Beginning;
  readonly #context: ReceiveContext;
  readonly #door: Door;
  readonly #run: PartsRun;
  readonly #chunks: ChunkJournal;
  readonly #register: Register;
  readonly #names: NameRules;
  /** Absolute paths of directories with new names in them, to be synced at `finish`. */
  readonly #touched = new Set<string>();
  /** What stood where directories were placed; null for those that were made. */
  readonly #stood = new Map<number, BigIntStats | null>();
  /** What its peer is charged for; null where nobody is. */
  readonly #charge: Charge | null;
  /** What stands under the names that links lead through. */
  readonly #linkNames = new LinkNames();
  /** Makes many small files durable together; null where each is synced by who writes it. */
  readonly #whole: WholeSync | null;
  #pruner: Pruner | null = null;

  constructor(transfer: ReceiveTransfer, context: ReceiveContext) {
    this.#context = context;
    const { disk } = context;
    this.#door = new Door(context.root, {
      disk,
      onMade: (absolute) => this.#touched.add(absolute),
    });
    const { journal, mask } = context;
    this.#beginning = beginningOf(transfer, { door: this.#door, journal });
    const { destination, holdsParts, from, free } = this.#beginning;
    this.#names = namesAt(destination, { door: this.#door, names: context.names });
    context.hold.claim(transfer.sources.map((source) => destination.top(source)));
    // Nothing of these stands there or is held: they need what they are.
    const newBytes = transfer.sources.map(({ sizeBytes }, i) => free[i] ? sizeBytes ?? 0 : 0);
    const neededBytes = newBytes.reduce((sum, bytes) => sum + bytes, 0);
    context.room.foresee(neededBytes);
    this.#run = new PartsRun(context.partsDirectory, disk);
    this.#charge = context.quotas.open(this.#transfer, { journal, door: this.#door });
    this.#foresee(neededBytes);
    this.#register = new Register(this.#transfer, {
      disk,
      journal,
      charge: this.#charge,
      door: this.#door,
      destination,
      run: this.#run,
      holdsParts,
      from,
      free,
      names: this.#names,
      linkRules: this.#linkRules,
      linkNames: this.#linkNames,
      room: context.room,
      mask,
    });
    const { frontier } = this.#register;
    // Its parts lie on the state's own file system.
    const whole = disk.holdWhole?.(dirname(context.partsDirectory)) ?? null;
    this.#whole = whole;
    try {
      this.#chunks = new ChunkJournal(this.#transfer, {
        ...context,
        run: this.#run,
        frontier,
        whole,
      });
    } catch (thrown) {
      whole?.[Symbol.dispose]();
      throw thrown;
    }
  }

  #foresee(neededBytes: number): void {
    try {
      this.#charge?.foresee(neededBytes);
    } catch (thrown) {
      this.#charge?.discard();
      throw thrown;
    }
  }

  get fresh(): readonly boolean[] {
    return this.#beginning.fresh;
  }

  /** Where the manifest may begin: what is missing begins there. */
  get from(): string | null {
    return this.#beginning.from;
  }

  get makesBase(): boolean {
    return this.#beginning.makesBase;
  }

  /** Who writes small files leaves it to the commit to sync them. */
  get syncsTogether(): boolean {
    return this.#whole !== null;
  }

  get chunkBytes(): number {
    return this.#transfer.chunkBytes;
  }

  get key(): Uint8Array {
    return this.#transfer.key;
  }

  registering(first: number, entries: readonly Entry[], rest: RegisterRest): Steps<Placement[]> {
    return this.#register.adding(first, entries, rest);
  }

  journal(runs: readonly JournalRun[], leaveOut: readonly number[]): void {
    this.#lookAnew();
    this.#register.frontier.leaveOut(leaveOut);
    // One object a file: by it the journal knows that two runs are of the same.
    const files = new Map<number, OpenFile | undefined>();
    const known = runs.flatMap((run) => {
      const { entry } = run;
      if (!files.has(entry)) files.set(entry, this.#register.files.get(entry));
      const file = files.get(entry);
      return file === undefined ? [] : [{ run, file }];
    });
    if (known.length > 0) this.#chunks.add(known);
  }

  forget(chunks: readonly EntryChunks[]): void {
    const { files } = this.#register;
    this.#chunks.forget(chunks.flatMap(({ entry, ranges }) => {
      const file = files.get(entry);
      return file === undefined ? [] : [{ entry, ranges, file }];
    }));
  }

  *placingDirectories(leaveOut: readonly number[]): Steps<Outcome> {
    this.#lookAnew();
    this.#register.close();
    this.#register.leaveOut(leaveOut);
    const failures: EntryFailure[] = [];
    const base = this.#beginning.destination.directory;
    if (base !== null) this.#door.enterDirectory(base);
    for (const [entry, directory] of this.#register.directories) {
      try {
        const { writeOnce } = this.#transfer;
        this.#stood.set(entry, placeDirectory(directory, { ...this.#place, writeOnce }));
      } catch (thrown) {
        failures.push(failureOf(entry, thrown));
        this.#register.directories.delete(entry);
      }
      if (yield) this.#lookAnew();
    }
    return { committed: [], changed: [], failures };
  }

  commit(files: readonly WholeFile[], leaveOut: readonly number[]): Outcome {
    if (!this.#register.isClosed) {
      throw new TypeError("Cannot commit: directories are not placed yet");
    }
    this.#lookAnew();
    const done: Committed[] = [];
    const failures: EntryFailure[] = [];
    const compare: Comparison[] = [];
    const synced = this.#syncSmall(files);
    for (const whole of files) {
      try {
        const comparison = this.#comparisonOf(whole);
        if (comparison !== null) compare.push(comparison);
        else done.push(this.#commitOne(synced.has(whole) ? { ...whole, synced: true } : whole));
      } catch (thrown) {
        failures.push(failureOf(whole.entry, thrown));
      }
    }
    // In place or failed: neither is what a resume is to begin with.
    this.#register.frontier.leaveOut([...leaveOut, ...files.map(({ entry }) => entry)]);
    this.#record(done);
    const changed = done.filter((one) => one.changed).map(({ entry }) => entry);
    const outcome = { committed: done.map(({ entry }) => entry), changed, failures };
    return this.#told(compare.length === 0 ? outcome : { ...outcome, compare });
  }

  prune(rules: readonly FilterRule[]): PrunedSome {
    if (!this.#register.isClosed) {
      throw new TypeError("Cannot remove what is extraneous: directories are not placed yet");
    }
    this.#lookAnew();
    this.#pruner ??= prunerOf(this.#beginning, {
      rules,
      door: this.#door,
      disk: this.#context.disk,
      paths: this.#register.paths,
      ignoresCase: this.#names.ignoresCase,
      onLost: (directory) => this.#touched.add(directory),
    });
    const { finals, ...some } = this.#pruner.next();
    if (!some.more) this.#pruner = null;
    const { journal } = this.#context;
    try {
      if (finals.length > 0) {
        journal.transaction(() => finals.forEach((path) => journal.dropCommitted(path)));
        this.#context.quotas.changed();
      }
    } catch (thrown) {
      throw osError(thrown, "record what was removed");
    }
    return some;
  }

  *finishing(leaveOut: readonly number[]): Steps<Outcome> {
    this.#lookAnew();
    this.#register.leaveOut(leaveOut);
    const failures: EntryFailure[] = [];
    const committed: number[] = [];
    const changed: number[] = [];
    const attempt = (entry: number, place: () => boolean, counts: boolean) => {
      try {
        if (place()) changed.push(entry);
        if (counts) committed.push(entry);
      } catch (thrown) {
        failures.push(failureOf(entry, thrown));
      }
    };
    for (const [entry, link] of this.#register.links) {
      attempt(entry, () => {
        // By now others may stand there than when it was announced.
        checkLink(link, { rules: this.#linkRules, door: this.#door, names: this.#linkNames });
        this.#linkNames.changed(link.path);
        const hasChanged = placeLink(link, this.#place);
        this.#touched.add(this.#door.parentOf(link.path));
        return hasChanged;
      }, true);
      if (yield) this.#lookAnew();
    }
    const rows: CommittedRow[] = [];
    for (const change of this.#register.modes.values()) {
      attempt(change.entry, () => {
        const { row, changed } = changeMode(change, this.#fileContext);
        rows.push(row);
        return changed;
      }, false);
      if (yield) this.#lookAnew();
    }
    for (const [entry, directory] of [...this.#register.directories].reverse()) {
      attempt(entry, () => this.#finishDirectory(entry, directory), true);
      if (yield) this.#lookAnew();
    }
    yield* this.#syncTouched();
    yield* this.#forgetAll(rows);
    this.#whole?.[Symbol.dispose]();
    this.#charge?.discard();
    this.#context.hold.discard();
    return this.#told({ committed, changed, failures });
  }

  /** Keeps what the journal knows, removes the other parts, unlocks. */
  abandon(): void {
    this.#lookAnew();
    try {
      const files = this.#register.files.values();
      this.#run.sweep(new Set(files.flatMap(({ row, part }) => row === null ? [] : [part])));
    } catch (thrown) {
      throw osError(thrown, "put a transfer aside");
    } finally {
      this.#whole?.[Symbol.dispose]();
      this.#charge?.discard();
      this.#context.hold.discard();
    }
  }

  /** What was seen of directories holds for one call. */
  #lookAnew(): void {
    this.#door.forget();
    this.#run.forget();
    this.#linkNames.forget();
  }

  get #place(): Place {
    return { disk: this.#context.disk, door: this.#door };
  }

  get #linkRules(): LinkRules {
    return linkRulesOf(this.#transfer, this.#names);
  }

  get #fileContext(): FileContext {
    const { journal } = this.#context;
    return { transfer: this.#transfer, run: this.#run, place: this.#place, journal };
  }

  get #transfer(): ReceiveTransfer {
    return this.#beginning.transfer;
  }

  /** To a peer that may not read, whether something already was as it sent it is not told. */
  #told(outcome: Outcome): Outcome {
    return this.#transfer.mayRead ? outcome : { ...outcome, changed: outcome.committed };
  }

  /** Under an append-only grant: what is to be read before a file may replace another. */
  #comparisonOf(whole: WholeFile): Comparison | null {
    const file = this.#register.files.get(whole.entry);
    if (!this.#transfer.appendOnly || file === undefined) return null;
    const part = this.#run.pathOf(file.part);
    const { journal } = this.#context;
    return comparisonOf(whole, { file, part, door: this.#door, rules: this.#transfer, journal });
  }

  /** Makes the files of one chunk durable together, before any of them is named (I1); answers which. */
  #syncSmall(files: readonly WholeFile[]): ReadonlySet<WholeFile> {
    const small = files.filter(({ entry, synced, keep }) => {
      const sizeBytes = this.#register.files.get(entry)?.sizeBytes ?? 0;
      return !synced && !keep && sizeBytes > 0 && sizeBytes <= this.chunkBytes;
    });
    return new Set(this.#chunks.syncTogether(small.length) ? small : []);
  }

  #commitOne(whole: WholeFile): Committed {
    const file = this.#register.files.get(whole.entry);
    if (file === undefined) {
      throw new SftpxError("internal", `Cannot commit entry ${whole.entry}: it is not open`);
    }
    const committed = commitWhole(whole, file, this.#fileContext);
    this.#touched.add(this.#door.parentOf(file.final));
    return committed;
  }

  /** After the renames: a record that a crash loses costs a re-hash, one too many would lie. */
  #record(committed: readonly Committed[]): void {
    if (committed.length === 0) return;
    const { journal } = this.#context;
    try {
      journal.transaction(() => {
        this.#chunks.touch();
        const { account = null } = this.#transfer;
        for (const { entry, row, isPut } of committed) {
          journal.addCommitted(row, { by: this.key, ...(isPut ? { account } : {}) });
          const part = this.#register.files.get(entry)?.row ?? null;
          if (part !== null) journal.dropPart(part);
        }
      });
    } catch (thrown) {
      throw osError(thrown, "record committed files");
    }
    for (const { entry, isPut } of committed) {
      const file = this.#register.files.get(entry);
      if (file !== undefined) this.#charge?.settle(file, { isPut });
      this.#register.files.delete(entry);
    }
  }

  /** Under a write-once grant the modes and times of what stood there before stay. */
  #finishDirectory(entry: number, directory: DirectoryToPlace): boolean {
    const stood = this.#stood.get(entry) ?? null;
    if (stood !== null && this.#transfer.writeOnce) return false;
    const { modes } = this.#transfer.policy;
    return finishDirectory(directory, { ...this.#place, modes, touched: this.#touched, stood });
  }

  *#syncTouched(): Steps<void> {
    for (const directory of this.#touched) {
      try {
        this.#context.disk.syncDirectory(directory);
      } catch (thrown) {
        throw osError(thrown, "make the names of committed files durable");
      }
      this.#touched.delete(directory);
      yield;
    }
  }

  /** What was recorded of modes, then everything else that is known of the transfer. */
  *#forgetAll(rows: readonly CommittedRow[]): Steps<void> {
    const { journal, partsDirectory, disk } = this.#context;
    try {
      for (let at = 0; at < rows.length; at += ROWS_A_STEP) {
        const some = rows.slice(at, at + ROWS_A_STEP);
        journal.transaction(() => some.forEach((row) => journal.addCommitted(row)));
        yield;
      }
      const open = [...this.#register.files.values()].filter((file) => file.row !== null);
      yield* forgetting({
        key: this.key,
        journal,
        run: this.#run,
        partsDirectory,
        disk,
        keep: new Map(open.map(({ path, part }) => [path, part])),
        // All is done but what failed: a resume has nothing else to begin with.
        touch: () => this.#chunks.touch(open[0]?.path ?? null),
      });
    } catch (thrown) {
      throw osError(thrown, "forget a finished transfer");
    }
  }
}

function failureOf(entry: number, thrown: unknown): EntryFailure {
  const { code, message } = toSftpxError(thrown);
  return { entry, code, message };
}

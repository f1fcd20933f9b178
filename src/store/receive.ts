// One receiving transfer on disk, from `begin` to `finish` or `abandon`: what of its register is
// journalled and what is in place. Puts nothing in place before the manifest is whole (I1), and leaves
// either a finished tree or parts to resume from. Synchronous; lives in the store's worker.

import { dirname } from "node:path";
import { SpillFiles } from "../runtime/spill_file.ts";
import type { FilterRule } from "../wire/messages.ts";
import { type Beginning, beginningOf } from "./beginning.ts";
import { ChunkJournal, type OpenFile } from "./chunk_journal.ts";
import type { Place } from "./commit.ts";
import { Committing } from "./committing.ts";
import type { Hold } from "./claims.ts";
import type { Disk, WholeSync } from "./disk.ts";
import { osError } from "../base/os_error.ts";
import { Door } from "./door.ts";
import type { EntriesInTurn } from "./entry_columns.ts";
import { finishing } from "./finishing.ts";
import type { Journal } from "./journal.ts";
import { LinkNames, type LinkRules, linkRulesOf } from "./links.ts";
import type { PrunedSome } from "./messages.ts";
import { type PlacingContext, placingDirectories } from "./placing.ts";
import { type NameRules, namesAt } from "./names.ts";
import { PartsRun } from "./parts.ts";
import { Pruning } from "./pruning.ts";
import type { Charge, Quotas } from "./quota.ts";
import { Register, type RegisterRest } from "./register.ts";
import type { Room } from "./room.ts";
import type { Steps } from "./steps.ts";
import type {
  EntryChunks,
  JournalRun,
  Outcome,
  Placement,
  ReceiveTransfer,
  WholeFile,
} from "./store.ts";

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
  readonly nowMs: () => number;
}

export class Receiving {
  readonly #beginning: Beginning;
  readonly #context: ReceiveContext;
  readonly #door: Door;
  readonly #run: PartsRun;
  readonly #chunks: ChunkJournal;
  readonly #register: Register;
  readonly #committing: Committing;
  readonly #names: NameRules;
  /** What its peer is charged for; null where nobody is. */
  readonly #charge: Charge | null;
  /** What stands under the names that links lead through. */
  readonly #linkNames = new LinkNames();
  /** Makes many small files durable together; null where each is synced by who writes it. */
  readonly #whole: WholeSync | null;
  /** Of what is kept of very many entries, what is not in memory. */
  readonly #spill: SpillFiles;
  #pruning: Pruning | null = null;

  constructor(transfer: ReceiveTransfer, context: ReceiveContext) {
    this.#context = context;
    const { disk } = context;
    this.#door = new Door(context.root, {
      disk,
      onMade: (absolute) => this.#register.touched.add(absolute),
    });
    const { journal, mask } = context;
    this.#beginning = beginningOf(transfer, { door: this.#door, journal });
    const { destination, goesOn, holdsParts, from, free, neededBytes } = this.#beginning;
    this.#names = namesAt(destination, { door: this.#door, names: context.names });
    context.hold.claim(transfer.sources.map((source) => destination.top(source)));
    context.room.foresee(neededBytes);
    this.#run = new PartsRun(context.partsDirectory, disk);
    this.#charge = context.quotas.open(this.#transfer, { journal, door: this.#door });
    this.#foresee(neededBytes);
    this.#spill = new SpillFiles([context.partsDirectory, dirname(context.partsDirectory)]);
    this.#register = new Register(this.#transfer, {
      spill: this.#spill.make,
      disk,
      journal,
      charge: this.#charge,
      door: this.#door,
      destination,
      run: this.#run,
      goesOn,
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
      const run = this.#run;
      this.#chunks = new ChunkJournal(this.#transfer, { ...context, run, frontier, whole });
    } catch (thrown) {
      whole?.[Symbol.dispose]();
      throw thrown;
    }
    this.#committing = new Committing({
      ...this.#placing,
      chunks: this.#chunks,
      charge: this.#charge,
    });
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

  registering(first: number, entries: EntriesInTurn, rest: RegisterRest): Steps<Placement[]> {
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
    return yield* placingDirectories({
      ...this.#placing,
      base: this.#beginning.destination.directory,
      goesOn: this.#beginning.goesOn,
      lookAnew: () => this.#lookAnew(),
    });
  }

  commit(files: readonly WholeFile[], leaveOut: readonly number[]): Outcome {
    if (!this.#register.isClosed) {
      throw new TypeError("Cannot commit: directories are not placed yet");
    }
    this.#lookAnew();
    return this.#told(this.#committing.commit(files, leaveOut));
  }

  prune(rules: readonly FilterRule[]): PrunedSome {
    if (!this.#register.isClosed) {
      throw new TypeError("Cannot remove what is extraneous: directories are not placed yet");
    }
    this.#lookAnew();
    this.#pruning ??= new Pruning(this.#beginning, {
      ...this.#context,
      rules,
      door: this.#door,
      note: () => this.#chunks.touch(),
      paths: this.#register.paths,
      ignoresCase: this.#names.ignoresCase,
      onLost: (directory) => this.#register.touched.add(directory),
    });
    return this.#pruning.next();
  }

  *finishing(leaveOut: readonly number[]): Steps<Outcome> {
    this.#lookAnew();
    this.#register.leaveOut(leaveOut);
    const outcome = yield* finishing({
      ...this.#placing,
      chunks: this.#chunks,
      partsDirectory: this.#context.partsDirectory,
      linkRules: this.#linkRules,
      linkNames: this.#linkNames,
      lookAnew: () => this.#lookAnew(),
    });
    this.#release();
    return this.#told(outcome);
  }

  /** Keeps what the journal knows, removes the other parts, unlocks. */
  abandon(): void {
    this.#lookAnew();
    try {
      this.#pruning?.leave();
      this.#run.sweep(this.#register.journalledParts);
    } catch (thrown) {
      throw osError(thrown, "put a transfer aside");
    } finally {
      this.#release();
    }
  }

  #release(): void {
    this.#whole?.[Symbol.dispose]();
    this.#spill[Symbol.dispose]();
    this.#charge?.discard();
    this.#context.hold.discard();
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

  /** What whole files, links and directories are placed with. */
  get #placing(): PlacingContext {
    const { journal } = this.#context;
    return {
      transfer: this.#transfer,
      journal,
      run: this.#run,
      register: this.#register,
      place: this.#place,
      touched: this.#register.touched,
    };
  }

  get #transfer(): ReceiveTransfer {
    return this.#beginning.transfer;
  }

  /** To a peer that may not read, whether something already was as it sent it is not told. */
  #told(outcome: Outcome): Outcome {
    return this.#transfer.mayRead ? outcome : { ...outcome, changed: outcome.committed };
  }
}

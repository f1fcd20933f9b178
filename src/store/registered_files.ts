// The files of a transfer that are registered and not yet in place, by entry: as many as its manifest
// names, for none is put in place before that is closed (I1). Kept in columns, by blocks of which some MiB
// stay in memory (I8); a file as an object is a view, alive as long as somebody uses it.

import { SpilledBlocks, type Spilling } from "../base/spill.ts";
import type { Stamp } from "../wire/messages.ts";
import type { OpenFile } from "./chunk_journal.ts";
import { BLOCK_BITS, BLOCK_FILES, COLUMNS_BYTES, FileColumns } from "./file_columns.ts";
import { partNameOf, splitPartName } from "./part_paths.ts";

/** What follows from an entry's number, always the same. */
export interface RegisteredNames {
  /** Its path in the manifest. */
  path(entry: number): string;
  /** Where a path of the manifest goes. */
  final(path: string): string;
  /** The part of a file that has none from before. */
  part(entry: number): string;
}

/** The part is one from before, of the run by this number; 0 for this run's own, by the entry. */
type RunNumber = number;
/** The name of the part is kept as it is. */
const ODD_RUN: RunNumber = 0xffff;

/** Of more files than may be on their way at once, `LIMITS.openEntries`. */
const HELD_BYTES = 6 * 2 ** 20;

/** Names of a file that do not follow from its number. */
type OddNames = Partial<Pick<OpenFile, "path" | "final" | "part">>;

/** What a view asks. */
interface Kept {
  readonly names: RegisteredNames;
  readonly odd: ReadonlyMap<number, OddNames>;
  readonly runs: readonly string[];
  see(entry: number): FileColumns;
  change(entry: number): FileColumns;
}

export class RegisteredFiles {
  readonly #blocks: SpilledBlocks<FileColumns>;
  /** Blocks in which files are open, and how many. */
  readonly #open = new Map<number, number>();
  readonly #odd = new Map<number, OddNames>();
  /** Runs before this one, by their numbers, and the numbers of them. */
  readonly #runs: string[] = [""];
  readonly #runNumbers = new Map<string, RunNumber>();
  readonly #kept: Kept;
  #size = 0;

  constructor(names: RegisteredNames, { spill }: Spilling = {}) {
    const blocks = new SpilledBlocks({
      blockBytes: COLUMNS_BYTES * BLOCK_FILES,
      view: (memory) => new FileColumns(memory, BLOCK_FILES),
      heldBytes: HELD_BYTES,
      spill,
    });
    this.#blocks = blocks;
    this.#kept = {
      names,
      odd: this.#odd,
      runs: this.#runs,
      see: (entry) => blocks.see(entry >>> BLOCK_BITS),
      change: (entry) => blocks.change(entry >>> BLOCK_BITS),
    };
  }

  get size(): number {
    return this.#size;
  }

  /** How many blocks have open files in them. */
  get blocks(): number {
    return this.#open.size;
  }

  /** What they take in memory. */
  get heldBytes(): number {
    return this.#blocks.heldBytes;
  }

  get(entry: number): OpenFile | undefined {
    return this.#has(entry) ? new View(entry, this.#kept) : undefined;
  }

  /** Keeps what is said of a file; the object itself is not kept. */
  set(entry: number, file: OpenFile): void {
    const block = entry >>> BLOCK_BITS;
    const open = this.#open.get(block) ?? 0;
    const columns = this.#blocks.change(block);
    if (open === 0) columns.clear();
    const at = entry & (BLOCK_FILES - 1);
    if (!columns.isOpen(at)) {
      this.#open.set(block, open + 1);
      this.#size++;
    }
    columns.put(at, file);
    const earlier = this.#earlierPart(entry, file.part);
    columns.runs[at] = earlier.run;
    columns.partEntries[at] = earlier.entry;
    this.#odd.delete(entry);
    const odd = this.#oddOf(entry, file, earlier.run === ODD_RUN);
    if (odd !== null) this.#odd.set(entry, odd);
  }

  delete(entry: number): boolean {
    if (!this.#has(entry)) return false;
    const block = entry >>> BLOCK_BITS;
    const open = this.#open.get(block)! - 1;
    this.#size--;
    this.#odd.delete(entry);
    if (open > 0) {
      this.#open.set(block, open);
      this.#blocks.change(block).close(entry & (BLOCK_FILES - 1));
    } else {
      this.#open.delete(block);
      this.#blocks.forget(block);
    }
    return true;
  }

  *values(): Generator<OpenFile> {
    for (const block of this.#open.keys()) {
      for (let at = 0; at < BLOCK_FILES; at++) {
        const file = this.get((block << BLOCK_BITS) + at);
        if (file !== undefined) yield file;
      }
    }
  }

  #has(entry: number): boolean {
    const block = entry >>> BLOCK_BITS;
    return this.#open.has(block) && this.#blocks.see(block).isOpen(entry & (BLOCK_FILES - 1));
  }

  /** As what a part's name is kept: a resume has one from before for each file that it goes on with. */
  #earlierPart(entry: number, name: string): { readonly run: RunNumber; readonly entry: number } {
    if (name === this.#kept.names.part(entry)) return { run: 0, entry };
    const part = splitPartName(name);
    if (part === null) return { run: ODD_RUN, entry };
    let run = this.#runNumbers.get(part.run);
    if (run === undefined) {
      if (this.#runs.length === ODD_RUN) return { run: ODD_RUN, entry };
      run = this.#runs.push(part.run) - 1;
      this.#runNumbers.set(part.run, run);
    }
    return { run, entry: part.entry };
  }

  #oddOf(entry: number, { path, final, part }: OpenFile, isOddPart: boolean): OddNames | null {
    const { names } = this.#kept;
    const odd: { -readonly [name in keyof OddNames]: OddNames[name] } = {};
    if (path !== names.path(entry)) odd.path = path;
    if (final !== names.final(path)) odd.final = final;
    if (isOddPart) odd.part = part;
    return Object.keys(odd).length === 0 ? null : odd;
  }
}

/** One file, read from its columns, of use until it is deleted; what may be changed is changed there. */
class View implements OpenFile {
  readonly #entry: number;
  readonly #at: number;
  readonly #kept: Kept;

  constructor(entry: number, kept: Kept) {
    this.#entry = entry;
    this.#at = entry & (BLOCK_FILES - 1);
    this.#kept = kept;
  }

  get path(): string {
    return this.#odd?.path ?? this.#kept.names.path(this.#entry);
  }

  get final(): string {
    return this.#odd?.final ?? this.#kept.names.final(this.path);
  }

  get part(): string {
    const run = this.#columns.runs[this.#at]!;
    if (run === 0) return this.#kept.names.part(this.#entry);
    const earlier = this.#kept.runs[run];
    return earlier === undefined
      ? this.#odd!.part!
      : partNameOf(earlier, this.#columns.partEntries[this.#at]!);
  }

  get sizeBytes(): number {
    return this.#columns.sizes[this.#at]!;
  }

  get mode(): number {
    return this.#columns.modes[this.#at]!;
  }

  get mtimeNs(): bigint {
    return this.#columns.mtimes[this.#at]!;
  }

  get stamp(): Stamp {
    return this.#columns.stamps.get(this.#at);
  }

  get standing(): Stamp | null {
    return this.#columns.standingAt(this.#at);
  }

  get isStray(): boolean {
    return this.#columns.isStray(this.#at);
  }

  get growthBytes(): number {
    return this.#columns.growths[this.#at]!;
  }

  get chargedBytes(): number {
    return this.#columns.charges[this.#at]!;
  }

  get row(): number | null {
    return this.#columns.rowAt(this.#at);
  }

  set row(row: number | null) {
    this.#changed.setRow(this.#at, row);
  }

  get isStale(): boolean {
    return this.#columns.isStale(this.#at);
  }

  set isStale(isStale: boolean) {
    this.#changed.setStale(this.#at, isStale);
  }

  get undurable(): number {
    return this.#columns.undurable[this.#at]!;
  }

  set undurable(undurable: number) {
    this.#changed.undurable[this.#at] = undurable;
  }

  get #odd(): OddNames | undefined {
    return this.#kept.odd.get(this.#entry);
  }

  get #columns(): FileColumns {
    return this.#kept.see(this.#entry);
  }

  get #changed(): FileColumns {
    return this.#kept.change(this.#entry);
  }
}

// The records of a root log, one entry after the other, as PROTOCOL gives their bytes.

import { DIGEST_BYTES } from "../wire/frame.ts";
import type { EntryKind } from "../wire/messages.ts";
import { PAGE_ENTRIES, type RootEntry, type RootPage, type TextCursor } from "./root_page.ts";

/** The pages of a log. */
export interface RootPages {
  /** A page, as it is until others are asked for. */
  page(number: number): RootPage;
  /** Its texts. */
  text(number: number): Uint8Array;
}

const KIND_NUMBERS: Record<EntryKind, number> = { file: 1, directory: 2, link: 3 };
/** Kind, length of the path, size and executable bit. */
const FIXED_BYTES = 1 + 4 + 8 + 1;

/** Bytes of an entry's record. */
export function recordBytes(
  { kind, path, target }: Pick<RootEntry, "kind" | "path" | "target">,
): number {
  const tailBytes = target === null ? (kind === "file" ? DIGEST_BYTES : 0) : 4 + target.byteLength;
  return FIXED_BYTES + path.byteLength + tailBytes;
}

/** Memory that records are put into. */
export interface RecordRoom {
  readonly bytes: Uint8Array;
  /** Of the same bytes. */
  readonly view: DataView;
}

export function recordRoom(bytes: number): RecordRoom {
  const buffer = new ArrayBuffer(bytes);
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
}

/** Stands on one entry after another; what it shows holds until its next step. */
export class RootWalk {
  readonly #pages: RootPages;
  readonly #end: number;
  #index: number;
  #texts: TextCursor | null = null;

  /** Over the entries from `from` to before `end`. */
  constructor(
    pages: RootPages,
    { from, end }: { readonly from: number; readonly end: number },
  ) {
    this.#pages = pages;
    this.#index = from;
    this.#end = end;
    this.#enter();
  }

  get isOver(): boolean {
    return this.#index >= this.#end;
  }

  get index(): number {
    return this.#index;
  }

  get path(): Uint8Array {
    if (this.#texts === null) throw new RangeError("No entry is left");
    return this.#texts.path;
  }

  step(): void {
    this.#index++;
    if (this.#index % PAGE_ENTRIES === 0) this.#enter();
    else if (!this.isOver) this.#texts?.step();
  }

  /** Whether the entry it stands on has everything its record needs. */
  get isComplete(): boolean {
    return this.#page.isComplete(this.#index % PAGE_ENTRIES);
  }

  /** Bytes of the record of the entry it stands on. */
  get recordBytes(): number {
    const kind = this.#page.kind(this.#index % PAGE_ENTRIES);
    return recordBytes({ kind, path: this.path, target: this.#texts?.target ?? null });
  }

  /** Puts the record of the entry it stands on, which is complete, to where it is hashed. */
  put({ bytes, view }: RecordRoom, start: number): void {
    const at = this.#index % PAGE_ENTRIES;
    const page = this.#page;
    const { path } = this;
    view.setUint8(start, KIND_NUMBERS[page.kind(at)]);
    view.setUint32(start + 1, path.byteLength);
    bytes.set(path, start + 5);
    const after = start + 5 + path.byteLength;
    const sizeBytes = page.sizeBytes(at);
    view.setUint32(after, Math.floor(sizeBytes / 2 ** 32));
    view.setUint32(after + 4, sizeBytes % 2 ** 32);
    view.setUint8(after + 8, page.isExecutable(at) ? 1 : 0);
    const target = this.#texts?.target ?? null;
    if (target !== null) {
      view.setUint32(after + 9, target.byteLength);
      bytes.set(target, after + 13);
    }
    const digest = page.digest(at);
    if (digest !== null) bytes.set(digest, after + 9);
  }

  /** Asked for each time: another walk over the same pages may be at it. */
  get #page(): RootPage {
    return this.#pages.page(Math.floor(this.#index / PAGE_ENTRIES));
  }

  #enter(): void {
    if (this.isOver) return;
    const text = this.#pages.text(Math.floor(this.#index / PAGE_ENTRIES));
    this.#texts = this.#page.texts(this.#index % PAGE_ENTRIES, text);
  }
}

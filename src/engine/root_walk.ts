// The records of a root log, one entry after the other, as PROTOCOL gives their bytes.

import { DIGEST_BYTES } from "../wire/frame.ts";
import type { EntryKind } from "../wire/messages.ts";
import { PAGE_ENTRIES, type RootEntry, type RootPage, type TextCursor } from "./root_page.ts";

const KIND_NUMBERS: Record<EntryKind, number> = { file: 1, directory: 2, link: 3 };
/** Kind, length of the path, size and executable bit. */
const FIXED_BYTES = 1 + 4 + 8 + 1;

/** Bytes of an entry's record. */
export function recordBytes({ kind, path, target }: Omit<RootEntry, "sizeBytes">): number {
  const tailBytes = target === null ? (kind === "file" ? DIGEST_BYTES : 0) : 4 + target.byteLength;
  return FIXED_BYTES + path.byteLength + tailBytes;
}

/** Stands on one entry after another; what it shows holds until its next step. */
export class RootWalk {
  readonly #pages: readonly RootPage[];
  readonly #end: number;
  #index: number;
  #texts: TextCursor | null = null;
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);

  /** Over the entries from `from` to before `end`. */
  constructor(
    pages: readonly RootPage[],
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

  /** The record of the entry it stands on, which is complete. */
  record(): Uint8Array {
    const at = this.#index % PAGE_ENTRIES;
    const page = this.#pages[Math.floor(this.#index / PAGE_ENTRIES)]!;
    const { path } = this;
    const target = this.#texts?.target ?? null;
    const [kind, isExecutable] = [page.kind(at), page.isExecutable(at)];
    const bytes = recordBytes({ kind, path, isExecutable, target });
    if (bytes > this.#buffer.byteLength) {
      this.#buffer = new Uint8Array(2 * bytes);
      this.#view = new DataView(this.#buffer.buffer);
    }
    const record = this.#buffer.subarray(0, bytes);
    const view = this.#view;
    view.setUint8(0, KIND_NUMBERS[kind]);
    view.setUint32(1, path.byteLength);
    record.set(path, 5);
    const after = 5 + path.byteLength;
    const sizeBytes = page.sizeBytes(at);
    view.setUint32(after, Math.floor(sizeBytes / 2 ** 32));
    view.setUint32(after + 4, sizeBytes % 2 ** 32);
    view.setUint8(after + 8, isExecutable ? 1 : 0);
    if (target !== null) {
      view.setUint32(after + 9, target.byteLength);
      record.set(target, after + 13);
    }
    const digest = page.digest(at);
    if (digest !== null) record.set(digest, after + 9);
    return record;
  }

  #enter(): void {
    if (this.isOver) return;
    this.#texts = this.#pages[Math.floor(this.#index / PAGE_ENTRIES)]!.texts(
      this.#index % PAGE_ENTRIES,
    );
  }
}

// What is kept of very many things, kept outside of memory (I8): blocks of one size, by number, and texts that
// never change. What was looked at last lies in memory, the rest in a file. Where there is none, or it takes
// nothing more, all stays in memory, up to a limit. What the file does not give back is thrown.

import { SftpxError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { Slabs } from "./slabs.ts";

/** A file that is nobody else's. */
export interface SpillFile {
  /** Writes all of it at an offset in bytes; false where that cannot be done. Throws where it may not be. */
  write(bytes: Uint8Array, at: number): boolean;
  /** Reads what there is at an offset in bytes; answers how many bytes, fewer only behind the end. */
  read(into: Uint8Array, at: number): number;
}

/** Makes one, for what asks to keep; null where none can be had. */
export type OpenSpill = () => SpillFile | null;

/** Nothing goes outside of memory. */
export const NO_SPILL: OpenSpill = () => null;

/** What of blocks, and what of texts, stays in memory. */
const HELD_BYTES = 2 * 2 ** 20;

export interface SpillOptions {
  readonly spill?: OpenSpill | undefined;
  /** How many bytes stay in memory. */
  readonly heldBytes?: number;
  /** How many may where no file takes the rest. */
  readonly limitBytes?: number;
}

/** For what is kept in such things: where the rest may go. */
export type Spilling = Pick<SpillOptions, "spill">;

/** A file that is made with the first thing to be put there; after a failure nothing more is. */
class Outside {
  readonly #open: OpenSpill;
  #file: SpillFile | null = null;
  #isGivenUp = false;

  constructor(open: OpenSpill) {
    this.#open = open;
  }

  /** It takes nothing more. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  put(bytes: Uint8Array, at: number): boolean {
    if (this.#isGivenUp) return false;
    this.#file ??= this.#open();
    this.#isGivenUp = this.#file?.write(bytes, at) !== true;
    return !this.#isGivenUp;
  }

  take(into: Uint8Array, at: number): number {
    return this.#file?.read(into, at) ?? 0;
  }
}

function requireRoom(bytes: number, limitBytes: number): void {
  if (bytes <= limitBytes) return;
  const found = `it passes ${limitBytes} bytes of memory, and no file takes the rest`;
  throw new SftpxError("limit", `Cannot hold the manifest: ${found}`);
}

export interface BlocksOptions<View> extends SpillOptions {
  readonly blockBytes: number;
  /** What is seen of a block, by its memory, which comes to hold one block after another. */
  readonly view: (memory: Uint8Array) => View;
}

interface Frame<View> {
  readonly memory: Uint8Array;
  readonly view: View;
  /** It is not what the file has. */
  isChanged: boolean;
  /** When it was looked at last, counted. */
  usedAt: number;
}

/** Blocks by number, of zeros until they are changed. A view is of its block until other blocks are seen. */
export class SpilledBlocks<View> {
  readonly #options: BlocksOptions<View>;
  readonly #outside: Outside;
  /** Two at least. */
  readonly #mostHeld: number;
  readonly #limitBytes: number;
  readonly #slabs = new Slabs();
  readonly #frames = new Map<number, Frame<View>>();
  /** Frames of blocks that were forgotten. */
  readonly #free: Frame<View>[] = [];
  /** Mostly the same is asked for again. */
  #last: { readonly number: number; readonly frame: Frame<View> } | null = null;
  #uses = 0;

  constructor(options: BlocksOptions<View>) {
    const { blockBytes, spill = NO_SPILL, heldBytes = HELD_BYTES } = options;
    this.#limitBytes = options.limitBytes ?? LIMITS.heldManifestBytes;
    this.#options = options;
    this.#outside = new Outside(spill);
    this.#mostHeld = Math.max(2, Math.floor(heldBytes / blockBytes));
  }

  /** What they take in memory. */
  get heldBytes(): number {
    return (this.#frames.size + this.#free.length) * this.#options.blockBytes;
  }

  /** A block, to be read. */
  see(number: number): View {
    return this.#frame(number).view;
  }

  /** A block, to be changed. */
  change(number: number): View {
    const frame = this.#frame(number);
    frame.isChanged = true;
    return frame.view;
  }

  /** What is in a block is of no use any more; what it has the next time is not said. */
  forget(number: number): void {
    const frame = this.#frames.get(number);
    if (frame === undefined) return;
    this.#frames.delete(number);
    this.#free.push(frame);
    if (this.#last?.number === number) this.#last = null;
  }

  #frame(number: number): Frame<View> {
    if (this.#last?.number === number) return this.#last.frame;
    const frame = this.#frames.get(number) ?? this.#wake(number);
    frame.usedAt = ++this.#uses;
    this.#last = { number, frame };
    return frame;
  }

  #wake(number: number): Frame<View> {
    const { blockBytes } = this.#options;
    const frame = this.#free.pop() ?? this.#putOut() ?? this.#made();
    this.#last = null;
    const { memory } = frame;
    frame.isChanged = false;
    memory.fill(0, this.#outside.take(memory, number * blockBytes));
    this.#frames.set(number, frame);
    return frame;
  }

  #made(): Frame<View> {
    const { blockBytes, view } = this.#options;
    requireRoom(this.heldBytes + blockBytes, this.#limitBytes);
    const memory = this.#slabs.take(blockBytes);
    return { memory, view: view(memory), isChanged: false, usedAt: 0 };
  }

  /** The frame of the block that was not seen for longest; null while all may stay, or have to. */
  #putOut(): Frame<View> | null {
    if (this.#frames.size < this.#mostHeld) return null;
    const number = this.#oldest();
    const frame = number === null ? undefined : this.#frames.get(number);
    if (number === null || frame === undefined) return null;
    const { memory, isChanged } = frame;
    if (isChanged && !this.#outside.put(memory, number * this.#options.blockBytes)) {
      return this.#putOut(); // Another one, which the file has.
    }
    this.#frames.delete(number);
    return frame;
  }

  /** Of what the file has, or takes. */
  #oldest(): number | null {
    const takes = !this.#outside.isGivenUp;
    let [oldest, usedAt]: [number | null, number] = [null, Infinity];
    for (const [number, frame] of this.#frames) {
      if (frame.usedAt >= usedAt || (frame.isChanged && !takes)) continue;
      [oldest, usedAt] = [number, frame.usedAt];
    }
    return oldest;
  }
}

/** Texts by number, in the order in which they were added. */
export class SpilledTexts {
  readonly #outside: Outside;
  readonly #mostBytes: number;
  readonly #limitBytes: number;
  readonly #slabs = new Slabs();
  /** Where each ends in the file. */
  readonly #ends: number[] = [];
  /** Those in memory, the oldest first: before `#written` they are in the file too. */
  readonly #held = new Map<number, Uint8Array>();
  #heldBytes = 0;
  #written = 0;

  constructor({ spill = NO_SPILL, heldBytes = HELD_BYTES, limitBytes }: SpillOptions = {}) {
    this.#outside = new Outside(spill);
    this.#mostBytes = heldBytes;
    this.#limitBytes = limitBytes ?? LIMITS.heldManifestBytes;
  }

  /** How many there are. */
  get length(): number {
    return this.#ends.length;
  }

  /** What they take in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Keeps a copy of the next one. */
  add(text: Uint8Array): void {
    const number = this.#ends.length;
    this.#ends.push(this.#begin(number) + text.byteLength);
    this.#hold(number, this.#slabs.keep(text));
  }

  /** The text that was added after `number` others; not to be changed. */
  get(number: number): Uint8Array {
    const held = this.#held.get(number);
    if (held !== undefined) return held;
    const text = this.#read(number, 0, Infinity);
    this.#hold(number, text);
    return text;
  }

  /** A part of it, without the rest being read. */
  part(number: number, from: number, end = Infinity): Uint8Array {
    return this.#held.get(number)?.subarray(from, end) ?? this.#read(number, from, end);
  }

  #read(number: number, from: number, end: number): Uint8Array {
    const [begin, last] = [this.#begin(number), this.#ends[number]];
    if (last === undefined) throw new RangeError(`No text ${number}`);
    const text = new Uint8Array(Math.max(0, Math.min(end, last - begin) - from));
    if (this.#outside.take(text, begin + from) === text.byteLength) return text;
    throw new SftpxError("io", "Cannot read what was put aside of the manifest: it was cut");
  }

  #begin(number: number): number {
    return number === 0 ? 0 : this.#ends[number - 1] ?? 0;
  }

  #hold(number: number, text: Uint8Array): void {
    this.#held.set(number, text);
    this.#heldBytes += text.byteLength;
    this.#putOut(number);
    requireRoom(this.#heldBytes, this.#limitBytes);
  }

  /** As many of the oldest as need not stay, but for one. */
  #putOut(newest: number): void {
    for (const [oldest, { byteLength }] of this.#held) {
      if (this.#heldBytes <= this.#mostBytes || oldest === newest) return;
      if (oldest >= this.#written && !this.#write(oldest)) return;
      this.#held.delete(oldest);
      this.#heldBytes -= byteLength;
    }
  }

  #write(number: number): boolean {
    if (!this.#outside.put(this.#held.get(number)!, this.#begin(number))) return false;
    this.#written = number + 1;
    return true;
  }
}

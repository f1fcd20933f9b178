// Whether what a transfer still has to write can fit, told before it is written where the runtime may
// ask (`--allow-sys`). It refuses only what cannot end well: all that may turn out smaller (holes, what
// replaces something, what may be the same) counts as small as it may be, and what is unknown as room.

import * as fs from "node:fs";
import process from "node:process";
import { SftpxError } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";

/** Left for the journal, and for what the file system itself needs. */
const RESERVE_BYTES = 256 * 1024;
const BLOCK_BYTES = 512n;
/** `statfs` types of file systems that compress: what a file takes is not known before it is written. */
const COMPRESSING: ReadonlySet<number> = new Set([0x9123683e, 0x2fc12fc1, 0xca451a4e]);

export interface RoomOptions {
  /** Room that may be made by tidying; called before anything is refused. */
  readonly onScarce?: () => void;
  /** Bytes that may be written there; null where nobody knows. */
  readonly free?: (directory: string) => number | null;
  /** A refusal says what is needed, which depends on what stands here, and what is free: both are for
   * readers to know. True by default. */
  readonly tells?: boolean;
}

export class Room {
  readonly #directory: string;
  readonly #onScarce: () => void;
  readonly #free: (directory: string) => number | null;
  readonly #tells: boolean;
  /** What the files counted come to when all are in place. */
  #neededBytes = 0;
  /** What they may come to before it is asked anew. */
  #limitBytes: number | null = null;

  /** `directory` lies on the file system that is written to. */
  constructor(directory: string, options: RoomOptions = {}) {
    const { onScarce = () => {}, free = freeBytes, tells = true } = options;
    this.#tells = tells;
    this.#directory = directory;
    this.#onScarce = onScarce;
    this.#free = free;
  }

  /** Throws `no_space` when so much cannot fit. Counts nothing: it is known before its files are. */
  foresee(neededBytes: number): void {
    if (neededBytes <= this.#ask()) return;
    this.#onScarce();
    const mayBytes = this.#ask();
    if (neededBytes > mayBytes) throw this.#noSpace(neededBytes, mayBytes);
  }

  /** Counts what a file adds. */
  add(growthBytes: number): void {
    this.#neededBytes += growthBytes;
  }

  /**
   * Throws `no_space` when what was counted cannot fit. `left` says how much of it is not written yet:
   * it is asked only when it matters.
   */
  check(left: () => number): void {
    this.#limitBytes ??= this.#ask();
    if (this.#neededBytes <= this.#limitBytes) return;
    this.#onScarce();
    const leftBytes = left();
    const mayBytes = this.#ask();
    if (leftBytes > mayBytes) throw this.#noSpace(leftBytes, mayBytes);
    this.#limitBytes = this.#neededBytes + (mayBytes - leftBytes);
  }

  #ask(): number {
    const free = this.#free(this.#directory);
    return free === null ? Infinity : Math.max(free - RESERVE_BYTES, 0);
  }

  #noSpace(neededBytes: number, mayBytes: number): SftpxError {
    const figures = `${formatBytes(neededBytes)} are needed and ${formatBytes(mayBytes)} are free`;
    const found = this.#tells ? figures : "there is no room for it";
    return new SftpxError("no_space", `Cannot take it: ${found}`);
  }
}

/** By how much the disk is fuller when a file is in place, at least; less than nothing too. */
export function growthBytes(
  { sizeBytes, sparse }: { readonly sizeBytes: number; readonly sparse?: boolean },
  standing: fs.BigIntStats | null,
): number {
  const replaced = standing?.isFile() ? standing : null;
  // Holes may stay unwritten; what has the same size may turn out to be the same, and stay.
  if (sparse || (replaced !== null && Number(replaced.size) === sizeBytes)) return 0;
  // A file with another name keeps its bytes under it.
  return sizeBytes - (replaced?.nlink === 1n ? takenBytes(replaced) : 0);
}

/** What a file takes on disk. */
export function takenBytes(stat: fs.BigIntStats): number {
  return Number(stat.blocks * BLOCK_BYTES);
}

/** What this user may still write to a file system; null where that cannot be told. */
export function freeBytes(directory: string): number | null {
  try {
    const { type, blocks, bfree, bavail, bsize } = fs.statfsSync(directory, { bigint: true });
    if (blocks === 0n || COMPRESSING.has(Number(BigInt.asUintN(32, type)))) return null;
    return Number((process.getuid?.() === 0 ? bfree : bavail) * bsize);
  } catch {
    return null; // Not ours to ask, or nothing there that could be asked.
  }
}

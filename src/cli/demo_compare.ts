// Compares two trees by reading both: kinds, bytes, modes, times, link targets, holes. Shares no code
// with what copied them, so that it cannot share its mistakes.

import { Buffer } from "node:buffer";
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";

const READ_BYTES = 1 << 20;
const PERMISSION_BITS = 0o777;
/** A copy of a sparse file may take this much more room: file systems round up. */
const HOLE_SLACK_BYTES = 1 << 20;

/** What was compared, and every difference as a sentence. */
export interface Comparison {
  readonly compared: number;
  readonly differences: readonly string[];
}

/** Compares the trees at two paths, themselves included. */
export async function compareTrees(source: string, copy: string): Promise<Comparison> {
  const comparer = new Comparer();
  await comparer.compare(source, copy, ".");
  return { compared: comparer.compared, differences: comparer.differences };
}

class Comparer {
  readonly differences: string[] = [];
  compared = 0;
  readonly #left = new Uint8Array(READ_BYTES);
  readonly #right = new Uint8Array(READ_BYTES);

  async compare(source: string, copy: string, name: string): Promise<void> {
    this.compared++;
    const [a, b] = [statOf(source), statOf(copy)];
    if (a === null || b === null) {
      this.#differs(name, b === null ? "it is missing" : "it is extra");
      return;
    }
    if (kindOf(a) !== kindOf(b)) {
      this.#differs(name, `it was a ${kindOf(a)} and is a ${kindOf(b)}`);
      return;
    }
    if (Math.floor(a.mtimeMs) !== Math.floor(b.mtimeMs)) {
      this.#differs(name, `its time was ${a.mtime.toISOString()} and is ${b.mtime.toISOString()}`);
    }
    if (a.isSymbolicLink()) return this.#compareLinks(source, copy, name);
    if ((a.mode & PERMISSION_BITS) !== (b.mode & PERMISSION_BITS)) {
      this.#differs(name, `its mode was ${octal(a)} and is ${octal(b)}`);
    }
    if (a.isDirectory()) return await this.#compareChildren(source, copy, name);
    if (a.size !== b.size) {
      this.#differs(name, `its size was ${a.size} and is ${b.size}`);
    } else if (!this.#sameBytes(source, copy)) {
      this.#differs(name, "its bytes differ");
    }
    const holes = a.blocks * 512 < a.size;
    if (holes && b.blocks * 512 > a.blocks * 512 + HOLE_SLACK_BYTES) {
      this.#differs(name, "its holes were filled");
    }
  }

  async #compareChildren(source: string, copy: string, name: string): Promise<void> {
    const names = new Set([...readdirSync(source), ...readdirSync(copy)]);
    for (const child of [...names].sort()) {
      await this.compare(join(source, child), join(copy, child), `${name}/${child}`);
    }
    // Lets progress and signals through between directories.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #compareLinks(source: string, copy: string, name: string): void {
    const [a, b] = [readlinkSync(source), readlinkSync(copy)];
    if (a !== b) this.#differs(name, `it led to "${a}" and leads to "${b}"`);
  }

  #sameBytes(source: string, copy: string): boolean {
    const [a, b] = [openSync(source, "r"), openSync(copy, "r")];
    try {
      for (;;) {
        const got = readSync(a, this.#left, 0, READ_BYTES, null);
        const also = readSync(b, this.#right, 0, READ_BYTES, null);
        if (got !== also) return false;
        if (got === 0) return true;
        const left = Buffer.from(this.#left.buffer, 0, got);
        if (left.compare(this.#right.subarray(0, got)) !== 0) return false;
      }
    } finally {
      closeSync(a);
      closeSync(b);
    }
  }

  #differs(name: string, found: string): void {
    this.differences.push(`${name}: ${found}`);
  }
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return "link";
  if (stats.isDirectory()) return "directory";
  return stats.isFile() ? "file" : "special file";
}

function octal(stats: Stats): string {
  return (stats.mode & PERMISSION_BITS).toString(8).padStart(4, "0");
}

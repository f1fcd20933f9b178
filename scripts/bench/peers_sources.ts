// What `bench peers` sends, in every size a run asks for, and the proof that it arrived. Noise, text of the
// project's own sources and packages, small files, and its packages without their links: not all tools
// bring links in the same way.

import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { Buffer } from "node:buffer";
import { dirname, extname, join, relative } from "node:path";
import type { Shape } from "./peers_plan.ts";
import { type FullSize, unitOf } from "./peers_size.ts";

const MIB = 1 << 20;
/** What changed less than two seconds ago may have changed since: sftpx and git read it again. */
const SETTLED_MS = 2500;
const BLOCK_BYTES = 4 * MIB;
const RANDOM_CALL_BYTES = 65_536;
const SMALL_FILES = 2000;
const SMALL_FILE_BYTES = 4096;
const FILES_A_DIRECTORY = 100;
/** Far more than any tool looks back at: text that comes again is new to all of them. */
const MOST_TEXT_BYTES = 48 * MIB;
const LEAST_TEXT_BYTES = 8 * MIB;
const TEXT_NAMES: ReadonlySet<string> = new Set([".ts", ".js", ".mjs", ".cjs", ".json", ".md"]);
/** One minified bundle must not be all of the text. */
const MOST_TEXT_FILE_BYTES = MIB;

export interface SourceOptions {
  /** Where they are made. */
  readonly work: string;
  /** Size of a large file in full. */
  readonly fileBytes: number;
  /** Packages as a project has them; null leaves them out. */
  readonly modules: string | null;
  /** Where text is taken from. */
  readonly texts: readonly string[];
}

/** Sources by shape and amount, each made when it is first asked for. */
export class Sources {
  readonly #options: SourceOptions;
  readonly #madeMs = new Map<string, number>();
  #modules: readonly string[] | null = null;
  #text: Uint8Array | null = null;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** A shape in full; null where this machine does not have it. */
  full(shape: Shape): FullSize | null {
    const { fileBytes, modules } = this.#options;
    switch (shape) {
      case "random":
        return { bytes: fileBytes, files: 1 };
      case "text":
        return this.#textBytes() < LEAST_TEXT_BYTES ? null : { bytes: fileBytes, files: 1 };
      case "small":
        return { bytes: SMALL_FILES * SMALL_FILE_BYTES, files: SMALL_FILES };
      case "modules": {
        if (modules === null || !existsSync(modules)) return null;
        const files = this.#moduleFiles();
        const bytes = files.reduce((sum, path) => sum + lstatSync(path).size, 0);
        return { bytes, files: files.length };
      }
    }
  }

  /** The same, once it has been there for a while: as a source that was not written just now. */
  async settled(shape: Shape, amount: number): Promise<string> {
    const path = this.path(shape, amount);
    const leftMs = SETTLED_MS - (performance.now() - (this.#madeMs.get(path) ?? -Infinity));
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
    return path;
  }

  /** Path of a source with so many bytes, or so many files. */
  path(shape: Shape, amount: number): string {
    const path = join(this.#options.work, `${shape}-${amount}`);
    if (existsSync(path)) return path;
    const full = this.full(shape);
    // No more than all: there is nothing that it could be the beginning of.
    const isWhole = full === null || !(amount < full[unitOf(shape)]);
    switch (shape) {
      case "random":
      case "text":
        if (!isWhole) copyHead(this.path(shape, full.bytes), { path, bytes: amount });
        else if (shape === "random") writeBlocks(path, { bytes: amount, next: noise });
        else writeBlocks(path, { bytes: amount, next: repeated(this.#collectText()) });
        break;
      case "small":
        writeSmallFiles(path, amount);
        break;
      case "modules":
        this.#writeModules(path, amount);
        break;
    }
    this.#madeMs.set(path, performance.now());
    return path;
  }

  #moduleFiles(): readonly string[] {
    return this.#modules ??= filesUnder(this.#options.modules ?? "");
  }

  #writeModules(path: string, count: number): void {
    const root = this.#options.modules ?? "";
    for (const file of this.#moduleFiles().slice(0, count)) {
      const to = join(path, relative(root, file));
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, readFileSync(file));
    }
  }

  #textBytes(): number {
    return this.#collectText().byteLength;
  }

  #collectText(): Uint8Array {
    if (this.#text !== null) return this.#text;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (const file of this.#options.texts.flatMap(filesUnder)) {
      if (!TEXT_NAMES.has(extname(file)) || lstatSync(file).size > MOST_TEXT_FILE_BYTES) continue;
      const part = readFileSync(file);
      parts.push(part);
      bytes += part.byteLength;
      if (bytes >= MOST_TEXT_BYTES) break;
    }
    return this.#text = Buffer.concat(parts);
  }
}

/** Regular files of a tree, no links, in one order on every machine. */
export function filesUnder(root: string): string[] {
  if (!existsSync(root)) return [];
  const entries = readdirSync(root, { withFileTypes: true });
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap((entry) => {
    const path = join(root, entry.name);
    if (entry.isDirectory()) return filesUnder(path);
    return entry.isFile() ? [path] : [];
  });
}

function writeSmallFiles(root: string, count: number): void {
  const content = new Uint8Array(SMALL_FILE_BYTES);
  for (let n = 0; n < count; n++) {
    const directory = join(root, `d${Math.floor(n / FILES_A_DIRECTORY)}`);
    if (n % FILES_A_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${n}`), crypto.getRandomValues(content));
  }
}

function noise(block: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < block.byteLength; at += RANDOM_CALL_BYTES) {
    crypto.getRandomValues(block.subarray(at, at + RANDOM_CALL_BYTES));
  }
}

function repeated(text: Uint8Array): (block: Uint8Array<ArrayBuffer>) => void {
  let at = 0;
  return (block) => {
    for (let filled = 0; filled < block.byteLength;) {
      const part = text.subarray(at, at + block.byteLength - filled);
      block.set(part, filled);
      filled += part.byteLength;
      at = (at + part.byteLength) % text.byteLength;
    }
  };
}

interface Blocks {
  readonly bytes: number;
  readonly next: (block: Uint8Array<ArrayBuffer>) => void;
}

function writeBlocks(path: string, { bytes, next }: Blocks): void {
  const fd = openSync(path, "w");
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    next(block);
    writeSync(fd, block, 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  closeSync(fd);
}

function copyHead(from: string, { path, bytes }: { path: string; bytes: number }): void {
  const fd = openSync(from, "r");
  try {
    writeBlocks(path, { bytes, next: (block) => void readSync(fd, block) });
  } finally {
    closeSync(fd);
  }
}

/** What is different in a copy, in words; null when it is the same, byte by byte. Times are no part of it. */
export function differenceOf(source: string, copy: string): string | null {
  if (!existsSync(copy)) return `"${copy}" is not there`;
  if (!lstatSync(source).isDirectory()) {
    return isSameFile(source, copy) ? null : `"${copy}" has other bytes`;
  }
  const names = filesUnder(source).map((path) => relative(source, path));
  const arrived = filesUnder(copy).map((path) => relative(copy, path));
  if (names.length !== arrived.length) return `${arrived.length} of ${names.length} files arrived`;
  const strange = names.find((name, index) =>
    name !== arrived[index] || !isSameFile(join(source, name), join(copy, name))
  );
  return strange === undefined ? null : `"${strange}" did not arrive as it was`;
}

function isSameFile(source: string, copy: string): boolean {
  if (lstatSync(source).size !== lstatSync(copy).size) return false;
  const [a, b] = [openSync(source, "r"), openSync(copy, "r")];
  const bytes = Math.min(BLOCK_BYTES, Math.max(1, lstatSync(source).size));
  const [left, right] = [Buffer.allocUnsafe(bytes), Buffer.allocUnsafe(bytes)];
  try {
    for (;;) {
      const got = readSync(a, left);
      if (got !== readSync(b, right)) return false;
      if (got === 0) return true;
      if (!left.subarray(0, got).equals(right.subarray(0, got))) return false;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

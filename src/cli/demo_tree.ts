// The demo's tree: one large half-compressible file, thousands of small ones, and one of everything
// that copying tools get wrong. Content is pseudo-random from fixed seeds: the same every time.

import {
  chmodSync,
  closeSync,
  futimesSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

const MiB = 1 << 20;
const LARGE_BYTES = 256 * MiB;
const SMALL_FILES = 3000;
const SMALL_FILES_PER_DIRECTORY = 100;
const SMALL_MAX_BYTES = 12 * 1024;
const SPARSE_BYTES = 96 * MiB;
const DEEP_LEVELS = 24;
/** Modification times run from here, seconds since 1970: 2001-09-09 01:46:40 UTC. */
const BASE_TIME_S = 1_000_000_000;

const ODD_NAMES: readonly string[] = [
  "with spaces and 'quotes'",
  "-starts-with-a-dash",
  "a;b&c$(d)`e`",
  "grüße, 世界, 🌍.txt",
  "cafe\u0301 (combining accent)",
  "[brackets] {braces} *star* ?mark",
  "UPPER and lower.TXT",
  "ends.with.dots.tar.gz",
];

/** What was built. */
export interface BuiltTree {
  readonly entries: number;
  /** Logical bytes of all files. */
  readonly bytes: number;
}

/** Fills an existing, empty directory. */
export function buildTree(root: string): Promise<BuiltTree> {
  const builder = new TreeBuilder(root);
  builder.largeFile("large half compressible.bin");
  for (let index = 0; index < SMALL_FILES; index++) builder.smallFile(index);
  builder.file("empty file", new Uint8Array(0));
  builder.directory("empty directory");
  const deep = Array.from({ length: DEEP_LEVELS }, (_, level) => `level ${level + 1}`).join("/");
  builder.file(`deep/${deep}/the bottom.txt`, text("found it\n"));
  for (const name of ODD_NAMES) builder.file(`odd names/${name}`, text(`${name}\n`));
  builder.link("links/to a file", "../odd names/with spaces and 'quotes'");
  builder.link("links/to a directory", "../empty directory");
  builder.link("links/to nowhere", "no/such/place");
  builder.file("modes/executable.sh", text("#!/bin/sh\necho hello\n"), 0o755);
  builder.file("modes/read-only.txt", text("look, do not touch\n"), 0o444);
  builder.file("modes/private.txt", text("for one's own eyes\n"), 0o600);
  builder.sparseFile("sparse.img");
  builder.settleDirectories(root);
  return Promise.resolve({ entries: builder.entries, bytes: builder.bytes });
}

class TreeBuilder {
  readonly #root: string;
  readonly #directories = new Set<string>();
  #random = new RandomBytes(1);
  entries = 1;
  bytes = 0;

  constructor(root: string) {
    this.#root = root;
  }

  file(path: string, content: Uint8Array, mode = 0o644): void {
    const target = this.#placeFor(path);
    writeFileSync(target, content, { mode });
    chmodSync(target, mode);
    this.#count(content.byteLength);
    const seconds = BASE_TIME_S + this.entries * 86.4 + 0.123;
    utimesSync(target, seconds, seconds);
  }

  directory(path: string): void {
    this.#placeFor(`${path}/x`);
  }

  link(path: string, target: string): void {
    const place = this.#placeFor(path);
    symlinkSync(target, place);
    lutimesSync(place, BASE_TIME_S + 7, BASE_TIME_S + 7);
    this.entries++;
  }

  smallFile(index: number): void {
    const directory = `small/${Math.floor(index / SMALL_FILES_PER_DIRECTORY)}`;
    const size = (index * 2654435761) % SMALL_MAX_BYTES;
    const content = index % 2 === 0 ? this.#random.take(size) : prose(size, index);
    this.file(`${directory}/file ${index}`, content);
  }

  /** Half of every MiB is noise, half is prose. */
  largeFile(path: string): void {
    const target = this.#placeFor(path);
    const fd = openSync(target, "w");
    const half = MiB / 2;
    for (let at = 0; at < LARGE_BYTES; at += MiB) {
      writeSync(fd, this.#random.take(half));
      writeSync(fd, prose(half, at / MiB));
    }
    futimesSync(fd, BASE_TIME_S, BASE_TIME_S);
    closeSync(fd);
    this.#count(LARGE_BYTES);
  }

  /** A few islands of data in a sea of holes. */
  sparseFile(path: string): void {
    const target = this.#placeFor(path);
    const fd = openSync(target, "w");
    for (const island of [0, 33 * MiB + 4096, SPARSE_BYTES - 65_536]) {
      writeSync(fd, this.#random.take(65_536), 0, 65_536, island);
    }
    closeSync(fd);
    truncateSync(target, SPARSE_BYTES);
    utimesSync(target, BASE_TIME_S + 1.5, BASE_TIME_S + 1.5);
    this.#count(SPARSE_BYTES);
  }

  /** Directory times last: making files in them changed them. */
  settleDirectories(path: string): void {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) this.settleDirectories(join(path, entry.name));
    }
    utimesSync(path, BASE_TIME_S + 42.5, BASE_TIME_S + 42.5);
  }

  #placeFor(path: string): string {
    const target = join(this.#root, path);
    const directory = dirname(target);
    if (!this.#directories.has(directory)) {
      mkdirSync(directory, { recursive: true });
      for (let up = directory; up !== this.#root; up = dirname(up)) {
        if (this.#directories.has(up)) break;
        this.#directories.add(up);
        this.entries++;
      }
    }
    return target;
  }

  #count(bytes: number): void {
    this.entries++;
    this.bytes += bytes;
  }
}

/** Noise from a seed (xorshift32): fast, repeatable, incompressible. */
class RandomBytes {
  #state: number;

  constructor(seed: number) {
    this.#state = seed * 0x9e3779b9 | 1;
  }

  take(bytes: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(bytes / 4));
    let state = this.#state;
    for (let at = 0; at < words.length; at++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[at] = state;
    }
    this.#state = state;
    return new Uint8Array(words.buffer, 0, bytes);
  }
}

const WORDS = "the of and to in a is that for it as was with be by on not he his but at are this"
  .split(" ");

/** Text that compresses as prose does. */
function prose(bytes: number, seed: number): Uint8Array {
  const out: string[] = [];
  let state = seed + 1;
  for (let length = 0; length < bytes;) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const word = `${WORDS[(state >>> 16) % WORDS.length]} `;
    out.push(word);
    length += word.length;
  }
  return text(out.join("")).subarray(0, bytes);
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

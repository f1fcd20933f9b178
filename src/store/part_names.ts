// `parts/RUN/names`: what each journalled part of a run is of, should the state ever be lost. Text, one
// JSON value a line, only ever added to and never synced. Read as what anybody may have written: a line
// that is not exactly what is written here is passed over, and nothing in it is believed of any byte.

import * as fs from "node:fs";
import { basename } from "node:path";
import { encodeUtf8, fromHex, toHex } from "../base/bytes.ts";
import { pathProblem } from "../base/path.ts";
import { LIMITS } from "../base/limits.ts";
import type { Disk } from "./disk.ts";
import { keptNames } from "./given_names.ts";
import { isPartName, NAMES_FILE, PartPaths } from "./part_paths.ts";

/** What a run of parts is of: the first line. */
export interface NamesHeader {
  readonly key: Uint8Array;
  readonly destination: string;
  readonly chunkBytes: number;
  readonly startedNs: bigint;
  readonly peer: Uint8Array;
  /** The first of them, and how many more there were. */
  readonly given: readonly string[];
  readonly moreGiven?: number;
}

/** A part: a line behind the first. */
export interface NamedPart {
  /** Below `.sftpx/parts`. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Path in the manifest. */
  readonly path: string;
}

/** Longest line that is read: names, each byte of them escaped, and what stands beside them. */
const LINE_BYTES = 6 * (LIMITS.keptNameBytes + LIMITS.pathBytes) + 1024;
/** What is read at once. */
const STEP_BYTES = 256 * 1024;
/** Where the first line may be: before it stands what a full disk cut off. */
const HEADER_LINES = 16;
const KEY_BYTES = 32;

export class PartNames {
  /** Absolute path of the run. */
  readonly #directory: string;
  readonly #header: NamesHeader;
  readonly #disk: Disk;
  #isBegun = false;
  #isTorn = false;

  /** Makes nothing before the first part. */
  constructor(directory: string, header: NamesHeader, { disk }: { readonly disk: Disk }) {
    this.#directory = directory;
    this.#header = header;
    this.#disk = disk;
  }

  /** Adds parts of this run. What cannot be written is only missed should the state be lost too. */
  add(parts: readonly NamedPart[]): void {
    const own = `${basename(this.#directory)}/`;
    // Those of an earlier run are named there.
    const lines = parts.filter(({ name }) => name.startsWith(own)).map(
      ({ name, sizeBytes, path }) => JSON.stringify([name.slice(own.length), sizeBytes, path]),
    );
    if (lines.length === 0) return;
    if (!this.#isBegun) lines.unshift(headerLine(this.#header));
    const text = lines.map((line) => `${line}\n`).join("");
    try {
      // Behind a line that was cut off, a new one.
      const bytes = encodeUtf8(this.#isTorn ? `\n${text}` : text);
      this.#disk.append(`${this.#directory}/${NAMES_FILE}`, bytes);
      this.#isBegun = true;
    } catch {
      this.#isTorn = true;
    }
  }
}

/**
 * Makes the runs of parts say nothing any more, before their rows go: what is left of them after a kill
 * in between is garbage, and no transfer to be gone on with.
 */
export function forgetNames(
  partsDirectory: string,
  parts: readonly string[],
  disk: Disk,
): void {
  const runs = new Set(parts.map((name) => name.slice(0, name.indexOf("/"))));
  const paths = new PartPaths(partsDirectory, disk);
  for (const run of runs) {
    const path = paths.namesOf(run);
    if (path !== null) disk.remove(path);
  }
}

function headerLine({ key, peer, startedNs, ...header }: NamesHeader): string {
  const { destination, chunkBytes, given, moreGiven = 0 } = header;
  const values = { destination, chunkBytes, startedNs: startedNs.toString(), given, moreGiven };
  return JSON.stringify({ key: toHex(key), peer: toHex(peer), ...values });
}

/**
 * What the file of a run says; null where it says nothing to go by. `run` is the run's own name, its
 * directory is `directory`. The parts may be gone.
 */
export function readNames(
  directory: string,
  run: string,
): { readonly header: NamesHeader; readonly parts: Iterable<NamedPart> } | null {
  const lines = linesOf(`${directory}/${NAMES_FILE}`);
  for (let tried = 0; tried < HEADER_LINES; tried++) {
    const line = lines.next();
    if (line.done) return null;
    const header = headerOf(line.value);
    if (header !== null) return { header, parts: partsOf(lines, run) };
  }
  lines.return(undefined);
  return null;
}

function* partsOf(lines: Iterable<string>, run: string): Generator<NamedPart> {
  for (const line of lines) {
    const part = partOf(line, run);
    if (part !== null) yield part;
  }
}

function headerOf(line: string): NamesHeader | null {
  const value = jsonOf(line);
  if (typeof value !== "object" || value === null) return null;
  const fields = value as Record<string, unknown>;
  const { key, peer, destination, chunkBytes, startedNs, given, moreGiven } = fields;
  if (typeof destination !== "string" || !isChunkSize(chunkBytes)) return null;
  if (destination !== "" && pathProblem(destination) !== null) return null;
  if (typeof startedNs !== "string" || !/^\d{1,19}$/.test(startedNs)) return null;
  if (!Array.isArray(given) || !given.every((name) => typeof name === "string")) return null;
  if (!Number.isSafeInteger(moreGiven) || Number(moreGiven) < 0) return null;
  const keyBytes = bytesOf(key);
  const peerBytes = bytesOf(peer);
  if (keyBytes === null || peerBytes === null) return null;
  const times = { startedNs: BigInt.asIntN(64, BigInt(startedNs)) };
  const names = { ...keptNames(given), moreGiven: Number(moreGiven) };
  return { key: keyBytes, peer: peerBytes, destination, chunkBytes, ...names, ...times };
}

function partOf(line: string, run: string): NamedPart | null {
  const value = jsonOf(line);
  if (!Array.isArray(value) || value.length !== 3) return null;
  const [below, sizeBytes, path] = value as unknown[];
  if (typeof below !== "string" || typeof path !== "string") return null;
  if (!Number.isSafeInteger(sizeBytes) || Number(sizeBytes) <= 0) return null;
  const name = `${run}/${below}`;
  if (!isPartName(name) || pathProblem(path) !== null) return null;
  return { name, sizeBytes: Number(sizeBytes), path };
}

function isChunkSize(value: unknown): value is number {
  return typeof value === "number" && value >= LIMITS.minChunkBytes &&
    value <= LIMITS.maxChunkBytes && Number.isInteger(Math.log2(value));
}

function bytesOf(value: unknown): Uint8Array | null {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) return null;
  const bytes = fromHex(value);
  return bytes.byteLength === KEY_BYTES ? bytes : null;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** Lines of a file that is no link; none of one that is too long, or not whole. */
export function* linesOf(path: string): Generator<string, undefined> {
  const fd = openRegular(path);
  if (fd === null) return;
  try {
    const decoder = new TextDecoder();
    const step = new Uint8Array(STEP_BYTES);
    let rest = "";
    for (;;) {
      const got = fs.readSync(fd, step);
      if (got === 0) return;
      const pieces = (rest + decoder.decode(step.subarray(0, got), { stream: true })).split("\n");
      rest = pieces.pop() ?? "";
      yield* pieces;
      if (rest.length > LINE_BYTES) return;
    }
  } finally {
    fs.closeSync(fd);
  }
}

function openRegular(path: string): number | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fs.fstatSync(fd).isFile()) return fd;
    fs.closeSync(fd);
  } catch {
    // None, or not ours to read: nothing is known of these parts.
  }
  return null;
}

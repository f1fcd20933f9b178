// What may stand at the destination: each path with every version it ever had at the source or was
// planted with. Compares the receiving directory with it: at any moment (I1), and at the end with the
// source itself, byte by byte.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Payload } from "./payload.ts";

const BLOCK_BYTES = 1024 * 1024;
/** Read whole: a stream costs more than such a file. */
const WHOLE_BYTES = 4 * BLOCK_BYTES;
/** Files read side by side. */
const TOGETHER = 8;

interface Known {
  /** Relative to the sender's directory; null where nothing like it is there any more. */
  source: string | null;
  /** Contents or link targets it may have, as text. */
  readonly versions: Set<string>;
}

export class Truth {
  readonly #base: string;
  readonly #receiving: string;
  readonly #known = new Map<string, Known>();

  /** `base` is what the source's names are relative to, `receiving` what the final ones are. */
  constructor(base: string, receiving: string) {
    this.#base = base;
    this.#receiving = receiving;
  }

  /** Takes all items as they are at the source now. */
  async learn({ items, finalOf, isEntry }: Payload): Promise<void> {
    const entries = items.filter(({ path }) => isEntry(path));
    await together(entries, ({ path }) => this.learnSource(path, finalOf(path)));
    for (const { path } of entries) this.#learnParents(finalOf(path));
  }

  /** Takes a source as it is now: one more version, none where it is gone. */
  async learnSource(path: string, final: string): Promise<void> {
    const known = this.#knownOf(final);
    const version = await versionOf(join(this.#base, path));
    known.source = version === null ? null : path;
    if (version !== null) known.versions.add(version);
  }

  /** Takes what somebody else put there. */
  async learnPlanted(final: string): Promise<void> {
    const version = await versionOf(join(this.#receiving, final));
    if (version !== null) this.#knownOf(final).versions.add(version);
    this.#learnParents(final);
  }

  /** Everything that stands under a final name is a whole version of it, or nothing is known of it. */
  async standingProblems(): Promise<readonly string[]> {
    const problems: string[] = [];
    const paths = await this.#standing();
    await together(paths, async (path) => {
      const known = this.#known.get(path);
      const version = await versionOf(join(this.#receiving, path));
      if (version === null) return; // Replaced or renamed meanwhile: the other one was looked at, or will be.
      if (known === undefined) problems.push(`"${path}" is nothing that was sent`);
      else if (!known.versions.has(version)) {
        problems.push(`"${path}" is no whole version of its source: ${version}`);
      }
    });
    return problems;
  }

  /** The destination is the source: bytes, kinds, targets, modes and times; no stray is left. */
  async finalProblems(): Promise<readonly string[]> {
    const problems: string[] = [];
    const standing = new Set(await this.#standing());
    for (const path of standing) {
      const known = this.#known.get(path);
      if (known === undefined) problems.push(`"${path}" is left over`);
    }
    await together([...this.#known], async ([final, { source }]) => {
      if (source === null) return;
      const problem = standing.has(final)
        ? await difference(join(this.#base, source), join(this.#receiving, final))
        : "is not there";
      if (problem !== null) problems.push(`"${final}" ${problem}`);
    });
    return problems;
  }

  /** States on their way out whose remover was killed: ours by name, and no part of what was sent. */
  async leftovers(): Promise<readonly string[]> {
    const names = await fs.readdir(this.#receiving, { recursive: true, withFileTypes: true })
      .catch(() => []);
    return names.filter(isLeftover).map(({ parentPath, name }) => join(parentPath, name));
  }

  /** Bytes of all files as they are at the source. */
  async sourceBytes(): Promise<number> {
    let sum = 0;
    for (const { source } of this.#known.values()) {
      const stat = source === null ? null : await fs.lstat(join(this.#base, source));
      if (stat?.isFile()) sum += stat.size;
    }
    return sum;
  }

  /** Bytes of known files that stand under their final names. */
  async standingBytes(): Promise<number> {
    let sum = 0;
    for (const [path, { source }] of this.#known) {
      if (source === null) continue;
      const stat = await fs.lstat(join(this.#receiving, path)).catch(() => null);
      if (stat?.isFile()) sum += stat.size;
    }
    return sum;
  }

  #knownOf(final: string): Known {
    const known = this.#known.get(final) ?? { source: null, versions: new Set() };
    this.#known.set(final, known);
    return known;
  }

  /** Directories that a transfer makes because something goes below them. */
  #learnParents(final: string): void {
    for (let path = dirname(final); path !== "."; path = dirname(path)) {
      this.#knownOf(path).versions.add(DIRECTORY);
    }
  }

  /** Paths below the receiving directory, the state's own left out. */
  async #standing(): Promise<readonly string[]> {
    const found: string[] = [];
    const visit = async (directory: string): Promise<void> => {
      const items = await fs.readdir(join(this.#receiving, directory), { withFileTypes: true })
        .catch(() => []);
      for (const item of items) {
        // The names that are a state's; any other that begins so is a stray.
        if (item.name === ".sftpx" && item.isDirectory() || isLeftover(item)) continue;
        const path = directory === "" ? item.name : `${directory}/${item.name}`;
        found.push(path);
        if (item.isDirectory()) await visit(path);
      }
    };
    await visit("");
    return found;
  }
}

/** What a transfer keeps for itself below a directory: parts, of which bytes are on disk. */
export async function partBytes(receiving: string): Promise<{ files: number; bytes: number }> {
  let files = 0;
  let bytes = 0;
  for (const state of await statesIn(receiving)) {
    const parts = join(state, "parts");
    for (const name of await fs.readdir(parts, { recursive: true }).catch(() => [])) {
      // RUN/SHARD/ENTRY; a run's own things stand above.
      if (name.split("/").length < 3) continue;
      const stat = await fs.lstat(join(parts, name)).catch(() => null);
      if (!stat?.isFile()) continue;
      files++;
      bytes += Math.min(stat.size, stat.blocks * 512);
    }
  }
  return { files, bytes };
}

/** Every `.sftpx` below a directory. */
export async function statesIn(directory: string): Promise<readonly string[]> {
  const items = await fs.readdir(directory, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const item of items) {
    if (!item.isDirectory()) continue;
    const path = join(directory, item.name);
    if (item.name === ".sftpx") found.push(path);
    else found.push(...await statesIn(path));
  }
  return found;
}

const DIRECTORY = "directory";

/** A whole state goes under another name first; a file of such a name is a part that nobody moved. */
function isLeftover(item: { readonly name: string; isDirectory(): boolean }): boolean {
  return /^\.sftpx-[0-9a-f]{16}$/.test(item.name) && item.isDirectory();
}

/** What something is, as text that differs where it differs; null where nothing is. */
async function versionOf(path: string): Promise<string | null> {
  try {
    const stat = await fs.lstat(path);
    if (stat.isDirectory()) return DIRECTORY;
    if (stat.isSymbolicLink()) return `link to ${await fs.readlink(path)}`;
    // Size and bytes of one and the same file, whatever is renamed over it meanwhile.
    await using handle = await fs.open(path);
    const { size } = await handle.stat();
    return `file of ${size} bytes, ${await digestOf(handle, size)}`;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}

async function digestOf(handle: fs.FileHandle, sizeBytes: number): Promise<string> {
  const hash = createHash("sha256");
  const block = new Uint8Array(Math.min(BLOCK_BYTES, sizeBytes));
  for (let at = 0; at < sizeBytes;) {
    const { bytesRead } = await handle.read(block, 0, block.byteLength, at);
    if (bytesRead === 0) break; // Cut short under our eyes: the digest says so.
    hash.update(block.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest("hex");
}

/** How what was received differs from its source; null when it does not. */
async function difference(source: string, received: string): Promise<string | null> {
  const [one, other] = await Promise.all([fs.lstat(source), fs.lstat(received)]);
  if (kindOf(one) !== kindOf(other)) return `is a ${kindOf(other)}, not a ${kindOf(one)}`;
  if (one.isSymbolicLink()) {
    const [target, got] = await Promise.all([fs.readlink(source), fs.readlink(received)]);
    return target === got ? null : `leads to "${got}", not to "${target}"`;
  }
  if ((one.mode & 0o777) !== (other.mode & 0o777)) {
    return `has mode ${(other.mode & 0o777).toString(8)}, not ${(one.mode & 0o777).toString(8)}`;
  }
  if (one.isFile() && one.size !== other.size) return `has ${other.size} bytes, not ${one.size}`;
  const at = one.isFile() ? await firstDifference(source, received, one.size) : null;
  if (at !== null) return `differs at byte ${at}`;
  if (Math.floor(one.mtimeMs) !== Math.floor(other.mtimeMs)) {
    return `has time ${other.mtime.toISOString()}, not ${one.mtime.toISOString()}`;
  }
  return null;
}

async function firstDifference(
  source: string,
  received: string,
  sizeBytes: number,
): Promise<number | null> {
  if (sizeBytes <= WHOLE_BYTES) {
    const [one, other] = await Promise.all([fs.readFile(source), fs.readFile(received)]);
    return one.equals(other) ? null : one.findIndex((byte, index) => byte !== other[index]);
  }
  await using one = await fs.open(source);
  await using other = await fs.open(received);
  const blocks = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)] as const;
  for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) {
    const length = Math.min(BLOCK_BYTES, sizeBytes - at);
    await Promise.all([one.read(blocks[0], 0, length, at), other.read(blocks[1], 0, length, at)]);
    if (Buffer.compare(blocks[0].subarray(0, length), blocks[1].subarray(0, length)) === 0) {
      continue;
    }
    return at + blocks[0].findIndex((byte, index) => byte !== blocks[1][index]);
  }
  return null;
}

function kindOf(stat: { isFile(): boolean; isDirectory(): boolean }): string {
  return stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "link";
}

/** Does something with each item, some at a time. */
async function together<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const workers = Array.from({ length: TOGETHER }, async () => {
    while (next < items.length) await work(items[next++]!);
  });
  await Promise.all(workers);
}

// Trees on disk for tests: made from a description, read back as text that compares and reads well.
// Content is made from a name and never random, so that a failure can be seen again.

import { createCipheriv, createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import * as fs from "node:fs/promises";
import { join } from "node:path";

/** What a tree is made of; a file is its content. */
export type Node =
  | { readonly kind: "file"; readonly content: Uint8Array; readonly mode: number; mtimeMs: number }
  | { readonly kind: "directory"; readonly mode: number; mtimeMs: number }
  | { readonly kind: "link"; readonly target: string };

/** Relative path to node. */
export type Tree = Readonly<Record<string, Node>>;

/** A time long ago enough never to look racily new, with milliseconds to lose. */
export const SOME_TIME_MS = Date.UTC(2021, 2, 3, 4, 5, 6, 789);

/** A file; text is taken as UTF-8. */
export function file(
  content: Uint8Array | string,
  { mode = 0o644, mtimeMs = SOME_TIME_MS }: { mode?: number; mtimeMs?: number } = {},
): Node {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { kind: "file", content: bytes, mode, mtimeMs };
}

export function directory(
  { mode = 0o755, mtimeMs = SOME_TIME_MS }: { mode?: number; mtimeMs?: number } = {},
): Node {
  return { kind: "directory", mode, mtimeMs };
}

export function link(target: string): Node {
  return { kind: "link", target };
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(lengthBytes: number, seed = "noise"): Uint8Array {
  const key = createHash("sha256").update(seed).digest();
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16));
  const bytes = cipher.update(new Uint8Array(lengthBytes));
  cipher.final(); // Frees it; a stream cipher keeps nothing back.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Text that compresses well, line by line different. */
export function prose(lengthBytes: number): string {
  const lines: string[] = [];
  for (let length = 0, number = 0; length < lengthBytes; number++) {
    const line = `line ${number} of a log that says much the same in every line, ${
      number * 7919
    }\n`;
    lines.push(line);
    length += line.length;
  }
  return lines.join("").slice(0, lengthBytes);
}

/** Writes a tree; parents that are not listed are made. Modes and times come last, deepest first. */
export async function makeTree(root: string, tree: Tree): Promise<void> {
  await fs.mkdir(root, { recursive: true });
  const paths = Object.keys(tree).sort();
  for (const path of paths) {
    const node = tree[path]!;
    const full = join(root, path);
    await fs.mkdir(join(full, node.kind === "directory" ? "." : ".."), { recursive: true });
    if (node.kind === "file") await fs.writeFile(full, node.content);
    if (node.kind === "link") await fs.symlink(node.target, full);
  }
  for (const path of paths.reverse()) {
    const node = tree[path]!;
    if (node.kind === "link") continue;
    await fs.chmod(join(root, path), node.mode);
    await fs.utimes(join(root, path), new Date(node.mtimeMs), new Date(node.mtimeMs));
  }
}

/** Writes one file, with its parents. */
export async function makeFile(path: string, content: Uint8Array | string): Promise<void> {
  await fs.mkdir(join(path, ".."), { recursive: true });
  await fs.writeFile(path, content);
  const when = new Date(SOME_TIME_MS);
  await fs.utimes(path, when, when);
}

/** A tree as text, one line a path: kind, mode, time, size and content digest, or link target. */
export async function readTree(
  root: string,
  { except = [".sftpx"], times = true }: { except?: readonly string[]; times?: boolean } = {},
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = async (path: string): Promise<void> => {
    for (const name of (await fs.readdir(join(root, path))).sort()) {
      if (path === "" && except.includes(name)) continue;
      const below = path === "" ? name : `${path}/${name}`;
      found[below] = await describe(join(root, below), times);
      if (found[below].startsWith("directory")) await visit(below);
    }
  };
  await visit("");
  return found;
}

/** Hash of a file's content, for comparing large ones. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path)) hash.update(bytes as Uint8Array);
  return hash.digest("hex");
}

/** Removes a tree, directories that nothing may be written to included. */
export async function removeTree(path: string): Promise<void> {
  try {
    await fs.rm(path, { recursive: true, force: true });
  } catch {
    await openUp(path);
    await fs.rm(path, { recursive: true, force: true });
  }
}

async function openUp(path: string): Promise<void> {
  await fs.chmod(path, 0o700);
  for (const item of await fs.readdir(path, { withFileTypes: true })) {
    if (item.isDirectory()) await openUp(join(path, item.name));
  }
}

async function describe(path: string, times: boolean): Promise<string> {
  const stat = await fs.lstat(path);
  const time = times ? ` ${new Date(Math.floor(stat.mtimeMs)).toISOString()}` : "";
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  if (stat.isSymbolicLink()) return `link -> ${await fs.readlink(path)}${time}`;
  if (stat.isDirectory()) return `directory ${mode}${time}`;
  return `file ${mode}${time} ${stat.size} ${(await digestOf(path)).slice(0, 16)}`;
}

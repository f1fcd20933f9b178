// What a round transfers: drawn from dice as a list of items, and laid on disk. Contents come from a
// seed each, so that a tree need not be kept to be made again.

import { Buffer } from "node:buffer";
import { createCipheriv, createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import type { Dice } from "./dice.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** What is written at once: memory does not grow with a file. */
const BLOCK_BYTES = 4 * MiB;
/** Old enough to look like files that lie about, with milliseconds to lose. */
const OLD_MS = Date.UTC(2022, 1, 3, 4, 5, 6, 789);

/** How a file's bytes come about. */
export type Content = "noise" | "text" | "zeros" | "sparse";

export interface FileItem {
  readonly kind: "file";
  /** Below the directory that the sender's names are relative to. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly content: Content;
  readonly mode: number;
  readonly mtimeMs: number;
}

export type Item =
  | FileItem
  | {
    readonly kind: "directory";
    readonly path: string;
    readonly mode: number;
    readonly mtimeMs: number;
  }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** How large a round's trees are. */
export interface Scale {
  /** One file alone. */
  readonly bigBytes: readonly [number, number];
  /** Each of several. */
  readonly severalBytes: readonly [number, number];
  readonly smallFiles: readonly [number, number];
  readonly smallBytes: number;
}

export const SCALES = {
  quick: {
    bigBytes: [10 * MiB, 36 * MiB],
    severalBytes: [3 * MiB, 12 * MiB],
    smallFiles: [100, 400],
    smallBytes: 64 * KiB,
  },
  full: {
    bigBytes: [20 * MiB, 150 * MiB],
    severalBytes: [10 * MiB, 60 * MiB],
    smallFiles: [500, 3000],
    smallBytes: 64 * KiB,
  },
} as const satisfies Readonly<Record<string, Scale>>;

export type Shape = "file" | "files" | "tree" | "contents";

export interface Payload {
  readonly shape: Shape;
  /** Names on the command line, before any ticket or address is put before them. */
  readonly sources: readonly string[];
  /** Destination on the command line, likewise. */
  readonly destination: string;
  /** Parents before what they hold. */
  readonly items: readonly Item[];
  /** Where an item comes to stand, below the receiving directory. */
  readonly finalOf: (path: string) => string;
  /** Whether an item is sent itself: a directory whose contents are asked for is not. */
  readonly isEntry: (path: string) => boolean;
}

/** Whether each byte of it has to be written: blocks on the receiver's disk then tell what is there. */
export function isSolid(items: readonly Item[]): boolean {
  return items.every((item) => item.kind !== "file" || item.content === "noise");
}

export function bytesOf(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + (item.kind === "file" ? item.sizeBytes : 0), 0);
}

/** Draws what a round transfers. */
export function drawPayload(dice: Dice, scale: Scale): Payload {
  const shape = dice.weigh<Shape>({ file: 30, files: 20, tree: 25, contents: 25 });
  switch (shape) {
    case "file": {
      const into = dice.chance(0.4);
      const items = [bigFile("big image.iso", { dice, bytes: scale.bigBytes })];
      return {
        shape,
        sources: ["big image.iso"],
        destination: into ? "in/" : "in/renamed.iso",
        items,
        finalOf: (path) => into ? `in/${path}` : "in/renamed.iso",
        isEntry: () => true,
      };
    }
    case "files": {
      const names = ["a.bin", "ä b.bin", "z.bin", "0.bin"].slice(0, dice.whole(2, 4));
      const items = names.map((name) => bigFile(name, { dice, bytes: scale.severalBytes }));
      const finalOf = (path: string) => `in/${path}`;
      return { shape, sources: names, destination: "in", items, finalOf, isEntry: () => true };
    }
    case "tree": {
      const finalOf = (path: string) => `in/${path}`;
      return {
        shape,
        sources: ["tree"],
        destination: "in",
        items: drawTree(dice, scale),
        finalOf,
        isEntry: () => true,
      };
    }
    case "contents": {
      const finalOf = (path: string) => path === "tree" ? "in" : `in/${path.slice("tree/".length)}`;
      return {
        shape,
        sources: ["tree/"],
        destination: "in",
        items: drawTree(dice, scale),
        finalOf,
        isEntry: (path) => path !== "tree",
      };
    }
  }
}

/** Lays items below a directory; modes and times come last, deepest first. */
export async function layItems(
  base: string,
  items: readonly Item[],
  dice: Dice,
): Promise<void> {
  await fs.mkdir(base, { recursive: true });
  for (const item of items) {
    const full = join(base, item.path);
    switch (item.kind) {
      case "file":
        await writeContent(full, item, dice.of(item.path));
        break;
      case "directory":
        await fs.mkdir(full);
        break;
      case "link":
        await fs.symlink(item.target, full);
        break;
    }
  }
  for (const item of items.toReversed()) {
    if (item.kind === "link") continue;
    const full = join(base, item.path);
    await fs.chmod(full, item.mode);
    await fs.utimes(full, new Date(item.mtimeMs), new Date(item.mtimeMs));
  }
}

/** Bytes that do not compress, the same for the same dice. */
export function noise(lengthBytes: number, dice: Dice): Uint8Array {
  const key = createHash("sha256").update(String(dice.whole(0, 2 ** 31))).digest();
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16));
  const bytes = cipher.update(new Uint8Array(lengthBytes));
  cipher.final(); // Frees it; a stream cipher keeps nothing back.
  return bytes;
}

async function writeContent(path: string, file: FileItem, dice: Dice): Promise<void> {
  const handle = await fs.open(path, "wx");
  try {
    if (file.content === "zeros" || file.content === "sparse") {
      await handle.truncate(file.sizeBytes);
    }
    if (file.content === "zeros") return;
    for (let at = 0; at < file.sizeBytes; at += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, file.sizeBytes - at);
      if (file.content === "sparse") {
        // A little data in most blocks, and whole blocks of nothing.
        if (dice.chance(0.6)) {
          await handle.write(noise(Math.min(length, 100_000), dice), 0, null, at);
        }
      } else {
        const block = file.content === "text" ? prose(length, dice) : noise(length, dice);
        await handle.write(block, 0, length, at);
      }
    }
  } finally {
    await handle.close();
  }
}

/** Lines that compress well and differ. */
function prose(lengthBytes: number, dice: Dice): Uint8Array {
  const lines: string[] = [];
  for (let length = 0; length < Math.min(lengthBytes, 64 * KiB);) {
    const line = `entry ${dice.whole(0, 1e9)} of a log whose lines say much the same each time\n`;
    lines.push(line);
    length += line.length;
  }
  return Buffer.alloc(lengthBytes, lines.join(""));
}

function bigFile(
  path: string,
  { dice, bytes: [min, max] }: { dice: Dice; bytes: readonly [number, number] },
): FileItem {
  return {
    kind: "file",
    path,
    // Seldom a whole number of chunks.
    sizeBytes: dice.whole(min, max),
    content: dice.weigh({ noise: 55, text: 20, sparse: 15, zeros: 10 }),
    mode: dice.pick([0o644, 0o755, 0o600, 0o444]),
    mtimeMs: OLD_MS + dice.whole(0, 1e9),
  };
}

/** Nested directories with names, kinds, sizes and modes of all sorts; now and then big files too. */
function drawTree(dice: Dice, scale: Scale): readonly Item[] {
  const directories = ["tree"];
  const items: Item[] = [directoryOf("tree", dice)];
  const addDirectory = (path: string): void => {
    directories.push(path);
    items.push(directoryOf(path, dice));
  };
  for (let count = dice.whole(3, 40); count > 0; count--) {
    addDirectory(`${dice.pick(directories)}/${nameOf(dice, directories.length)}`);
  }
  items.push(directoryOf("tree/empty directory", dice));
  const files = dice.whole(...scale.smallFiles);
  const content = dice.pick<Content | "any">(["noise", "any", "any"]);
  for (let number = 0; number < files; number++) {
    items.push({
      kind: "file",
      path: `${dice.pick(directories)}/${nameOf(dice, number)}.file`,
      // Most are small, some are empty.
      sizeBytes: dice.chance(0.05) ? 0 : Math.floor(scale.smallBytes * dice.next() ** 2),
      content: content === "any" ? dice.pick<Content>(["noise", "text", "zeros"]) : content,
      mode: dice.pick([0o644, 0o644, 0o644, 0o755, 0o600, 0o400, 0o444, 0o711]),
      mtimeMs: OLD_MS + dice.whole(0, 1e9),
    });
  }
  for (let number = dice.whole(0, 20); number > 0; number--) {
    const target = dice.pick(["nowhere", "../f", "/etc/hostname", "a/b/c", "ü".repeat(40)]);
    items.push({ kind: "link", path: `${dice.pick(directories)}/link ${number}`, target });
  }
  if (dice.chance(0.4)) {
    for (let number = dice.whole(1, 2); number > 0; number--) {
      const path = `${dice.pick(directories)}/big ${number}.bin`;
      const big = bigFile(path, { dice, bytes: scale.severalBytes });
      items.push(content === "noise" ? { ...big, content } : big);
    }
  }
  return items;
}

function directoryOf(path: string, dice: Dice): Item {
  const mode = dice.pick([0o755, 0o755, 0o755, 0o700, 0o750]);
  return { kind: "directory", path, mode, mtimeMs: OLD_MS + dice.whole(0, 1e9) };
}

/** A name no other of the round has; before and behind others in byte order. */
function nameOf(dice: Dice, number: number): string {
  const start = dice.pick([
    "",
    "a ",
    "Z-",
    "é",
    "e\u0301",
    "日本 ",
    ".",
    "~",
    "0",
    "🙂",
    "!",
    "a.",
    "%41",
  ]);
  return `${start}${number.toString(36)}`;
}

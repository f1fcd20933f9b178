// What somebody else does between two attempts: to the source, or to what already stands at the
// destination. The truth learns of it.

import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Dice } from "./dice.ts";
import { type FileItem, noise, type Payload } from "./payload.ts";
import type { Change } from "./plan.ts";
import type { Truth } from "./truth.ts";

const KiB = 1024;
/** In front of the present: a stamp with such a time alone is trusted. */
const SETTLED_MS = 3000;

export interface Place {
  readonly base: string;
  readonly receiving: string;
  readonly payload: Payload;
  readonly truth: Truth;
}

/** Does it; answers what was done, in words. */
export async function makeChange(
  change: Change,
  { base, receiving, payload, truth }: Place,
  dice: Dice,
): Promise<string> {
  const file = await anyFile(base, payload, dice);
  if (file === null) return "nothing left to change";
  const path = join(base, file.path);
  const final = payload.finalOf(file.path);
  switch (change) {
    case "append":
      await opened(path, async () => {
        await fs.appendFile(path, noise(dice.whole(1, 300 * KiB), dice));
      });
      break;
    case "rewrite":
    case "stealth": {
      const { size, mtimeMs } = await fs.stat(path);
      const at = Math.floor(size / 2);
      const length = Math.min(64 * KiB, size - at);
      await opened(path, async () => {
        await using handle = await fs.open(path, "r+");
        await handle.write(noise(length, dice), 0, length, at);
      });
      const time = new Date(change === "stealth" ? mtimeMs : Date.now() - SETTLED_MS);
      await fs.utimes(path, time, time);
      break;
    }
    case "delete":
      await fs.rm(path);
      break;
    case "add": {
      const added = `${dirname(file.path)}/added ${dice.whole(0, 1e9)}`;
      await fs.writeFile(join(base, added), noise(dice.whole(0, 200 * KiB), dice));
      await truth.learnSource(added, payload.finalOf(added));
      return `${change} ${added}`;
    }
    case "plant": {
      const planted = join(receiving, final);
      await fs.mkdir(dirname(planted), { recursive: true });
      await fs.rm(planted, { force: true });
      // Another size than what comes there.
      await fs.writeFile(planted, noise(file.sizeBytes % 5000 + 1, dice));
      await truth.learnPlanted(final);
      return `${change} ${final}`;
    }
  }
  await truth.learnSource(file.path, final);
  return `${change} ${file.path}`;
}

/** A file of the payload that is there and holds something. */
async function anyFile(base: string, { items }: Payload, dice: Dice): Promise<FileItem | null> {
  const files = items.filter((item) => item.kind === "file" && item.sizeBytes > 0);
  for (let tries = 0; tries < 20 && files.length > 0; tries++) {
    const file = dice.pick(files) as FileItem;
    if (await fs.stat(join(base, file.path)).then((stat) => stat.size > 0, () => false)) {
      return file;
    }
  }
  return null;
}

/** Writes to a file that may not be written to. */
async function opened(path: string, work: () => Promise<void>): Promise<void> {
  const { mode } = await fs.stat(path);
  await fs.chmod(path, mode | 0o200);
  await work();
  await fs.chmod(path, mode);
}

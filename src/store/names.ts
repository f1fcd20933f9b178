// What the file system of a root makes of names: whether it tells case and normal form apart, and whose
// rules names are held to there. Found out by looking, before a manifest is taken; what cannot be seen
// counts as told apart.

import * as fs from "node:fs";
import process from "node:process";
import { isNotCapable } from "../base/os_error.ts";
import { type NamePlatform, pathProblem } from "../base/path.ts";
import { besideOf } from "./commit.ts";
import type { Destination } from "./destination.ts";
import { type Disk, lookAt } from "./disk.ts";
import { type Door, PLATFORM } from "./door.ts";

/** What names are held to in one place. */
export interface NameRules {
  /** Two names that differ in case only are one file here. */
  readonly ignoresCase: boolean;
  /** Two names with the same NFC are one file here. Asked only where a name may have another form. */
  readonly ignoresForm: () => boolean;
  readonly platform: NamePlatform;
}

const COMPOSED = "\u00e9";
const DECOMPOSED = "e\u0301";

/** Whether a directory, in which something may be made, finds a name by another form of it. */
export function doesIgnoreForm(directory: string, disk: Disk): boolean {
  const probe = besideOf(`${directory}/`);
  try {
    disk.createEmpty(probe + COMPOSED);
    try {
      return disk.look(probe + DECOMPOSED) !== null;
    } finally {
      disk.remove(probe + COMPOSED);
    }
  } catch {
    // It holds no such name, so no two of them either.
    return false;
  }
}

/** The rules of a root on this machine. */
export function nameRules(found: Omit<NameRules, "platform">): NameRules {
  return { ...found, platform: PLATFORM };
}

/** The rules where a transfer's entries go: a file system of its own may be mounted there. */
export function namesAt(
  { directory }: Destination,
  { door, names }: { readonly door: Door; readonly names: NameRules },
): NameRules {
  if (directory === null || names.ignoresCase) return names;
  try {
    const device = door.lookFromRoot("")?.dev;
    for (let at = directory; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
      const stat = door.lookDirectory(at);
      if (stat === null) continue;
      if (stat.dev === device) return names;
      const ignoresCase = doesFoldIn(at, door);
      if (ignoresCase !== null) return { ...names, ignoresCase };
    }
  } catch {
    // Something else stands there: every entry is told that.
  }
  return names;
}

/** What a system is known for, where nothing may be made to find it out. */
export function mayIgnoreForm(): boolean {
  return process.platform === "darwin";
}

/** Whether the directory of a path finds the same thing under another spelling of its name. */
export function isFolded(
  final: string,
  { door, stat }: { readonly door: Door; readonly stat: fs.BigIntStats },
): boolean {
  const name = final.slice(final.lastIndexOf("/") + 1);
  const spellings = [
    name.toUpperCase(),
    name.toLowerCase(),
    name.normalize("NFC"),
    name.normalize("NFD"),
  ];
  return spellings.some((spelling) => {
    if (spelling === name) return false;
    const found = door.lookSpelled(final, spelling);
    return found !== null && found.dev === stat.dev && found.ino === stat.ino;
  });
}

/**
 * Whether a directory finds one of its names, or its own, spelled in the other case too. Inode numbers
 * do not tell: not every file system gives a file the same one under each spelling.
 */
export function doesIgnoreCase(directory: string): boolean {
  const names = fs.readdirSync(directory);
  const name = spelledOnce(names);
  if (name !== null) return lookAt(`${directory}/${otherCase(name)}`) !== null;
  const cut = directory.lastIndexOf("/") + 1;
  const other = otherCase(directory.slice(cut));
  const [found, stat] = [lookBeside(directory.slice(0, cut) + other), lookAt(directory)];
  if (other === directory.slice(cut) || found === null || stat === null) return false;
  return found.dev === stat.dev && found.ino === stat.ino;
}

/** Null where the runtime was given the directory itself, and nothing that is spelled otherwise. */
function lookBeside(path: string): fs.BigIntStats | null {
  try {
    return lookAt(path);
  } catch (thrown) {
    if (isNotCapable(thrown)) return null;
    throw thrown;
  }
}

/** The same of a directory below a root; null when it holds no name that tells. */
function doesFoldIn(directory: string, door: Door): boolean | null {
  const names = door.list(directory).map(({ name }) => name);
  const name = spelledOnce(names.filter((name) => pathProblem(name) === null));
  return name === null ? null : door.lookSpelled(`${directory}/${name}`, otherCase(name)) !== null;
}

/** A name with a case in it whose other case is none of the names. */
function spelledOnce(names: readonly string[]): string | null {
  const known = new Set(names);
  return names.find((name) => !known.has(otherCase(name))) ?? null;
}

function otherCase(name: string): string {
  const upper = name.toUpperCase();
  return upper === name ? name.toLowerCase() : upper;
}

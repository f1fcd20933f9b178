// Removes from the directories a transfer offered what its manifest does not name: deepest first, and
// so much at a call. What filters exclude stays, and so does `.sftpx`, whatever is no file, directory
// or link, another file system, and any name that may be one of the manifest's spelled otherwise.

import type { BigIntStats } from "node:fs";
import { SftpxError } from "../base/errors.ts";
import type { Filter } from "../base/filter.ts";
import { LIMITS } from "../base/limits.ts";
import { isReservedName, pathProblem } from "../base/path.ts";
import { escapeText, REPLACEMENT } from "../base/text.ts";
import type { OfferedSource } from "../wire/messages.ts";
import type { Destination } from "./destination.ts";
import { type Disk, specialName } from "./disk.ts";
import { isDamage, osCode, osError } from "../base/os_error.ts";
import type { Door } from "./door.ts";
import type { PrunedSome } from "./messages.ts";
import { isFolded } from "./names.ts";
import type { Opening } from "./opened_up.ts";
import type { PathList } from "./path_list.ts";
import type { WalkNotice } from "./store.ts";
import { OWNER_ALL } from "./tree.ts";

/** Names looked at in one call, so that its answer is a message of reasonable size. */
const NAMES_PER_CALL = 2048;

export interface PruneContext {
  readonly sources: readonly OfferedSource[];
  readonly destination: Destination;
  readonly door: Door;
  /** Null for a dry run. */
  readonly disk: Pick<Disk, "remove" | "removeDirectory" | "setMode"> | null;
  /** An attempt before was not finished: what it removed it may not have made durable. */
  readonly goesOn: boolean;
  /** What the manifest names. */
  readonly paths: PathList;
  readonly filter: Filter;
  /** Two names that differ in case only are one file here. */
  readonly ignoresCase: boolean;
  /** Hears of a directory before it is opened up, to be emptied. */
  readonly onOpening?: (opening: Opening) => void;
  /** Hears of directories that stay and have lost a name, by absolute path: they are to be synced. */
  readonly onLost: (directory: string) => void;
  /** The process's own clock by default. */
  readonly nowMs?: () => number;
}

/** A directory being emptied of what is extraneous. */
interface Frame {
  /** Path as it travels; empty for the destination itself. */
  readonly path: string;
  /** The same as it is spelled on disk. */
  readonly shown: string;
  /** Relative to the store's root, as on disk. */
  readonly final: string;
  /** Names still to be looked at, the next one last. */
  readonly names: string[];
  /** What was opened: between two calls another directory, or a link, may come in its place. */
  readonly device: bigint;
  readonly inode: bigint;
  /** The manifest names it, or something in it stays. */
  stays: boolean;
  /** It lost a name, or may have lost one to an attempt before. */
  hasLost: boolean;
  /** Mode to be put back if it stays; null when it was not opened up. */
  readonly closedMode: number | null;
}

export class Pruner {
  readonly #context: PruneContext;
  readonly #stack: Frame[] = [];
  /** Directories to begin with, the next one last. */
  readonly #tops: { readonly path: string; readonly final: string }[];
  #deleted: string[] = [];
  #finals: string[] = [];
  #failures: WalkNotice[] = [];

  constructor(context: PruneContext) {
    if (!context.paths.isOrdered) {
      const attempted = "Cannot remove what is extraneous";
      throw new SftpxError("protocol", `${attempted}: entries are not in order`, { remote: true });
    }
    this.#context = context;
    this.#tops = topsOf(context).reverse();
  }

  /** Goes on for a while, that others get their turn; `finals` are the paths below the root of what
   * was removed. */
  next(): PrunedSome & { readonly finals: readonly string[] } {
    const { nowMs = () => performance.now() } = this.#context;
    const endMs = nowMs() + LIMITS.storeStepMs;
    this.#deleted = [];
    this.#finals = [];
    this.#failures = [];
    let more = true;
    for (let looked = 0; more && looked < NAMES_PER_CALL; looked++) {
      more = this.#step();
      if (nowMs() >= endMs) break;
    }
    return { deleted: this.#deleted, failures: this.#failures, finals: this.#finals, more };
  }

  /** Leaves it where it is, in the middle perhaps: what was opened up is closed again. */
  leave(): void {
    for (const frame of this.#stack.splice(0).reverse()) this.#close(frame, undefined);
  }

  /** Looks at one name; false when there is none left. */
  #step(): boolean {
    const frame = this.#stack.at(-1);
    if (frame === undefined) {
      const top = this.#tops.pop();
      if (top !== undefined) this.#openTop(top);
      return top !== undefined;
    }
    const name = frame.names.pop();
    if (name !== undefined) {
      this.#visit(frame, name);
    } else {
      this.#stack.pop();
      this.#close(frame, this.#stack.at(-1));
    }
    return true;
  }

  #openTop({ path, final }: { readonly path: string; readonly final: string }): void {
    const { door, filter, paths } = this.#context;
    const stat = door.lookFromRoot(final);
    if (stat === null || !stat.isDirectory()) return;
    // A source that the manifest does not name was left out: nothing of it is extraneous.
    if (path !== "" && (!paths.has(path) || filter.excludes(path, true))) return;
    this.#open({ path, shown: path, final, stat, stays: true });
  }

  #visit(frame: Frame, name: string): void {
    const shown = below(frame.shown, name);
    try {
      if (isReservedName(name) || !this.#look(frame, name)) frame.stays = true;
    } catch (thrown) {
      // Of the state, and no other name would fare better.
      if (isDamage(thrown)) throw thrown;
      frame.stays = true;
      this.#fail(shown, osError(thrown, `remove "${escapeText(shown)}"`));
    }
  }

  /** False when the name stays. A directory is opened, and what becomes of it is seen later. */
  #look(frame: Frame, name: string): boolean {
    const { door, filter } = this.#context;
    const shown = below(frame.shown, name);
    const final = below(frame.final, name);
    const refuse = (code: WalkNotice["code"], found: string): never => {
      throw new SftpxError(code ?? "failed", `Cannot remove "${escapeText(shown)}": ${found}`);
    };
    const problem = pathProblem(final);
    // Neither the door nor the wire lets such a name pass.
    if (problem !== null) refuse("bad_name", problem);
    const stat = door.look(final);
    if (stat === null) {
      return name.includes(REPLACEMENT) ? refuse("bad_name", "it is not UTF-8") : true;
    }
    const path = below(frame.path, name);
    const isDirectory = stat.isDirectory();
    if (filter.excludes(path, isDirectory)) return false;
    const known = this.#known(path, { final, stat });
    if (known !== null) {
      if (isDirectory) this.#open({ path: known, shown, final, stat, stays: true });
      return false;
    }
    if (isDirectory) {
      if (stat.dev !== frame.device) refuse("conflict", "it is a mount point");
      this.#open({ path, shown, final, stat, stays: false });
    } else if (stat.isFile() || stat.isSymbolicLink()) {
      this.#context.disk?.remove(door.standing(final));
      this.#tell(frame, { shown, final });
    } else {
      refuse("conflict", `it is ${specialName(stat)}`);
    }
    return true;
  }

  /** The manifest's name for what stands at a path; null when it has none. */
  #known(
    path: string,
    { final, stat }: { readonly final: string; readonly stat: BigIntStats },
  ): string | null {
    const { paths, door, ignoresCase } = this.#context;
    if (paths.has(path)) return path;
    if (!ignoresCase && !isFolded(final, { door, stat })) return null;
    return paths.foldsTo(path);
  }

  #open(
    opened: Pick<Frame, "path" | "shown" | "final" | "stays"> & { readonly stat: BigIntStats },
  ): void {
    const { stat, ...frame } = opened;
    const { door, disk, goesOn: hasLost } = this.#context;
    const directory = door.standing(frame.final);
    let closedMode: number | null = null;
    if (!frame.stays && disk !== null && (Number(stat.mode) & OWNER_ALL) !== OWNER_ALL) {
      closedMode = Number(stat.mode & 0o7777n);
      this.#context.onOpening?.({ final: frame.final, stat });
      disk.setMode(directory, closedMode | OWNER_ALL);
    }
    try {
      const names = door.list(frame.final).map(({ name }) => name).sort().reverse();
      const { dev: device, ino: inode } = stat;
      this.#stack.push({ ...frame, names, device, inode, hasLost, closedMode });
    } catch (thrown) {
      if (closedMode !== null) disk?.setMode(directory, closedMode);
      throw thrown;
    }
  }

  /** A directory is through: it goes if nothing in it stays. */
  #close(frame: Frame, above: Frame | undefined): void {
    const { door, disk, onLost } = this.#context;
    if (!this.#isThere(frame)) {
      // Neither to be removed nor to be given a mode: it is not what was looked through.
      if (above !== undefined) above.stays = true;
      return;
    }
    if (!frame.stays && above !== undefined) {
      try {
        disk?.removeDirectory(door.standing(frame.final));
        this.#tell(above, { shown: `${frame.shown}/`, final: frame.final });
        return;
      } catch (thrown) {
        if (isDamage(thrown)) throw thrown;
        this.#fail(frame.shown, directoryError(frame.shown, thrown));
      }
    }
    if (above !== undefined) above.stays = true;
    if (disk === null) return;
    try {
      const directory = door.standing(frame.final);
      if (frame.closedMode !== null) disk.setMode(directory, frame.closedMode);
      if (frame.hasLost) onLost(directory);
    } catch (thrown) {
      this.#fail(frame.shown, osError(thrown, `close "${escapeText(frame.shown)}"`));
    }
  }

  /** Whether a directory is still the one that was opened; a failure when another thing stands there. */
  #isThere({ shown, final, device, inode }: Frame): boolean {
    try {
      const stat = this.#context.door.lookFromRoot(final);
      if (stat !== null && stat.dev === device && stat.ino === inode) return true;
      if (stat === null) return false;
      const found = "something else came in its place";
      this.#fail(
        shown,
        new SftpxError("conflict", `Cannot close "${escapeText(shown)}": ${found}`),
      );
    } catch (thrown) {
      this.#fail(shown, osError(thrown, `close "${escapeText(shown)}"`));
    }
    return false;
  }

  #tell(frame: Frame, { shown, final }: { readonly shown: string; readonly final: string }): void {
    frame.hasLost = true;
    this.#deleted.push(shown);
    this.#finals.push(final);
  }

  #fail(path: string, { code, message }: SftpxError): void {
    this.#failures.push({ path, code, message });
  }
}

/** Directories to look through: the destination itself for contents, else the sources' own. */
function topsOf({ sources, destination }: PruneContext) {
  const contents = sources.find((source) => source.contents && source.kind === "directory");
  if (contents !== undefined) return [{ path: "", final: destination.top(contents) }];
  return sources.filter((source) => source.kind === "directory").map((source) => ({
    path: source.name,
    final: destination.top(source),
  }));
}

function directoryError(shown: string, thrown: unknown): SftpxError {
  const attempted = `remove "${escapeText(shown)}"`;
  if (!["ENOTEMPTY", "EEXIST"].includes(osCode(thrown))) return osError(thrown, attempted);
  return new SftpxError("conflict", `Cannot ${attempted}: something came into it meanwhile`, {
    cause: thrown,
  });
}

function below(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

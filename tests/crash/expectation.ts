// What may stand under the names of a root while a tree is received: what stood there before, and what
// is new from the moment on at which the store was asked to put it there; nothing else (I1). Once
// `finish` has answered, what is new stands there for good.

import { equalBytes } from "../../src/base/bytes.ts";
import type { CrashState } from "./crash_state.ts";
import type { RecordingDisk } from "./recording_disk.ts";
import type { Witness } from "./receiving.ts";
import type { Tree } from "./tree.ts";

/** What stands at a path; null for nothing. */
type Standing =
  | { readonly kind: "file"; readonly bytes: Uint8Array }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "directory" }
  | null;

interface Version {
  /** How much had happened when it could first appear. */
  readonly since: number;
  readonly standing: Standing;
}

/** A state or part beside its target: reserved names, never seen by anyone. */
const RESERVED = /(^|\/)\.sftpx(-[^/]*)?(\/|$)/;

export class Expectation {
  readonly #root: string;
  readonly #versions = new Map<string, Version[]>();
  readonly #disk: RecordingDisk;

  /** `root` is the root's path below the top of what is recorded; its contents now are the old ones. */
  constructor(disk: RecordingDisk, root: string) {
    this.#disk = disk;
    this.#root = root;
    const { names } = disk.history;
    const read = (directory: number, above: string) => {
      for (const [name, node] of names.get(directory) ?? []) {
        const path = above === "" ? name : `${above}/${name}`;
        if (RESERVED.test(path)) continue;
        this.#add(path, this.#standing(node), 0);
        read(node, path);
      }
    };
    const top = names.get(0)?.get(root);
    if (top !== undefined) read(top, "");
  }

  /** A path that is the user's own and was never synced: until it is committed, anything may be there. */
  tolerate(path: string): void {
    this.#add(path, null);
    this.#add(path, ANY);
  }

  /** Hears what a tree being received may put in place. */
  witness(tree: Tree): Witness {
    const finals = tree.entries.map(({ path }) => path);
    return {
      placing: () => {
        for (const entry of tree.entries) {
          if (entry.kind === "directory") this.#add(entry.path, { kind: "directory" });
        }
      },
      committing: (path, bytes) => this.#add(path, { kind: "file", bytes }),
      pruning: () => {
        for (const path of this.#versions.keys()) {
          if (path.startsWith("d/") && !finals.includes(path)) this.#add(path, null);
        }
      },
      finishing: () => {
        for (const { path, kind, target = "" } of tree.entries) {
          if (kind === "link") this.#add(path, { kind: "link", target });
        }
      },
      finished: () => this.#settle(tree),
    };
  }

  /** What a crash left that it must not have; null when all is well. */
  problem(state: CrashState): string | null {
    const seen = new Set<string>();
    for (const [absolute, node] of state.paths()) {
      if (!absolute.startsWith(`${this.#root}/`)) continue;
      const path = absolute.slice(this.#root.length + 1);
      if (RESERVED.test(path)) continue;
      seen.add(path);
      const { kind, target } = state.moment.history.node(node);
      const isAllowed = this.#at(path, state.moment.at).some((standing) => {
        if (standing === ANY) return true;
        if (standing === null || standing.kind !== kind) return false;
        if (standing.kind === "link") return standing.target === target;
        return standing.kind === "directory" ||
          equalBytes(standing.bytes, state.contentsOf(node).bytes);
      });
      if (!isAllowed) return `I1: "${path}" is neither what it was nor what was sent`;
    }
    for (const path of this.#versions.keys()) {
      if (seen.has(path)) continue;
      if (!this.#at(path, state.moment.at).includes(null)) return `I1: "${path}" is gone`;
    }
    return null;
  }

  #add(path: string, standing: Standing, since = this.#disk.history.length): void {
    const versions = this.#versions.get(path) ?? [];
    // What was not there at the start was nothing.
    if (versions.length === 0 && since > 0) versions.push({ since: 0, standing: null });
    versions.push({ since, standing });
    this.#versions.set(path, versions);
  }

  /** From now on each path is what it last became: a crash takes none of it back. */
  #settle(tree: Tree): void {
    for (const { path, kind, target = "" } of tree.entries) {
      const bytes = tree.contents.get(path);
      if (kind === "directory") this.#final(path, { kind });
      else if (kind === "link") this.#final(path, { kind, target });
      else if (bytes !== undefined) this.#final(path, { kind: "file", bytes });
    }
    for (const [path, versions] of this.#versions) {
      if (versions.at(-1)?.standing === null) this.#final(path, null);
    }
  }

  #final(path: string, standing: Standing): void {
    const since = this.#disk.history.length;
    const versions = this.#versions.get(path) ?? [];
    this.#versions.set(path, [
      ...versions,
      { since, standing: FINAL },
      { since, standing },
    ]);
  }

  #at(path: string, at: number): Standing[] {
    const versions = (this.#versions.get(path) ?? [{ since: 0, standing: null }])
      .filter(({ since }) => since <= at);
    const settled = versions.findLastIndex(({ standing }) => standing === FINAL);
    return versions.slice(settled + 1).map(({ standing }) => standing);
  }

  #standing(node: number): Standing {
    const { kind, target } = this.#disk.history.node(node);
    if (kind === "directory") return { kind };
    if (kind === "link") return { kind, target: target ?? "" };
    return { kind, bytes: this.#disk.history.contents.get(node)?.bytes ?? new Uint8Array(0) };
  }
}

/** Whatever a crash made of it. */
const ANY: Standing = { kind: "link", target: "\0any" };
/** Marks where everything before was settled. */
const FINAL: Standing = { kind: "link", target: "\0" };

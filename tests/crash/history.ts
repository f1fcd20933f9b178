// What happened to a file system, in order: changes to names, changes to files, and what was synced
// when. The store's SQLite is one more thing in it, as the bytes of its files. Knows of no store.

import { Buffer } from "node:buffer";

/** A file, directory or link, whatever names it has. */
export interface Node {
  readonly id: number;
  readonly kind: "file" | "directory" | "link";
  /** Where a link leads. */
  readonly target: string | null;
  /** Where it was made, below the top. */
  readonly path: string;
  /** What `lstat` calls it where it was recorded: by that the store's stamps know it. */
  readonly inode: bigint;
}

export interface Name {
  readonly directory: number;
  readonly name: string;
}

/** A change to names; all of it happens or nothing. */
export type NameChange =
  | { readonly kind: "add"; readonly at: Name; readonly node: number }
  | { readonly kind: "drop"; readonly at: Name; readonly node: number }
  | { readonly kind: "move"; readonly at: Name; readonly to: Name };

/** A change to one node. */
export type DataChange =
  | { readonly kind: "write"; readonly atBytes: number; readonly bytes: Uint8Array }
  | { readonly kind: "size"; readonly sizeBytes: number }
  | { readonly kind: "attributes"; readonly mode: number | null; readonly mtimeNs: bigint | null };

/** The files of the database at one moment; null for one that is not there. */
export interface DatabaseFiles {
  /** The directory they lie in. */
  readonly home: number | null;
  readonly main: Uint8Array | null;
  readonly log: Uint8Array | null;
}

export type Event =
  | { readonly kind: "names"; readonly change: NameChange }
  | { readonly kind: "data"; readonly node: number; readonly change: DataChange }
  /** A node's contents; attributes only as `fsync` does it. For a directory: its names. */
  | { readonly kind: "sync"; readonly node: number; readonly attributes: boolean }
  | { readonly kind: "database"; readonly files: DatabaseFiles; readonly isDurable: boolean };

/** A file's contents with its attributes. */
export interface Contents {
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

export const NO_DATABASE: DatabaseFiles = { home: null, main: null, log: null };

/** Everything from a start that is durable as a whole. */
export class History {
  readonly nodes: Node[] = [];
  readonly events: Event[] = [];
  /** Names of the start, by directory. */
  readonly names = new Map<number, Map<string, number>>();
  /** Contents of the start, by node. */
  readonly contents = new Map<number, Contents>();
  database: DatabaseFiles = NO_DATABASE;

  addNode(node: Omit<Node, "id">): number {
    const id = this.nodes.length;
    this.nodes.push({ ...node, id });
    return id;
  }

  node(id: number): Node {
    const node = this.nodes[id];
    if (node === undefined) throw new RangeError(`Cannot find node ${id}: there is none`);
    return node;
  }

  /** How much has happened. */
  get length(): number {
    return this.events.length;
  }
}

/** Directories whose sync makes a change durable. */
export function touchedBy(change: NameChange): readonly number[] {
  if (change.kind !== "move") return [change.at.directory];
  const { at, to } = change;
  return at.directory === to.directory ? [at.directory] : [at.directory, to.directory];
}

/** Makes a change to names, by directory. */
export function applyNames(names: Map<number, Map<string, number>>, change: NameChange): void {
  const from = namesIn(names, change.at.directory);
  switch (change.kind) {
    case "add":
      from.set(change.at.name, change.node);
      return;
    case "drop":
      from.delete(change.at.name);
      return;
    case "move": {
      const node = from.get(change.at.name);
      // A file with two names that is moved from one to the other stays as it is.
      if (node === undefined) return;
      from.delete(change.at.name);
      namesIn(names, change.to.directory).set(change.to.name, node);
      return;
    }
  }
}

export function namesIn(
  names: Map<number, Map<string, number>>,
  directory: number,
): Map<string, number> {
  let found = names.get(directory);
  if (found === undefined) names.set(directory, found = new Map());
  return found;
}

export function isSameFile(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return Buffer.compare(a, b) === 0;
}

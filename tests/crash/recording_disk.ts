// A disk that does what it is told and writes down what it did, for one directory and all below it. The
// chunk workers' writes go through it as well; the database is looked at before every step. On demand
// it leaves an order out that the store relies on: then a crash must show it.

import * as fs from "node:fs";
import { join, relative } from "node:path";
import {
  DISK,
  type Disk,
  type Finish,
  type MakeDirectory,
  type WholeSync,
} from "../../src/store/disk.ts";
import { type Ground, landChunk, type LandedChunk, readOrNull, seenAt } from "./landing.ts";
import {
  applyNames,
  type DatabaseFiles,
  type DataChange,
  type Event,
  History,
  isSameFile,
  type Name,
  type NameChange,
  namesIn,
  NO_DATABASE,
} from "./history.ts";

/** An order that is not kept. */
export type Sabotage =
  | "files are not synced"
  | "directories are not synced"
  | "what is finished is not synced"
  | "what is finished is synced after its rename"
  | "rows are written before the syncs"
  | "what is forgotten is not synced";

export interface RecordingOptions {
  readonly sabotage?: Sabotage | null;
  /** Runs before a change, and may throw in its stead. */
  readonly before?: (operation: keyof Disk, path: string, from?: string) => void;
  /** Small files are synced together, and directories in the end, however few they are. */
  readonly together?: boolean;
}

/** Part of a state that is SQLite's or its locks', and no business of the recorder. */
const FOREIGN = /(^|\/)\.sftpx\/(state\.db|lock)[^/]*(\/|$)/;

export class RecordingDisk implements Disk, Ground {
  readonly history = new History();
  readonly disk: Disk = this;
  readonly #base: string;
  readonly #state: string;
  readonly #options: RecordingOptions;
  /** Names as they are now, by directory. */
  readonly #names = new Map<number, Map<string, number>>();
  readonly #held: Event[] = [];
  #database: DatabaseFiles;

  /** Everything in `base` counts as durable; `root` below it is the store's. */
  constructor(base: string, { root, ...options }: RecordingOptions & { readonly root: string }) {
    this.#base = base;
    this.#state = join(root, ".sftpx");
    this.#options = options;
    const { mode, ino: inode } = fs.lstatSync(base, { bigint: true });
    const top = this.history.addNode({ kind: "directory", target: null, path: "", inode });
    this.history.contents.set(top, { bytes: new Uint8Array(0), mode: Number(mode), mtimeNs: 0n });
    this.#load(base, top);
    for (const [directory, names] of this.history.names) {
      this.#names.set(directory, new Map(names));
    }
    this.#database = this.history.database = this.#databaseFiles();
  }

  /** The order that is left out; the database's is for its owner to leave out. */
  get sabotage(): Sabotage | null {
    return this.#options.sabotage ?? null;
  }

  look = DISK.look;
  list = DISK.list;
  readLink = DISK.readLink;

  syncFile(path: string): void {
    this.#begin("syncFile", path);
    DISK.syncFile(path);
    this.#synced(path, false);
  }

  /** Names too: directories that lie on its device are left to it in the end. */
  holdWhole(directory: string): WholeSync | null {
    if (this.#options.together !== true) return null;
    return {
      fewest: 1,
      namesOn: DISK.look(directory)?.dev ?? null,
      sync: () => {
        this.#begin("holdWhole", directory);
        const isSkipped = this.#options.sabotage === "directories are not synced";
        for (const [node, { kind }] of this.history.nodes.entries()) {
          if (kind === "file") this.#syncedNode(node, false);
          else if (kind === "directory" && !isSkipped) this.#syncedNode(node, true);
        }
      },
      [Symbol.dispose]: () => {},
    };
  }

  syncDirectory(path: string): void {
    this.#begin("syncDirectory", path);
    DISK.syncDirectory(path);
    if (this.#options.sabotage !== "directories are not synced") this.#synced(path, false);
  }

  finish(path: string, finish: Finish): boolean {
    this.#begin("finish", path);
    const isDone = DISK.finish(path, finish);
    if (!isDone) return false;
    this.#data(path, { kind: "attributes", mode: finish.mode, mtimeNs: finish.mtimeNs });
    const isDirectory = this.history.node(this.#nodeAt(path)).kind === "directory";
    const { sabotage } = this.#options;
    const isSkipped = isDirectory
      ? sabotage === "directories are not synced"
      : sabotage === "what is finished is not synced";
    if (finish.sync && !isSkipped) this.#synced(path, true);
    return true;
  }

  createEmpty(path: string): void {
    this.#begin("createEmpty", path);
    DISK.createEmpty(path);
    this.#made(path);
  }

  write(path: string, bytes: Uint8Array): void {
    this.#begin("write", path);
    DISK.write(path, bytes);
    this.#made(path);
    this.#data(path, { kind: "write", atBytes: 0, bytes: bytes.slice() });
  }

  append(path: string, bytes: Uint8Array): void {
    this.#begin("append", path);
    const atBytes = fs.lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
    DISK.append(path, bytes);
    if (this.#find(path) === null) this.#made(path);
    this.#data(path, { kind: "write", atBytes, bytes: bytes.slice() });
  }

  resize(path: string, sizeBytes: number): void {
    this.#begin("resize", path);
    DISK.resize(path, sizeBytes);
    this.#data(path, { kind: "size", sizeBytes });
  }

  probe(path: string, mode?: number): fs.BigIntStats {
    this.#begin("probe", path);
    return DISK.probe(path, mode);
  }

  copy(from: string, to: string): void {
    this.#begin("copy", to);
    DISK.copy(from, to);
    this.#made(to);
    this.#data(to, { kind: "write", atBytes: 0, bytes: new Uint8Array(fs.readFileSync(to)) });
  }

  rename(from: string, to: string): void {
    this.#begin("rename", to, from);
    DISK.rename(from, to);
    this.#change({ kind: "move", at: this.#nameOf(from), to: this.#nameOf(to) });
    if (this.#options.sabotage === "what is finished is synced after its rename") this.#release();
  }

  link(from: string, to: string): void {
    this.#begin("link", to, from);
    DISK.link(from, to);
    this.#change({ kind: "add", at: this.#nameOf(to), node: this.#nodeAt(from) });
    if (this.#options.sabotage === "what is finished is synced after its rename") this.#release();
  }

  symlink(target: string, path: string): void {
    this.#begin("symlink", path);
    DISK.symlink(target, path);
    this.#made(path);
  }

  makeDirectory(path: string, options: MakeDirectory = {}): void {
    this.#begin("makeDirectory", path);
    DISK.makeDirectory(path, options);
    this.#made(path);
  }

  setMode(path: string, mode: number): void {
    this.#begin("setMode", path);
    DISK.setMode(path, mode);
    this.#data(path, { kind: "attributes", mode, mtimeNs: null });
  }

  setTime(path: string, mtimeNs: bigint): void {
    this.#begin("setTime", path);
    DISK.setTime(path, mtimeNs);
    this.#data(path, { kind: "attributes", mode: null, mtimeNs });
  }

  remove(path: string): void {
    this.#begin("remove", path);
    DISK.remove(path);
    const node = this.#find(path);
    if (node !== null) this.#change({ kind: "drop", at: this.#nameOf(path), node });
  }

  removeDirectory(path: string): void {
    this.#begin("removeDirectory", path);
    DISK.removeDirectory(path);
    const node = this.#find(path);
    if (node !== null) this.#change({ kind: "drop", at: this.#nameOf(path), node });
  }

  removeTree(path: string): void {
    this.#begin("removeTree", path);
    DISK.removeTree(path);
    if (this.#find(path) !== null) this.#dropTree(this.#nameOf(path), this.#nodeAt(path));
  }

  land(path: string, chunk: LandedChunk): void {
    this.observe();
    const isNew = this.#find(path) === null;
    const isResized = landChunk(path, chunk);
    if (isNew) this.#made(path);
    const { atBytes, bytes, fileBytes, sync } = chunk;
    if (isResized) this.#data(path, { kind: "size", sizeBytes: fileBytes });
    this.#data(path, { kind: "write", atBytes, bytes: bytes.slice() });
    if (sync) this.#synced(path, false);
  }

  /** Looks at the database; `isDurable` says that all it holds was synced. */
  observe(isDurable = false): void {
    const files = this.#databaseFiles();
    const isChanged = files.home !== this.#database.home ||
      !isSameFile(files.main, this.#database.main) ||
      !isSameFile(files.log, this.#database.log);
    if (!isChanged && !isDurable) return;
    this.#database = files;
    this.history.events.push({ kind: "database", files, isDurable });
    if (this.#options.sabotage === "rows are written before the syncs") this.#release();
  }

  /** The node under a path; null for none that is known. */
  nodeAt(path: string): number | null {
    return this.#find(path);
  }

  #begin(operation: keyof Disk, path: string, from?: string): void {
    this.observe();
    this.#options.before?.(operation, path, from);
  }

  #synced(path: string, attributes: boolean): void {
    this.#syncedNode(this.#nodeAt(path), attributes);
  }

  #syncedNode(node: number, attributes: boolean): void {
    const event: Event = { kind: "sync", node, attributes };
    const isFile = this.history.node(node).kind === "file";
    switch (this.#options.sabotage) {
      case "files are not synced":
        if (!isFile) this.history.events.push(event);
        return;
      case "rows are written before the syncs":
        this.#held.push(event);
        return;
      case "what is finished is synced after its rename":
        if (attributes && isFile) this.#held.push(event);
        else this.history.events.push(event);
        return;
      default:
        this.history.events.push(event);
    }
  }

  #release(): void {
    this.history.events.push(...this.#held.splice(0));
  }

  #data(path: string, change: DataChange): void {
    this.history.events.push({ kind: "data", node: this.#nodeAt(path), change });
  }

  #change(change: NameChange): void {
    applyNames(this.#names, change);
    this.history.events.push({ kind: "names", change });
  }

  #dropTree(at: Name, node: number): void {
    for (const [name, below] of [...this.#names.get(node) ?? []]) {
      this.#dropTree({ directory: node, name }, below);
    }
    this.#change({ kind: "drop", at, node });
  }

  /** Something was made under a path, and perhaps the directories above it. */
  #made(path: string): void {
    const parts = this.#parts(path);
    for (let i = 1; i <= parts.length; i++) {
      const above = join(this.#base, ...parts.slice(0, i));
      if (this.#find(above) === null) this.#change(this.#added(above));
    }
  }

  #added(path: string): NameChange {
    return { kind: "add", at: this.#nameOf(path), node: this.#newNode(path) };
  }

  #newNode(path: string): number {
    const { kind, target, inode, mode } = seenAt(path);
    const below = relative(this.#base, path);
    const node = this.history.addNode({ kind, target, path: below, inode });
    this.history.contents.set(node, { bytes: new Uint8Array(0), mode, mtimeNs: 0n });
    return node;
  }

  #nameOf(path: string): Name {
    const parts = this.#parts(path);
    const above = join(this.#base, ...parts.slice(0, -1));
    // What was made past this disk, such as the state's own directory.
    if (this.#find(above) === null) this.#made(above);
    return { directory: this.#nodeAt(above), name: parts.at(-1) ?? "" };
  }

  #nodeAt(path: string): number {
    let found = this.#find(path);
    if (found === null) {
      this.#made(path);
      found = this.#find(path);
    }
    if (found === null) throw new Error(`Cannot record a change to ${path}: it is not known`);
    return found;
  }

  #find(path: string): number | null {
    let node = 0;
    for (const name of this.#parts(path)) {
      const below = this.#names.get(node)?.get(name);
      if (below === undefined) return null;
      node = below;
    }
    return node;
  }

  #parts(path: string): string[] {
    const below = relative(this.#base, path);
    if (below.startsWith("..")) throw new Error(`Cannot record a change to ${path}: it is outside`);
    return below === "" ? [] : below.split("/");
  }

  #load(directory: string, node: number): void {
    const names = namesIn(this.history.names, node);
    for (const name of fs.readdirSync(directory).sort()) {
      const path = join(directory, name);
      if (FOREIGN.test(path)) continue;
      const { kind, target, inode, mode, mtimeNs } = seenAt(path);
      const known = this.history.nodes.find((other) => other.inode === inode)?.id;
      const below = known ?? this.history.addNode({
        kind,
        target,
        path: relative(this.#base, path),
        inode,
      });
      const bytes = kind === "file" ? new Uint8Array(fs.readFileSync(path)) : new Uint8Array(0);
      this.history.contents.set(below, { bytes, mode, mtimeNs });
      names.set(name, below);
      if (kind === "directory") this.#load(path, below);
    }
  }

  #databaseFiles(): DatabaseFiles {
    const path = join(this.#state, "state.db");
    const main = readOrNull(path);
    if (main === null) return NO_DATABASE;
    return { home: this.#nodeAt(this.#state), main, log: readOrNull(`${path}-wal`) };
  }
}

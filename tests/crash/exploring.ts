// Plays a story with the real store on a recording disk, and looks at what crashes would leave of it:
// every choice in memory, and some put on a disk, where the real store opens what is left and receives
// the tree to its end, at times to crash once more on the way.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { toHex } from "../../src/base/bytes.ts";
import { DiskStore } from "../../src/store/disk_store.ts";
import { DISK, hasModeAndTime, lookAt } from "../../src/store/disk.ts";
import { Journal } from "../../src/store/journal.ts";
import { Random } from "../simulation/clock.ts";
import { choiceByChance, choicesOf } from "./choices.ts";
import { ClaimReader, type Claims, lieOf } from "./claims.ts";
import { CrashState, Moment } from "./crash_state.ts";
import { Expectation } from "./expectation.ts";
import { materialise, treeAt } from "./materialise.ts";
import { receiveTree, type ReceivingOptions } from "./receiving.ts";
import { type Ground, landChunk } from "./landing.ts";
import { RecordingDisk, type RecordingOptions } from "./recording_disk.ts";
import type { Tree } from "./tree.ts";

/** More of everything: `SFTPX_CRASH=10` looks at about ten times as many crashes. */
const SCALE = Number(process.env["SFTPX_CRASH"] ?? 1);
const ROOT = "root";

/** What is done before the crash. */
export interface Story {
  readonly seed: number;
  /** Makes what stands in the root before; the root itself is there only if this is given. */
  readonly before?: (root: string) => void;
  /** Files below the root that their user wrote and never synced. */
  readonly unsynced?: Readonly<Record<string, Uint8Array>>;
  /** The links of this tree stand there, as an attempt leaves them that is killed before it syncs. */
  readonly unsyncedLinks?: Tree;
  /** Trees received one after the other; all but the last break off, after so many chunks or at the end. */
  readonly attempts: readonly {
    readonly tree: Tree;
    readonly chunks?: number;
    readonly isUnfinished?: boolean;
  }[];
  /** Received after the crash; the last attempt's by default. */
  readonly after?: Tree;
  readonly recording?: RecordingOptions;
  /** Something throws on purpose: an attempt that fails is as good as one that breaks off. */
  readonly mayFail?: boolean;
  /** `.sftpx` stays. */
  readonly keep?: boolean;
}

export interface Exploration {
  /** States looked at in memory, and received to the end by the real store. */
  readonly states: number;
  readonly recovered: number;
}

interface Played {
  readonly disk: RecordingDisk;
  readonly expectation: Expectation;
}

/** Throws at the first crash that leaves what must not be. */
export function explore(story: Story, { recoveries = 60, most = 60 } = {}): Exploration {
  const scratch = fs.realpathSync(fs.mkdtempSync(join(memoryDirectory(), "sftpx-crash-")));
  try {
    const world = join(scratch, "world");
    fs.mkdirSync(world);
    const played = play(story, world);
    const explorer = new Explorer(story, played, scratch);
    const states = explorer.lookAtAll(most * SCALE);
    return { states, recovered: explorer.recoverSome(Math.ceil(recoveries * SCALE)) };
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** The first crash that leaves what must not be, by memory alone; null when there is none. */
export function findProblem(story: Story): string | null {
  try {
    explore(story, { recoveries: 0, most: Infinity });
    return null;
  } catch (thrown) {
    if (thrown instanceof CrashProblem) return thrown.message;
    throw thrown;
  }
}

class CrashProblem extends Error {}

class Explorer {
  readonly #story: Story;
  readonly #played: Played;
  readonly #scratch: string;
  readonly #claims: ClaimReader;
  readonly #moments: readonly Moment[];

  constructor(story: Story, played: Played, scratch: string) {
    this.#story = story;
    this.#played = played;
    this.#scratch = scratch;
    this.#claims = new ClaimReader(scratch, lastOf(story));
    this.#moments = Moment.all(played.disk.history);
  }

  /** At so many states of each moment, or all if there are no more. */
  lookAtAll(most: number): number {
    const random = new Random(this.#story.seed);
    const sampling = { random, names: 2, contents: 1, databases: 1, most };
    let states = 0;
    for (const moment of this.#moments) {
      for (const choice of choicesOf(moment, sampling)) {
        this.#look(new CrashState(moment, choice), this.#played.expectation);
        states++;
      }
    }
    return states;
  }

  recoverSome(count: number): number {
    const random = new Random(this.#story.seed + 1);
    for (let i = 0; i < count; i++) {
      const moment = random.pick(this.#moments);
      const state = new CrashState(moment, choiceByChance(moment, random));
      this.#look(state, this.#played.expectation);
      this.#recover(state, random);
    }
    return count;
  }

  #look(state: CrashState, expectation: Expectation): void {
    const problem = lieOf(state, this.#claimsOf(state), ROOT) ??
      expectation.problem(state);
    if (problem !== null) throw new CrashProblem(`${problem} (${nameOf(state)})`);
  }

  #claimsOf(state: CrashState): Claims {
    return this.#claims.read(state.databaseIn(state.find(`${ROOT}/.sftpx`)));
  }

  #recover(state: CrashState, random: Random, depth = 0): void {
    const world = join(this.#scratch, `again-${depth}`);
    fs.mkdirSync(world);
    try {
      const claims = this.#claimsOf(state);
      const { key } = lastOf(this.#story).transfer;
      materialise(state, world, { root: ROOT, claims, key });
      const seed = random.below(1 << 30);
      const isRecorded = depth === 0 && random.chance(0.3);
      if (!isRecorded) return this.#finish(world, seed);
      const again = this.#finishRecorded(world, seed);
      const moments = Moment.all(again.disk.history);
      for (let i = 0; i < 3; i++) {
        const moment = random.pick(moments);
        const next = new CrashState(moment, choiceByChance(moment, random));
        this.#look(next, again.expectation);
        this.#recover(next, random, depth + 1);
      }
    } catch (thrown) {
      if (thrown instanceof Error) thrown.message += ` (${nameOf(state)})`;
      throw thrown;
    } finally {
      fs.rmSync(world, { recursive: true, force: true });
    }
  }

  #finishRecorded(world: string, seed: number): Played {
    const disk = new RecordingDisk(world, { root: join(world, ROOT) });
    const expectation = new Expectation(disk, ROOT);
    this.#finish(world, seed, { disk, expectation });
    return { disk, expectation };
  }

  #finish(world: string, seed: number, played: Played | null = null): void {
    const tree = lastOf(this.#story);
    const root = join(world, ROOT);
    const wanted = this.#wanted(root, tree);
    const ground = played?.disk ?? { disk: DISK, land: landOnly };
    const witness = played?.expectation.witness(tree) ?? {};
    withStoreOn(root, { ground, keep: false }, (store) => {
      receiveTree(store, tree, { ground, random: new Random(seed), witness });
    });
    assert.deepEqual(treeAt(root), wanted, "the tree is what was sent");
    for (const { path, kind, mode, mtimeNs } of tree.entries) {
      const stat = kind === "file" ? lookAt(join(root, path)) : null;
      if (stat !== null) {
        assert.ok(hasModeAndTime(stat, { mode, mtimeNs }), `"${path}" is finished`);
      }
    }
    assert.equal(fs.existsSync(join(root, ".sftpx")), false, "no state is left behind");
  }

  /** What is to stand there in the end. */
  #wanted(root: string, tree: Tree): Map<string, string> {
    const wanted = fs.existsSync(root) ? treeAt(root) : new Map<string, string>();
    for (const path of tree.prunes ? [...wanted.keys()] : []) {
      if (path.startsWith("d/")) wanted.delete(path);
    }
    for (const { path, kind, target } of tree.entries) {
      const bytes = tree.contents.get(path);
      if (kind === "directory") wanted.set(path, "directory");
      else if (kind === "link") wanted.set(path, `-> ${target}`);
      else wanted.set(path, toHex(bytes ?? new Uint8Array(0)));
    }
    return new Map([...wanted].sort(byPath));
  }
}

function play(story: Story, world: string): Played {
  const root = join(world, ROOT);
  if (story.before !== undefined) {
    fs.mkdirSync(root);
    story.before(root);
  }
  const disk = new RecordingDisk(world, { root, ...story.recording });
  const expectation = new Expectation(disk, ROOT);
  for (const [path, bytes] of Object.entries(story.unsynced ?? {})) {
    expectation.tolerate(path);
    disk.land(join(root, path), { atBytes: 0, bytes, fileBytes: bytes.byteLength, sync: false });
  }
  for (const { kind, path, target = "", mtimeNs } of story.unsyncedLinks?.entries ?? []) {
    if (kind !== "link") continue;
    expectation.tolerate(path);
    disk.symlink(target, join(root, path));
    disk.setTime(join(root, path), mtimeNs);
  }
  const random = new Random(story.seed);
  const { keep = false } = story;
  for (const { tree, ...breaksOff } of story.attempts) {
    const witness = expectation.witness(tree);
    const options: ReceivingOptions = { ground: disk, random, witness, ...breaksOff };
    try {
      withStoreOn(root, { ground: disk, keep }, (store) => {
        receiveTree(store, tree, options);
      });
    } catch (thrown) {
      if (!story.mayFail) throw thrown;
    }
  }
  disk.observe();
  return { disk, expectation };
}

/** A store that lets a recording disk see its database after each call and each durable transaction. */
function withStoreOn(
  root: string,
  { ground, keep }: { readonly ground: Ground; readonly keep: boolean },
  body: (store: DiskStore) => void,
): void {
  const watcher = ground instanceof RecordingDisk ? ground : null;
  const { durably, irrevocably } = Journal.prototype;
  Journal.prototype.durably = function <T>(inside: () => T): T {
    const result = durably.call(this, inside) as T;
    watcher?.observe(true);
    return result;
  };
  Journal.prototype.irrevocably = function (inside: () => void) {
    if (watcher?.sabotage === "what is forgotten is not synced") return this.transaction(inside);
    irrevocably.call(this, inside);
    watcher?.observe(true);
  };
  try {
    const store = new DiskStore({ root, keep, disk: ground.disk });
    try {
      body(watcher === null ? store : watched(store, watcher));
    } finally {
      watcher?.observe();
      store.close();
      watcher?.observe();
    }
  } finally {
    Object.assign(Journal.prototype, { durably, irrevocably });
  }
}

function watched(store: DiskStore, watcher: RecordingDisk): DiskStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        try {
          return value.apply(target, args);
        } finally {
          watcher.observe();
        }
      };
    },
  });
}

function landOnly(...args: Parameters<Ground["land"]>): void {
  landChunk(...args);
}

function lastOf(story: Story): Tree {
  const tree = story.after ?? story.attempts.at(-1)?.tree;
  if (tree === undefined) throw new TypeError("Cannot play a story: nothing is received in it");
  return tree;
}

function nameOf({ moment: { at, changes }, appliedNames }: CrashState): string {
  return `after ${at} events, ${appliedNames.size} of ${changes.length} names`;
}

function byPath([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

/** Memory, where there is a file system in it: nothing here needs a real disk. */
function memoryDirectory(): string {
  return fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
}

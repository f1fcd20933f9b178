import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { Random } from "../simulation/clock.ts";
import { explore, type Story } from "./exploring.ts";
import { changedTree, CHUNK_BYTES, resizedTree, type Tree, treeOf } from "./tree.ts";

/** Two large files, small ones, an empty one, a link, directories. */
const SIZES = {
  "d/": 0,
  "d/a": 100,
  "d/big": 3 * CHUNK_BYTES + 500,
  "d/e": 0,
  "d/in/": 0,
  "d/in/large": 2 * CHUNK_BYTES,
  "d/in/small": 4097,
  "d/l->a": 0,
};
const TREE = treeOf(SIZES, new Random(1));
/** A directory with nothing but links in it: no file has it synced. */
const LINKS = treeOf({ ...SIZES, "d/links/": 0, "d/links/l->a": 0 }, new Random(8));
/** Directories with nothing but directories in them, and one with nothing at all. */
const NESTED = treeOf(
  { ...SIZES, "d/of/": 0, "d/of/them/": 0, "d/of/them/f": 50, "d/void/": 0 },
  new Random(9),
);
const CHANGED = changedTree(TREE, new Random(2));
const RESIZED = resizedTree(TREE, new Random(4));

/** Other versions of some of it, and what no transfer names. */
function makeOld(root: string): void {
  fs.mkdirSync(join(root, "d/more"), { recursive: true });
  fs.writeFileSync(join(root, "mine"), "the user's");
  fs.writeFileSync(join(root, "d/a"), "what was here");
  fs.writeFileSync(join(root, "d/big"), new Uint8Array(4 * CHUNK_BYTES).fill(3));
  fs.symlinkSync("more", join(root, "d/l"));
  fs.writeFileSync(join(root, "d/more/extra"), "extra");
  fs.writeFileSync(join(root, "d/extra"), "extra");
}

const STORIES: Readonly<Record<string, Omit<Story, "seed">>> = {
  "a tree into a root that is not there yet": { attempts: [{ tree: TREE }] },
  "a tree over an older one": { before: makeOld, attempts: [{ tree: TREE }] },
  "a tree of which a file stands there that its user never synced": {
    before: (root) => fs.mkdirSync(join(root, "d/in"), { recursive: true }),
    unsynced: { "d/in/large": TREE.contents.get("d/in/large")! },
    attempts: [{ tree: TREE }],
  },
  "a tree whose links were placed by an attempt that was killed": {
    before: (root) => fs.mkdirSync(join(root, "d/links"), { recursive: true }),
    unsyncedLinks: LINKS,
    attempts: [{ tree: LINKS }],
  },
  "a tree whose source changed after it broke off": {
    before: makeOld,
    attempts: [{ tree: TREE, chunks: 5 }, { tree: CHANGED }],
  },
  "a tree whose source changed, and was what it had been, after it broke off": {
    attempts: [{ tree: TREE, chunks: 6 }, { tree: CHANGED, chunks: 4 }, { tree: TREE }],
  },
  "a tree whose source changed twice, in a server that goes on": {
    attempts: [
      { tree: TREE, chunks: 5 },
      { tree: CHANGED, chunks: 4 },
      { tree: changedTree(CHANGED, new Random(3)), chunks: 3 },
      { tree: CHANGED },
    ],
    keep: true,
  },
  "a tree whose files grew or were cut after it broke off": {
    before: makeOld,
    attempts: [{ tree: TREE, chunks: 6 }, { tree: RESIZED }],
  },
  "a tree whose files grew or were cut again and again, in a server that goes on": {
    attempts: [
      { tree: TREE, chunks: 6 },
      { tree: RESIZED, chunks: 3 },
      { tree: TREE, chunks: 1 },
      { tree: resizedTree(RESIZED, new Random(5)), chunks: 2 },
      { tree: resizedTree(TREE, new Random(6)) },
    ],
    keep: true,
  },
  "a tree that broke off twice, in a server that goes on": {
    attempts: [{ tree: TREE, chunks: 3 }, { tree: TREE, chunks: 3 }, { tree: TREE }],
    keep: true,
  },
  "a tree whose source changed while the receiver lay dead": {
    attempts: [{ tree: TREE }],
    after: CHANGED,
  },
  "a tree that broke off when its files were in place": {
    attempts: [{ tree: NESTED, isUnfinished: true }, { tree: NESTED }],
  },
  "a tree that broke off when its files were in place, in a server that goes on": {
    before: makeOld,
    attempts: [{ tree: NESTED, isUnfinished: true }, { tree: NESTED }],
    keep: true,
  },
  "a tree that replaces nothing": {
    before: (root) => fs.mkdirSync(join(root, "d/more"), { recursive: true }),
    attempts: [{ tree: writeOnce(TREE) }],
  },
  "a tree that replaced nothing, and may replace by now": {
    attempts: [{ tree: writeOnce(TREE) }],
    after: CHANGED,
  },
  "a tree that removes what it does not name": {
    before: makeOld,
    attempts: [{ tree: { ...TREE, prunes: true } }],
  },
  "a tree that broke off when it had removed what it does not name": {
    before: (root) => {
      makeOld(root);
      // No other name is made in it, nor a directory.
      fs.mkdirSync(join(root, "d/void"));
      fs.writeFileSync(join(root, "d/void/extra"), "extra");
    },
    attempts: [
      { tree: { ...NESTED, prunes: true }, isUnfinished: true },
      { tree: { ...NESTED, prunes: true } },
    ],
  },
  "a tree whose small files are synced together": {
    before: makeOld,
    attempts: [{ tree: TREE, chunks: 6 }, { tree: CHANGED }],
    recording: { together: true },
  },
  "a tree that goes across a mount point": {
    before: makeOld,
    attempts: [{ tree: TREE }],
    recording: { before: acrossMount },
  },
};

for (const [name, story] of Object.entries(STORIES)) {
  Deno.test(`a crash at any moment of ${name} leaves no lie`, () => {
    const { states, recovered } = explore({ seed: 7, ...story }, { recoveries: 50 });
    assert.ok(states > 1000 && recovered >= 50, `${states} states, ${recovered} recovered`);
  });
}

Deno.test("a crash after errors of the disk leaves no lie", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = new Random(seed);
    const before = () => {
      if (random.chance(0.03)) throw errorOf(random.pick(["EIO", "ENOSPC"]));
    };
    const attempts = [{ tree: TREE }, { tree: CHANGED }, { tree: CHANGED }];
    const story = { seed, before: makeOld, attempts, recording: { before }, mayFail: true };
    explore(story, { recoveries: 10 });
  }
});

Deno.test("a crash at any moment of trees made by chance leaves no lie", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = new Random(seed);
    const tree = treeByChance(random);
    const attempts = [
      ...(random.chance(0.5) ? [{ tree, chunks: random.below(8) }] : []),
      { tree: random.pick([tree, changedTree(tree, random), resizedTree(tree, random)]) },
    ];
    const story = { seed, attempts, keep: random.chance(0.5) };
    explore(random.chance(0.5) ? { ...story, before: makeOld } : story, { recoveries: 15 });
  }
});

function treeByChance(random: Random): Tree {
  const sizes: Record<string, number> = { "d/": 0, "d/in/": 0 };
  const count = 2 + random.below(6);
  for (let i = 0; i < count; i++) {
    const size = random.pick([0, 10, 4096, CHUNK_BYTES, CHUNK_BYTES + 1, 4 * CHUNK_BYTES + 7]);
    sizes[`d/${random.pick(["", "in/"])}f${i}`] = size;
  }
  return { ...treeOf(sizes, random), prunes: random.chance(0.3) };
}

function writeOnce(tree: Tree): Tree {
  return { ...tree, transfer: { ...tree.transfer, writeOnce: true } };
}

function acrossMount(operation: string, to: string, from = ""): void {
  const isAcross = from.includes("/.sftpx/") && !to.includes("/.sftpx/");
  if ((operation === "rename" || operation === "link") && isAcross) throw errorOf("EXDEV");
}

function errorOf(code: string): Error {
  return Object.assign(new Error(code), { code });
}

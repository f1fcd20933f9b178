// What the matrix would find: each way for a destination to be wrong, made by hand.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeChange } from "./change.ts";
import { Dice } from "./dice.ts";
import { type Item, layItems, type Payload } from "./payload.ts";
import { partBytes, statesIn, Truth } from "./truth.ts";

const TIME_MS = Date.UTC(2022, 1, 1);
const BIG_BYTES = 5 * 2 ** 20;

function file(path: string, sizeBytes: number): Item {
  return { kind: "file", path, sizeBytes, content: "noise", mode: 0o644, mtimeMs: TIME_MS };
}

const ITEMS: readonly Item[] = [
  { kind: "directory", path: "tree", mode: 0o755, mtimeMs: TIME_MS },
  file("tree/small", 1000),
  file("tree/empty", 0),
  file("tree/big", BIG_BYTES),
  { kind: "link", path: "tree/link", target: "small" },
];

const PAYLOAD: Payload = {
  shape: "tree",
  sources: ["tree"],
  destination: "in",
  items: ITEMS,
  finalOf: (path) => `in/${path}`,
  isEntry: () => true,
};

/** A source that is laid, its truth, and a whole copy where it is received. */
class Copy implements AsyncDisposable {
  readonly directory: string;
  readonly truth: Truth;

  private constructor(directory: string) {
    this.directory = directory;
    this.truth = new Truth(this.base, this.receiving);
  }

  static async make(): Promise<Copy> {
    const copy = new Copy(await fs.mkdtemp(join(tmpdir(), "sftpx-truth-")));
    await layItems(copy.base, ITEMS, new Dice(1));
    await copy.truth.learn(PAYLOAD);
    await layItems(join(copy.receiving, "in"), ITEMS, new Dice(1));
    return copy;
  }

  get base(): string {
    return join(this.directory, "base");
  }

  get receiving(): string {
    return join(this.directory, "receiving");
  }

  final(name: string): string {
    return join(this.receiving, "in/tree", name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await fs.rm(this.directory, { recursive: true });
  }
}

Deno.test("a whole copy is right at any moment and in the end", async () => {
  await using copy = await Copy.make();
  assert.deepEqual(await copy.truth.standingProblems(), []);
  assert.deepEqual(await copy.truth.finalProblems(), []);
  assert.equal(await copy.truth.standingBytes(), 1000 + BIG_BYTES);
  assert.equal(await copy.truth.sourceBytes(), 1000 + BIG_BYTES);
});

Deno.test("what is not there yet is right meanwhile and wrong in the end", async () => {
  await using copy = await Copy.make();
  await fs.rm(copy.final("small"));
  await fs.utimes(copy.final("."), new Date(TIME_MS), new Date(TIME_MS));
  assert.deepEqual(await copy.truth.standingProblems(), []);
  assert.deepEqual(await copy.truth.finalProblems(), ['"in/tree/small" is not there']);
});

Deno.test("a part under a final name is found, a small one and a big one", async (t) => {
  for (const name of ["small", "big"]) {
    await t.step(name, async () => {
      await using copy = await Copy.make();
      const { size } = await fs.stat(copy.final(name));
      await fs.truncate(copy.final(name), size - 1);
      assert.match((await copy.truth.standingProblems()).join(), /is no whole version/);
      assert.match((await copy.truth.finalProblems()).join(), /has \d+ bytes, not \d+/);
      // As large as it should be, and zeros behind.
      await fs.truncate(copy.final(name), size - 100);
      await fs.truncate(copy.final(name), size);
      await fs.utimes(copy.final(name), new Date(TIME_MS), new Date(TIME_MS));
      assert.match((await copy.truth.standingProblems()).join(), /is no whole version/);
      assert.match((await copy.truth.finalProblems()).join(), /differs at byte \d+/);
    });
  }
});

Deno.test("another kind, mode, time or target is found", async () => {
  await using copy = await Copy.make();
  await fs.chmod(copy.final("big"), 0o755);
  await fs.utimes(copy.final("small"), new Date(), new Date());
  await fs.rm(copy.final("link"));
  await fs.symlink("elsewhere", copy.final("link"));
  await fs.rm(copy.final("empty"));
  await fs.mkdir(copy.final("empty"));
  await fs.utimes(copy.final("."), new Date(TIME_MS), new Date(TIME_MS));
  const problems = (await copy.truth.finalProblems()).toSorted();
  const expected = [
    /big" has mode 755, not 644/,
    /empty" is a directory, not a file/,
    /link" leads to "elsewhere"/,
    /small" has time/,
  ];
  assert.equal(problems.length, expected.length, problems.join("\n"));
  expected.forEach((pattern, index) => assert.match(problems[index]!, pattern));
  const standing = (await copy.truth.standingProblems()).join("\n");
  assert.match(standing, /link" is no whole version/);
  assert.match(standing, /empty" is no whole version/);
});

Deno.test("a state on its way out is a leftover, and nothing that was received", async () => {
  await using copy = await Copy.make();
  const leftover = join(copy.receiving, ".sftpx-0123456789abcdef");
  await fs.mkdir(join(leftover, "parts"), { recursive: true });
  await fs.writeFile(join(leftover, "parts/f"), "stray");
  assert.deepEqual(await copy.truth.leftovers(), [leftover]);
  assert.deepEqual(await copy.truth.standingProblems(), []);
  assert.deepEqual(await copy.truth.finalProblems(), []);
  await fs.mkdir(join(copy.receiving, ".sftpx-0123"));
  assert.match((await copy.truth.standingProblems()).join(), /0123" is nothing that was sent$/);
});

Deno.test("what nobody sent is found, and a stray of the state's own name too", async () => {
  await using copy = await Copy.make();
  await fs.writeFile(copy.final(".sftpx-0123456789abcdef"), "stray");
  await fs.mkdir(join(copy.receiving, ".sftpx/parts/0/0"), { recursive: true });
  await fs.writeFile(join(copy.receiving, ".sftpx/parts/0/0/1"), new Uint8Array(10_000).fill(1));
  await fs.utimes(copy.final("."), new Date(TIME_MS), new Date(TIME_MS));
  assert.match(
    (await copy.truth.standingProblems()).join(),
    /0123456789abcdef" is nothing that was sent$/,
  );
  assert.match((await copy.truth.finalProblems()).join(), /0123456789abcdef" is left over$/);
  assert.deepEqual(await partBytes(copy.receiving), { files: 1, bytes: 10_000 });
  assert.equal((await statesIn(copy.receiving)).length, 1);
});

Deno.test("an older version may stand meanwhile, but not in the end; a mix never", async () => {
  await using copy = await Copy.make();
  const place = { base: copy.base, receiving: copy.receiving, payload: PAYLOAD, truth: copy.truth };
  for (const [number, change] of (["append", "rewrite", "stealth"] as const).entries()) {
    const done = await makeChange(change, place, new Dice(number));
    const name = done.split("/").at(-1)!;
    assert.deepEqual(await copy.truth.standingProblems(), [], done);
    assert.ok((await copy.truth.finalProblems()).some((text) => text.includes(name)), done);
    const old = await fs.readFile(copy.final(name));
    const current = await fs.readFile(join(copy.base, "tree", name));
    // The first byte that differs as it was, those behind it as they are.
    const at = current.findIndex((byte, index) => byte !== old[index]);
    const mixed = Buffer.concat([
      current.subarray(0, at),
      old.subarray(at, at + 1),
      current.subarray(at + 1),
    ]);
    await fs.writeFile(copy.final(name), mixed);
    assert.match((await copy.truth.standingProblems()).join(), /is no whole version/, done);
    await fs.copyFile(join(copy.base, "tree", name), copy.final(name));
    assert.deepEqual(await copy.truth.standingProblems(), [], done);
  }
});

Deno.test("what was deleted at the source may stay; what was added or planted is known", async () => {
  await using copy = await Copy.make();
  const place = { base: copy.base, receiving: copy.receiving, payload: PAYLOAD, truth: copy.truth };
  await makeChange("delete", place, new Dice(2));
  await makeChange("plant", place, new Dice(5));
  assert.deepEqual(await copy.truth.standingProblems(), []);
  await makeChange("add", place, new Dice(4));
  const problems = await copy.truth.finalProblems();
  assert.ok(problems.some((text) => /added \d+" is not there/.test(text)), problems.join());
});

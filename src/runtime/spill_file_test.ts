import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { descriptorsTo } from "../../tests/descriptors.ts";
import { printedBy } from "../../tests/own_process.ts";
import { SpilledBlocks, SpilledTexts } from "../base/spill.ts";
import { SpillBudget, SpillFiles } from "./spill_file.ts";

/** An empty directory that goes with its block. */
function scratch(): { readonly path: string } & Disposable {
  const path = fs.mkdtempSync(join(tmpdir(), "sftpx-spill-"));
  return { path, [Symbol.dispose]: () => fs.rmSync(path, { recursive: true }) };
}

Deno.test("a spill file gives back what was written, wherever it was, and has no name", () => {
  using directory = scratch();
  using files = new SpillFiles([directory.path]);
  const [one, two] = [files.make()!, files.make()!];
  assert.deepEqual(fs.readdirSync(directory.path), []);
  assert.ok(one.write(Uint8Array.of(1, 2, 3), 10));
  assert.ok(two.write(Uint8Array.of(9), 0));
  const into = new Uint8Array(20).fill(7);
  assert.equal(one.read(into, 0), 13, "what lies before it is a hole");
  assert.deepEqual([...into], [...Array(10).fill(0), 1, 2, 3, ...Array(7).fill(7)]);
  assert.equal(one.read(into, 100), 0);
  assert.equal(two.read(into, 0), 1);
  assert.equal(into[0], 9);
});

Deno.test("a spill file takes and fills the memory that blocks lie in", () => {
  using directory = scratch();
  using files = new SpillFiles([directory.path]);
  const count = 3 * 2 ** 18;
  const blocks = new SpilledBlocks({
    blockBytes: 2 ** 18,
    view: (memory) => memory,
    spill: files.make,
    heldBytes: 2 ** 18,
  });
  for (let at = 0; at < count; at += 1000) blocks.change(at >>> 18)[at % 2 ** 18] = at % 251;
  for (let at = 0; at < count; at += 1000) {
    assert.equal(blocks.see(at >>> 18)[at % 2 ** 18], at % 251);
  }
  assert.equal(blocks.heldBytes, 2 ** 19);
});

Deno.test("a spill file is the user's alone", { ignore: process.platform !== "linux" }, () => {
  using directory = scratch();
  using files = new SpillFiles([directory.path]);
  const file = files.make()!;
  assert.ok(file.write(Uint8Array.of(1), 0));
  const modes = descriptorsTo((path) => path.startsWith(`${directory.path}/`))
    .map(({ fd }) => fs.fstatSync(fd).mode & 0o7777);
  assert.deepEqual(modes, [0o600]);
});

Deno.test("files are made in the first directory that takes them, or not at all", () => {
  using directory = scratch();
  const missing = join(directory.path, "missing");
  using files = new SpillFiles([missing, directory.path]);
  assert.ok(files.make()!.write(Uint8Array.of(1), 0));
  using none = new SpillFiles([missing]);
  assert.equal(none.make(), null);
});

Deno.test("files go with their transfer, and none is made behind it", () => {
  using directory = scratch();
  const files = new SpillFiles([directory.path]);
  const file = files.make()!;
  files[Symbol.dispose]();
  // What is opened next has the number that the file had.
  const other = join(directory.path, "other");
  const fd = fs.openSync(other, "w+");
  try {
    assert.equal(file.write(Uint8Array.of(1), 0), false, "what cannot be written is said");
    assert.throws(() => file.read(new Uint8Array(1), 0), /over/);
    assert.equal(fs.fstatSync(fd).size, 0, "nothing of it is in another file");
  } finally {
    fs.closeSync(fd);
  }
  assert.equal(files.make(), null);
});

Deno.test("no transfer puts more aside than is left for all others, until one of them ends", () => {
  using directory = scratch();
  const budget = new SpillBudget(100);
  const files = () => new SpillFiles([directory.path], { budget });
  using one = files();
  const [first, second] = [one.make()!, one.make()!];
  const isBusy = { code: "busy" };
  assert.ok(first.write(new Uint8Array(30), 0));
  assert.ok(first.write(new Uint8Array(10), 0), "written again it takes no more");
  assert.ok(second.write(new Uint8Array(20), 0));
  assert.throws(() => second.write(new Uint8Array(1), 20), isBusy);
  const others = [files(), files()];
  const [third, fourth] = others.map((each) => each.make()!);
  assert.ok(third!.write(new Uint8Array(25), 0));
  assert.throws(() => fourth!.write(new Uint8Array(13), 0), isBusy);
  assert.ok(fourth!.write(new Uint8Array(12), 0));
  for (const each of others) each[Symbol.dispose]();
  others[0]![Symbol.dispose](); // It gives back what it has, once.
  using last = files();
  const fifth = last.make()!;
  assert.ok(fifth.write(new Uint8Array(25), 0));
  assert.throws(() => fifth.write(new Uint8Array(1), 25), isBusy);
});

Deno.test("what is not put aside for want of room does not stay in memory instead", () => {
  using directory = scratch();
  using files = new SpillFiles([directory.path], { budget: new SpillBudget(100) });
  const texts = new SpilledTexts({ spill: files.make, heldBytes: 20 });
  const fill = () => {
    for (let count = 0; count < 100; count++) texts.add(new Uint8Array(10));
  };
  assert.throws(fill, { code: "busy" });
  assert.ok(texts.heldBytes < 50);
  const blocks = new SpilledBlocks({
    blockBytes: 16,
    view: (memory) => memory,
    spill: files.make,
    heldBytes: 32,
  });
  assert.throws(() => [1, 2, 3].forEach((number) => blocks.change(number)), { code: "busy" });
});

Deno.test({
  name: "nothing is made where the runtime may not write, and nobody is asked",
  permissions: { read: true, env: true, write: false },
  ignore: "bun" in process.versions,
  fn: () => {
    using files = new SpillFiles();
    assert.equal(files.make(), null);
  },
});

Deno.test("TMPDIR says where, else a directory of the system's", () => {
  using directory = scratch();
  const url = JSON.stringify(new URL("./spill_file.ts", import.meta.url).href);
  const script = `import { SpillFiles } from ${url};
    console.log(new SpillFiles().make() !== null);`;
  for (
    const [TMPDIR, expected] of [
      [directory.path, "true"],
      ["/nowhere/at/all", "false"],
      [undefined, "true"],
    ] as const
  ) assert.equal(printedBy(script, { TMPDIR }), expected);
});

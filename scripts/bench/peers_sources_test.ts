import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { differenceOf, filesUnder, Sources } from "./peers_sources.ts";

const FILE_BYTES = 3 << 20;

function inFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "sftpx-peers-test-"));
  try {
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sourcesIn(folder: string): Sources {
  const modules = join(folder, "modules");
  mkdirSync(join(modules, "a"), { recursive: true });
  for (const name of ["a/one.js", "two.js", "three.js"]) {
    writeFileSync(join(modules, name), name);
  }
  symlinkSync("two.js", join(modules, "link.js"));
  return new Sources({ work: folder, fileBytes: FILE_BYTES, modules, texts: [modules] });
}

Deno.test("a large file is made in full and as a beginning of itself", () =>
  inFolder((folder) => {
    const sources = sourcesIn(folder);
    const whole = sources.path("random", FILE_BYTES);
    const part = sources.path("random", 1 << 20);
    assert.equal(statSync(whole).size, FILE_BYTES);
    assert.equal(statSync(part).size, 1 << 20);
    assert.match(differenceOf(whole, part) ?? "", /has other bytes/);
    assert.equal(differenceOf(whole, whole), null);
  }));

Deno.test("more than all of a file is made as it is, and what is no amount never ends in itself", () =>
  inFolder((folder) => {
    const sources = sourcesIn(folder);
    assert.equal(statSync(sources.path("random", 2 * FILE_BYTES)).size, 2 * FILE_BYTES);
    assert.equal(statSync(sources.path("random", NaN)).size, 0);
  }));

Deno.test("a tree has as many files as are asked for, and packages come without their links", () =>
  inFolder((folder) => {
    const sources = sourcesIn(folder);
    assert.equal(filesUnder(sources.path("small", 150)).length, 150);
    assert.equal(sources.full("modules")?.files, 3);
    assert.equal(filesUnder(sources.path("modules", 2)).length, 2);
    assert.equal(filesUnder(sources.path("modules", 3)).length, 3);
  }));

Deno.test("packages that are not there and text that is too little are no shape of this machine", () =>
  inFolder((folder) => {
    assert.equal(sourcesIn(folder).full("text"), null);
    const none = new Sources({ work: folder, fileBytes: 1, modules: null, texts: [] });
    assert.equal(none.full("modules"), null);
  }));

Deno.test("a copy that lacks a file, has another, or other bytes in one is none", () =>
  inFolder((folder) => {
    const [source, copy] = [join(folder, "source"), join(folder, "copy")];
    assert.match(differenceOf(folder, copy) ?? "", /is not there/);
    for (const root of [source, copy]) {
      mkdirSync(root);
      writeFileSync(join(root, "a"), "same");
      writeFileSync(join(root, "b"), "same");
    }
    assert.equal(differenceOf(source, copy), null);
    writeFileSync(join(copy, "b"), "othr");
    assert.match(differenceOf(source, copy) ?? "", /"b" did not arrive/);
    rmSync(join(copy, "b"));
    assert.match(differenceOf(source, copy) ?? "", /1 of 2 files arrived/);
    writeFileSync(join(copy, "c"), "same");
    assert.match(differenceOf(source, copy) ?? "", /"b" did not arrive/);
  }));

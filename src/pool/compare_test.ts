import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Stamp } from "../wire/messages.ts";
import { compare } from "./compare.ts";

const MiB = 1024 * 1024;

function inDirectory(body: (path: (name: string) => string) => void): void {
  const directory = fs.mkdtempSync(join(tmpdir(), "sftpx-compare-"));
  try {
    body((name) => join(directory, name));
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

function stampOf(path: string): Stamp {
  const { dev, ino, size, mtimeNs, ctimeNs } = fs.lstatSync(path, { bigint: true });
  return { device: dev, inode: ino, sizeBytes: Number(size), mtimeNs, ctimeNs };
}

function begins(path: string, part: string, stamp = stampOf(path)): boolean {
  return compare({ kind: "compare", job: 1, path, part, stamp }).begins;
}

Deno.test("compare() finds a beginning to its last byte, and no other", () =>
  inDirectory((path) => {
    const bytes = new Uint8Array(2 * MiB + 7).map((_, i) => i * 31 + (i >> 9));
    fs.writeFileSync(path("stands"), bytes);
    fs.writeFileSync(path("part"), bytes);
    assert.ok(begins(path("stands"), path("part")), "the same");
    fs.appendFileSync(path("part"), "more");
    assert.ok(begins(path("stands"), path("part")), "and more");
    for (const at of [0, MiB - 1, MiB, 2 * MiB, bytes.length - 1]) {
      const other = bytes.slice();
      other[at]! ^= 1;
      fs.writeFileSync(path("other"), other);
      assert.ok(!begins(path("stands"), path("other")), `another byte at ${at}`);
    }
    fs.writeFileSync(path("short"), bytes.subarray(0, -1));
    assert.ok(!begins(path("stands"), path("short")), "shorter by one");
    fs.writeFileSync(path("zeros"), new Uint8Array(5));
    fs.writeFileSync(path("empty"), "");
    assert.ok(!begins(path("zeros"), path("empty")), "nothing is no zeros");
  }));

Deno.test("compare() reads no other file than was seen, and none through a link", () =>
  inDirectory((path) => {
    fs.writeFileSync(path("stands"), "abc");
    fs.writeFileSync(path("part"), "abcd");
    const seen = stampOf(path("stands"));
    fs.writeFileSync(path("new"), "abc");
    fs.renameSync(path("new"), path("stands"));
    assert.ok(!begins(path("stands"), path("part"), seen), "another file under its name");
    fs.symlinkSync(path("stands"), path("link"));
    assert.ok(!begins(path("link"), path("part"), stampOf(path("stands"))));
    assert.ok(!begins(path("stands"), path("gone")));
  }));

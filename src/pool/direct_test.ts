import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../base/limits.ts";
import { type DirectFiles, DirectWriter } from "./direct.ts";
import { noise, Scratch } from "./testing/fixture.ts";

const SIZE = LIMITS.directWriteBytes;
const OPEN = { path: "part", fd: 0 };

Deno.test("DirectWriter writes whole blocks bit for bit, or says that it cannot", () => {
  using scratch = new Scratch();
  const content = noise(2 * SIZE);
  const part = scratch.file("part", new Uint8Array(2 * SIZE));
  const writer = new DirectWriter();
  using file = new Opened(part);
  for (const at of [SIZE, 0]) {
    const chunk = content.subarray(at, at + SIZE);
    if (!writer.suits(chunk, at) || !writer.write(file, chunk, at)) return; // no such file system
  }
  assert.deepEqual(Uint8Array.from(fs.readFileSync(part)), content);
});

Deno.test("DirectWriter takes only large chunks of whole blocks at whole blocks", () => {
  const writer = new DirectWriter({ files: files({}) });
  assert.ok(writer.suits(noise(SIZE), 8192));
  assert.ok(!writer.suits(noise(SIZE - 4096), 0));
  assert.ok(!writer.suits(noise(SIZE + 1), 0));
  assert.ok(!writer.suits(noise(SIZE), 512));
});

Deno.test("DirectWriter looks for aligned memory once", () => {
  const tried: number[] = [];
  const writer = new DirectWriter({
    files: files({
      write: (_, bytes) => {
        tried.push(bytes.byteOffset);
        if (bytes.byteOffset !== 48) throw refusal("EINVAL");
        return bytes.length;
      },
    }),
  });
  assert.ok(writer.write(OPEN, noise(SIZE), 0));
  assert.deepEqual(tried, [496, 0, 16, 32, 48]);
  assert.ok(writer.write(OPEN, noise(SIZE), SIZE));
  assert.deepEqual(tried.slice(5), [48]);
});

Deno.test("DirectWriter goes on after a short write", () => {
  const written: [number, number][] = [];
  const writer = new DirectWriter({
    files: files({
      write: (_, bytes, offsetBytes) => {
        const count = Math.min(bytes.length, SIZE / 4);
        written.push([offsetBytes, count]);
        return count;
      },
    }),
  });
  assert.ok(writer.write(OPEN, noise(SIZE), SIZE));
  assert.deepEqual(written.map(([at]) => at / SIZE), [1, 1.25, 1.5, 1.75]);
});

Deno.test("DirectWriter gives up for good where direct writes are refused", () => {
  for (
    const refusing of [
      files({ open: () => fail("EINVAL") }),
      files({ open: () => fail("EOPNOTSUPP") }),
      files({ write: () => fail("EINVAL") }),
    ]
  ) {
    const writer = new DirectWriter({ files: refusing });
    assert.ok(!writer.write(OPEN, noise(SIZE), 0));
    assert.ok(!writer.suits(noise(SIZE), 0));
  }
  assert.ok(!new DirectWriter({ files: files({}), without: ["direct-io"] }).suits(noise(SIZE), 0));
});

Deno.test("DirectWriter throws every other failure and closes what it opened", () => {
  let closed = 0;
  const full = files({ write: () => fail("ENOSPC"), close: () => void closed++ });
  assert.throws(() => new DirectWriter({ files: full }).write(OPEN, noise(SIZE), 0), {
    code: "ENOSPC",
  });
  assert.equal(closed, 1);
});

Deno.test("DirectWriter never writes through a link", () => {
  using scratch = new Scratch();
  const target = scratch.file("target", new Uint8Array(SIZE));
  const link = join(scratch.path, "link");
  fs.symlinkSync(target, link);
  const writer = new DirectWriter();
  if (!writer.suits(noise(SIZE), 0)) return;
  using file = new Opened(target);
  assert.throws(() => writer.write({ path: link, fd: file.fd }, noise(SIZE), 0));
  assert.deepEqual(Uint8Array.from(fs.readFileSync(target)), new Uint8Array(SIZE));
});

Deno.test("DirectWriter writes nothing where its path leads to another file than is open", () => {
  using scratch = new Scratch();
  const other = scratch.file("other", new Uint8Array(SIZE));
  using file = new Opened(scratch.file("part", new Uint8Array(SIZE)));
  const writer = new DirectWriter();
  if (!writer.suits(noise(SIZE), 0)) return;
  assert.equal(writer.write({ path: other, fd: file.fd }, noise(SIZE), 0), false);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(other)), new Uint8Array(SIZE));
  assert.ok(writer.suits(noise(SIZE), 0), "the next chunk may be written so");
});

class Opened implements Disposable {
  readonly path: string;
  readonly fd: number;

  constructor(path: string) {
    this.path = path;
    this.fd = fs.openSync(path, "r+");
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.fd);
  }
}

function files(own: Partial<DirectFiles>): DirectFiles {
  return {
    open: () => 0,
    isSame: () => true,
    write: (_, bytes) => bytes.length,
    close: () => {},
    ...own,
  };
}

function refusal(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function fail(code: string): never {
  throw refusal(code);
}

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../base/limits.ts";
import { frameBufferBytes, RECORD_BYTES } from "../wire/frame.ts";
import { ALIGNMENT_BYTES, type DirectFiles, DirectWriter, offsetForDirect } from "./direct.ts";
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

/** A chunk where a lane's reader puts it: behind the one record of its table. */
function placed(): Uint8Array<ArrayBuffer> {
  const at = offsetForDirect(RECORD_BYTES) + RECORD_BYTES;
  return new Uint8Array(new ArrayBuffer(frameBufferBytes(SIZE)), at, SIZE);
}

Deno.test("DirectWriter writes a chunk that is likely to be aligned from its own memory", () => {
  const tried: ArrayBufferLike[] = [];
  const writer = new DirectWriter({
    files: files({
      write: (_, bytes) => {
        tried.push(bytes.buffer);
        return bytes.length;
      },
    }),
  });
  const chunk = placed();
  assert.ok(writer.write(OPEN, chunk, 0));
  assert.ok(writer.write(OPEN, noise(SIZE), SIZE));
  assert.equal(tried[0], chunk.buffer);
  assert.equal(tried.length, 2);
  assert.notEqual(tried[1], chunk.buffer);
});

Deno.test("DirectWriter copies a chunk that lies otherwise, and stops trying after some", () => {
  const own = new Set<ArrayBufferLike>();
  let misfits = 0;
  const writer = new DirectWriter({
    files: files({
      write: (_, bytes) => {
        if (!own.has(bytes.buffer)) return bytes.length;
        misfits++;
        throw refusal("EINVAL");
      },
    }),
  });
  for (let index = 0; index < 12; index++) {
    const chunk = placed();
    own.add(chunk.buffer);
    assert.ok(writer.write(OPEN, chunk, index * SIZE));
  }
  assert.equal(misfits, 8);
});

Deno.test("DirectWriter throws what goes wrong while it writes a chunk from its own memory", () => {
  const writer = new DirectWriter({ files: files({ write: () => fail("ENOSPC") }) });
  assert.throws(() => writer.write(OPEN, placed(), 0), { code: "ENOSPC" });
});

Deno.test("offsetForDirect() makes what follows begin where memory is likely to be aligned", () => {
  for (const headBytes of [0, 1, 52, 495, 496, 497, 511, 512, 2000]) {
    const offset = offsetForDirect(headBytes);
    assert.ok(offset >= 0 && offset < ALIGNMENT_BYTES);
    assert.equal((offset + headBytes) % ALIGNMENT_BYTES, 496);
  }
});

Deno.test("a frame of one record fits its buffer behind that offset, whatever the chunk size", () => {
  for (const chunkBytes of [LIMITS.minChunkBytes, LIMITS.maxChunkBytes]) {
    const end = offsetForDirect(RECORD_BYTES) + RECORD_BYTES + chunkBytes;
    assert.ok(end <= frameBufferBytes(chunkBytes));
  }
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

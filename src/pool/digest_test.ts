import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Codecs } from "./codecs.ts";
import { Digester } from "./digest.ts";
import type { FileDigests, FileToDigest } from "./messages.ts";
import { noise, Scratch, standing, testCodecs } from "./testing/fixture.ts";

Deno.test("digests come in chunk order, with a short last chunk", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const digester = new Digester(codecs);
  for (const length of [0, 1, 999, 1000, 1001, 3500]) {
    const content = noise(length);
    const path = scratch.file("a", content);
    const found = digestOf(digester, standing(path), 1000);
    const expected: number[] = [];
    for (let at = 0; at < length; at += 1000) {
      expected.push(...codecs.hash.digest(content.subarray(at, at + 1000)));
    }
    assert.deepEqual(found, { digests: Uint8Array.from(expected), failure: null });
  }
});

Deno.test("what is not a readable file is a failure, not a crash", async () => {
  using scratch = new Scratch();
  const digester = new Digester(await testCodecs());
  const target = scratch.file("a", noise(10));
  fs.symlinkSync(target, join(scratch.path, "link"));
  const cases: [string, string][] = [
    [join(scratch.path, "absent"), "source_missing"],
    [join(scratch.path, "link"), "source_changed"],
    [scratch.path, "source_changed"],
    ["/dev/null", "source_changed"],
  ];
  for (const [path, code] of cases) {
    const found = digestOf(digester, standing(path), 1000);
    assert.deepEqual([found.digests, found.failure?.code], [null, code], path);
  }
});

Deno.test("a file that changes while it is hashed yields no digests", async () => {
  using scratch = new Scratch();
  const path = scratch.file("a", noise(3000));
  const codecs = await testCodecs();
  const changing = (change: () => void): Codecs => ({
    ...codecs,
    hash: {
      ...codecs.hash,
      digest: (bytes) => {
        change();
        return codecs.hash.digest(bytes);
      },
    },
  });
  for (const change of [() => fs.utimesSync(path, 1000, 1000), () => fs.truncateSync(path, 500)]) {
    const digester = new Digester(changing(change));
    const found = digestOf(digester, standing(path), 1000);
    assert.equal(found.failure?.code, "source_changed");
  }
});

Deno.test("what came to a path since the store looked there is not read", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const read: number[] = [];
  const digest = (bytes: Uint8Array) => (read.push(bytes.length), codecs.hash.digest(bytes));
  const digester = new Digester({ ...codecs, hash: { ...codecs.hash, digest } });
  for (const name of ["seen", "beyond"]) fs.mkdirSync(join(scratch.path, name));
  const path = scratch.file("seen/f", noise(2000, 1));
  const outside = scratch.file("beyond/f", noise(2000, 2));
  // Also where size and times are the same.
  for (const each of [path, outside]) fs.utimesSync(each, 1000, 1000);
  const seen = standing(path);
  fs.renameSync(join(scratch.path, "seen"), join(scratch.path, "moved"));
  fs.symlinkSync("beyond", join(scratch.path, "seen"));
  assert.equal(fs.readFileSync(path).equals(fs.readFileSync(outside)), true, "it leads elsewhere");
  const found = digestOf(digester, seen, 1000);
  assert.deepEqual([found.digests, found.failure?.code], [null, "source_changed"]);
  assert.deepEqual(read, []);
});

Deno.test("a file of more chunks than any transfer may have is refused unread", async () => {
  using scratch = new Scratch();
  const path = scratch.file("a", new Uint8Array(0));
  fs.truncateSync(path, 2 ** 22 + 1);
  const digester = new Digester(await testCodecs());
  const found = digestOf(digester, standing(path), 1);
  assert.equal(found.failure?.code, "limit");
});

Deno.test("a range is hashed alone, up to the short last chunk", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = noise(3500);
  const path = scratch.file("a", content);
  const digester = new Digester(codecs);
  const last = [2, 2] as const;
  const found = digestOf(digester, { ...standing(path), range: last }, 1000);
  const expected = [content.subarray(2000, 3000), content.subarray(3000)]
    .flatMap((chunk) => [...codecs.hash.digest(chunk)]);
  assert.deepEqual(found.digests, Uint8Array.from(expected));
});

Deno.test("the files of a job are answered in their order, and a bad one harms no other", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const [a, gone, b] = ["a", "gone", "b"].map((name) => standing(scratch.file(name, noise(10))));
  fs.rmSync(gone!.path);
  const job = { kind: "digest", job: 3, files: [a!, gone!, b!], chunkBytes: 1000 } as const;
  const { files, ...rest } = new Digester(codecs).digest(job);
  assert.deepEqual(rest, { kind: "digested", job: 3 });
  assert.deepEqual(files.map(({ failure }) => failure?.code ?? null), [
    null,
    "source_missing",
    null,
  ]);
  assert.deepEqual(files[2]?.digests, codecs.hash.digest(noise(10)));
});

/** The answer for one file of a job of its own. */
function digestOf(digester: Digester, file: FileToDigest, chunkBytes: number): FileDigests {
  const { files } = digester.digest({ kind: "digest", job: 3, files: [file], chunkBytes });
  assert.equal(files.length, 1);
  return files[0]!;
}

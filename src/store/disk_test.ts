import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { SftpxError } from "../base/errors.ts";
import { inDirectory } from "./_fixture.ts";
import { DISK, secondsOf } from "./disk.ts";
import { osError } from "../base/os_error.ts";

Deno.test("a time set is the time read, to the millisecond", () =>
  inDirectory((root) => {
    const path = join(root, "f");
    fs.writeFileSync(path, "");
    const times = fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n });
    const setAndCheck = (mtimeNs: bigint) => {
      assert.equal(DISK.finish(path, { mode: 0o644, mtimeNs, sync: false }), true);
      const read = fs.statSync(path, { bigint: true }).mtimeNs;
      assert.equal(read / 1_000_000n, mtimeNs / 1_000_000n);
      fs.lutimesSync(path, 1, secondsOf(mtimeNs));
      const again = fs.lstatSync(path, { bigint: true }).mtimeNs;
      assert.equal(again / 1_000_000n, mtimeNs / 1_000_000n);
    };
    fc.assert(fc.property(times, setAndCheck), { numRuns: 300 });
    // Some of these lost their millisecond when the nanoseconds were rounded as one number.
    for (let ms = 0n; ms < 1000n; ms++) setAndCheck((1_795_349_766_000n + ms) * 1_000_000n);
    for (const rest of [0n, 1n, 999_999n, 1_000_000n, 123_999_999n]) {
      setAndCheck(1_700_000_000_000_000_000n + rest);
    }
  }));

Deno.test("a time before 1970 becomes the epoch, not now", () => {
  assert.ok(secondsOf(-5_000_000_000n) < 0.001);
});

Deno.test("DISK.finish() refuses another size, a directory for a file, and a link", () =>
  inDirectory((root) => {
    fs.writeFileSync(join(root, "f"), "abc");
    fs.symlinkSync("f", join(root, "l"));
    const finish = { mode: 0o600, mtimeNs: 0n, sync: false };
    assert.equal(DISK.finish(join(root, "f"), { ...finish, sizeBytes: 2 }), false);
    assert.equal(DISK.finish(root, { ...finish, sizeBytes: 3 }), false);
    assert.throws(() => DISK.finish(join(root, "l"), finish), { code: "ELOOP" });
    assert.notEqual(fs.statSync(join(root, "f")).mtimeMs, 0);
  }));

Deno.test("DISK.write() makes a file of this user's alone, and replaces nothing", () =>
  inDirectory((root) => {
    const path = join(root, "f");
    DISK.write(path, new Uint8Array([1, 2]));
    assert.equal(fs.statSync(path).mode & 0o777, 0o600);
    assert.throws(() => DISK.write(path, new Uint8Array([3])), { code: "EEXIST" });
    assert.deepEqual([...fs.readFileSync(path)], [1, 2]);
  }));

Deno.test("DISK.append() adds to the end, and never through a link", () =>
  inDirectory((root) => {
    DISK.append(join(root, "f"), new Uint8Array([1]));
    DISK.append(join(root, "f"), new Uint8Array([2]));
    assert.deepEqual([...fs.readFileSync(join(root, "f"))], [1, 2]);
    assert.equal(fs.statSync(join(root, "f")).mode & 0o777, 0o600);
    fs.symlinkSync("f", join(root, "l"));
    assert.throws(() => DISK.append(join(root, "l"), new Uint8Array([3])), { code: "ELOOP" });
    assert.equal(fs.statSync(join(root, "f")).size, 2);
  }));

Deno.test("DISK.removeTree() removes links, not what they lead to", () =>
  inDirectory((root) => {
    fs.mkdirSync(join(root, "a/b"), { recursive: true });
    fs.mkdirSync(join(root, "kept"));
    fs.symlinkSync("../../kept", join(root, "a/b/l"));
    DISK.removeTree(join(root, "a"));
    DISK.removeTree(join(root, "absent"));
    assert.deepEqual(fs.readdirSync(root), ["kept"]);
  }));

const CODES: readonly (readonly [string, string])[] = [
  ["ENOSPC", "no_space"],
  ["EDQUOT", "no_space"],
  ["EACCES", "permission"],
  ["EPERM", "permission"],
  ["EROFS", "permission"],
  ["ENAMETOOLONG", "bad_name"],
  ["EILSEQ", "bad_name"],
  ["EINVAL", "bad_name"],
  ["ENOTDIR", "conflict"],
  ["EISDIR", "conflict"],
  ["EEXIST", "conflict"],
  ["EIO", "io"],
  ["", "io"],
];
for (const [os, code] of CODES) {
  Deno.test(`osError() reads ${os || "an error without a code"} as ${code}`, () => {
    const thrown = Object.assign(new Error("/secret/path"), os === "" ? {} : { code: os });
    const error = osError(thrown, 'place "x"');
    assert.equal(error.code, code);
    assert.match(error.message, /^Cannot place "x": /);
    assert.doesNotMatch(error.message, /secret/);
    assert.equal(error.cause, thrown);
  });
}

Deno.test("osError() names the Deno flag that is missing and passes its own errors on", () => {
  const thrown = Object.assign(
    new Error('Requires write access to "/x", run again with the --allow-write flag'),
    {
      name: "NotCapable",
    },
  );
  const error = osError(thrown, "place");
  assert.equal(error.code, "permission");
  assert.match(error.message, /--allow-write/);
  const own = new SftpxError("busy", "x");
  assert.equal(osError(own, "place"), own);
});

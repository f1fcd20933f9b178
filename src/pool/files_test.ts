import assert from "node:assert/strict";
import * as fs from "node:fs";
import { constants } from "node:os";
import { SftpxError } from "../base/errors.ts";
import { writeWhole } from "../runtime/whole_io.ts";
import { readError, sameStamp, systemCode, writeError } from "./files.ts";

Deno.test("a full disk is told as no_space", () => {
  const fd = fs.openSync("/dev/full", fs.constants.O_WRONLY);
  try {
    writeWhole(fd, new Uint8Array(10), 0);
    assert.fail("it was written");
  } catch (thrown) {
    const error = writeError(thrown);
    assert.deepEqual([error.code, error.message], [
      "no_space",
      "Cannot write chunk: no space is left",
    ]);
  } finally {
    fs.closeSync(fd);
  }
});

Deno.test("every errno becomes a code of the table", () => {
  const writes: [string, string][] = [
    ["ENOSPC", "no_space"],
    ["EDQUOT", "no_space"],
    ["EACCES", "permission"],
    ["EPERM", "permission"],
    ["EROFS", "permission"],
    ["EFBIG", "unsupported"],
    ["EIO", "io"],
  ];
  for (const [errno, code] of writes) assert.equal(writeError(system(errno)).code, code, errno);
  const reads: [string, string][] = [
    ["ENOENT", "source_missing"],
    ["ENOTDIR", "source_missing"],
    ["ELOOP", "source_changed"],
    ["EISDIR", "source_changed"],
    ["ENXIO", "source_changed"],
    ["EACCES", "source_unreadable"],
    ["EPERM", "source_unreadable"],
    ["EIO", "source_unreadable"],
  ];
  for (const [errno, code] of reads) assert.equal(readError(system(errno), "/x").code, code, errno);
});

Deno.test("systemCode() finds the errno in the text where the runtime leaves it out", () => {
  assert.equal(
    systemCode(new Error(`Quota exceeded (os error ${constants.errno.EDQUOT})`)),
    "EDQUOT",
  );
  assert.equal(
    systemCode(new Error(`Read-only file system (os error ${constants.errno.EROFS})`)),
    "EROFS",
  );
  const damaged = new Error("Structure needs cleaning (os error 117)");
  assert.equal(systemCode(damaged), "EUCLEAN");
  const found = "the file system is damaged and has to be checked";
  assert.equal(writeError(damaged).message, `Cannot write chunk: ${found}`);
  assert.equal(systemCode(new Error("of no system")), null);
  assert.equal(systemCode("text"), null);
});

Deno.test("a defect is not passed off as a bad disk, and an SftpxError stays what it is", () => {
  assert.equal(writeError(new TypeError("x is undefined")).code, "internal");
  assert.equal(readError(new TypeError("x is undefined"), "/x").code, "internal");
  const known = new SftpxError("integrity", "Cannot accept chunk 1");
  assert.equal(writeError(known), known);
  assert.equal(readError(known, "/x"), known);
});

Deno.test("a message names the last component, quoted, and no directory", () => {
  const { message } = readError(system("ENOENT"), "/home/someone/we\nird");
  assert.equal(message, 'Cannot read "we\\nird": it is gone');
});

Deno.test("sameStamp() tells a difference in any field", () => {
  const stamp = { device: 1n, inode: 2n, sizeBytes: 3, mtimeNs: 4n, ctimeNs: 5n };
  assert.equal(sameStamp(stamp, { ...stamp }), true);
  const others = [{ device: 9n }, { inode: 9n }, { sizeBytes: 9 }, { mtimeNs: 9n }, {
    ctimeNs: 9n,
  }];
  for (const other of others) assert.equal(sameStamp(stamp, { ...stamp, ...other }), false);
});

function system(code: string): Error {
  return Object.assign(new Error(`${code}: said /home/someone`), { code });
}

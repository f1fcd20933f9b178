import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { createTrustFile, readTrustFile, replaceTrustFile } from "./trust_file.ts";

const SECRET = { what: "thing", secret: true } as const;
const PUBLIC = { what: "list", secret: false } as const;

function inDirectory(run: (directory: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-trust-"));
    try {
      await run(directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };
}

function failure(code: string) {
  return () => {
    throw Object.assign(new Error(code), { code });
  };
}

Deno.test(
  "readTrustFile() says what stands in the file's place, whatever its mode",
  inDirectory(async (directory) => {
    const path = join(directory, "file");
    await mkdir(path, { mode: 0o755 });
    await assert.rejects(readTrustFile(path, SECRET), {
      code: "io",
      message: /: it is a directory$/,
    });
    await rm(path, { recursive: true });
    await writeFile(path, new Uint8Array([0xff, 0xfe, 0x80]), { mode: 0o600 });
    await assert.rejects(readTrustFile(path, SECRET), { code: "io", message: /: it is no text; / });
  }),
);

Deno.test(
  "createTrustFile() leaves a file that stands there",
  inDirectory(async (directory) => {
    const path = join(directory, "file");
    assert.equal(await createTrustFile(path, "first", SECRET), true);
    assert.equal(await createTrustFile(path, "second", SECRET), false);
    assert.equal(await readTrustFile(path, SECRET), "first");
    assert.deepEqual(await readdir(directory), ["file"]);
  }),
);

Deno.test(
  "createTrustFile() has one winner where there are no hard links",
  inDirectory(async (directory) => {
    const path = join(directory, "file");
    for (const code of ["EPERM", "ENOTSUP", "ENOSYS"]) {
      await rm(path, { force: true });
      const options = { ...SECRET, linkFile: failure(code) };
      assert.equal(await createTrustFile(path, "first", options), true);
      assert.equal(await createTrustFile(path, "second", options), false);
      assert.equal(await readTrustFile(path, SECRET), "first");
      assert.deepEqual(await readdir(directory), ["file"]);
    }
  }),
);

Deno.test(
  "createTrustFile() reports any other failure and leaves nothing behind",
  inDirectory(async (directory) => {
    const options = { ...SECRET, linkFile: failure("EIO") };
    await assert.rejects(createTrustFile(join(directory, "file"), "text", options), {
      code: "io",
      message: /^Cannot make thing ".+": EIO$/,
    });
    assert.deepEqual(await readdir(directory), []);
  }),
);

Deno.test(
  "replaceTrustFile() makes a private file and replaces it whole",
  inDirectory(async (directory) => {
    const path = join(directory, "below", "file");
    await replaceTrustFile(path, "first", SECRET);
    await replaceTrustFile(path, "second", SECRET);
    assert.equal(await readFile(path, "utf8"), "second");
    assert.deepEqual(await readdir(join(directory, "below")), ["file"]);
    if (Deno.build.os !== "windows") assert.equal((await stat(path)).mode & 0o777, 0o600);
  }),
);

Deno.test(
  "readTrustFile() bounds a file and refuses what is not UTF-8",
  inDirectory(async (directory) => {
    const path = join(directory, "file");
    await writeFile(path, "x".repeat(LIMITS.trustFileBytes), { mode: 0o600 });
    assert.equal((await readTrustFile(path, PUBLIC))?.length, LIMITS.trustFileBytes);
    await writeFile(path, "x".repeat(LIMITS.trustFileBytes + 1));
    await assert.rejects(readTrustFile(path, PUBLIC), { code: "io", message: /larger than/ });
    await writeFile(path, Uint8Array.of(0xff));
    await assert.rejects(readTrustFile(path, PUBLIC), SftpxError);
  }),
);

Deno.test({
  name: "readTrustFile() lets a list be read by all and written by the group, not by everyone",
  ignore: Deno.build.os === "windows",
  fn: inDirectory(async (directory) => {
    const path = join(directory, "file");
    await writeFile(path, "text");
    for (const mode of [0o644, 0o664, 0o600]) {
      await chmod(path, mode);
      assert.equal(await readTrustFile(path, PUBLIC), "text");
    }
    for (const mode of [0o646, 0o666, 0o602]) {
      await chmod(path, mode);
      await assert.rejects(readTrustFile(path, PUBLIC), {
        code: "permission",
        message: /everyone may write it/,
      });
    }
  }),
});

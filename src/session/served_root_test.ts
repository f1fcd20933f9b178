import assert from "node:assert/strict";
import { mkdtemp, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openServedRoot } from "./served_root.ts";

async function withDirectory(body: (path: (name: string) => string) => Promise<void>) {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "sftpx-root-")));
  try {
    await body((name) => join(directory, name));
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("openServedRoot() makes a root that may be written to, with its parents", async () => {
  await withDirectory(async (path) => {
    assert.equal(await openServedRoot(path("a/b"), { create: true }), path("a/b"));
    assert.ok((await stat(path("a/b"))).isDirectory());
    assert.equal(await openServedRoot(path("a/b"), { create: true }), path("a/b"));
  });
});

Deno.test("openServedRoot() makes nothing that is only to be read", async () => {
  await withDirectory(async (path) => {
    await assert.rejects(openServedRoot(path("absent"), { create: false }), {
      code: "io",
      message: /^Cannot serve ".*absent": it does not exist$/,
    });
    await assert.rejects(stat(path("absent")));
  });
});

Deno.test("openServedRoot() answers where a link leads, and takes nothing but a directory", async () => {
  await withDirectory(async (path) => {
    await openServedRoot(path("real"), { create: true });
    await symlink("real", path("link"));
    assert.equal(await openServedRoot(path("link"), { create: true }), path("real"));
    await writeFile(path("file"), "");
    for (const [name, create] of [["file", true], ["file", false], ["file/x", true]] as const) {
      await assert.rejects(openServedRoot(path(name), { create }), {
        code: "io",
        message: /: it is not a directory$/,
      });
    }
  });
});

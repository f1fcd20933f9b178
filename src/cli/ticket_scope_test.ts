import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { canonicalRoot, checkScope } from "./ticket_scope.ts";

async function inRoot(test: (root: string) => Promise<void>): Promise<void> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "sftpx-scope-")));
  try {
    await mkdir(join(root, "photos", "2027"), { recursive: true });
    await writeFile(join(root, "photos", "a.jpg"), "a");
    await symlink("photos", join(root, "pictures"));
    await test(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

async function refused(promise: Promise<unknown>, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof SftpxError);
    assert.equal(error.code, "usage");
    assert.match(error.message, text);
    return true;
  });
}

Deno.test("canonicalRoot() gives the real path of a directory, and refuses anything else", () =>
  inRoot(async (root) => {
    assert.equal(await canonicalRoot(join(root, "pictures")), join(root, "photos"));
    await refused(
      canonicalRoot(join(root, "absent")),
      /^Cannot use ".*absent" as ROOT: .*nothing of that name/,
    );
    await refused(canonicalRoot(join(root, "photos", "a.jpg")), /no directory, use --path/);
  }));

Deno.test("checkScope() gives a path as a grant has it", () =>
  inRoot(async (root) => {
    for (const path of ["", "."]) {
      assert.equal(await checkScope(root, { path, access: "both" }), "");
    }
    assert.equal(await checkScope(root, { path: "photos/2027/", access: "both" }), "photos/2027");
    assert.equal(await checkScope(root, { path: "photos/a.jpg", access: "read" }), "photos/a.jpg");
    // A push makes what is not there.
    assert.equal(await checkScope(root, { path: "new/one", access: "write" }), "new/one");
  }));

Deno.test("checkScope() refuses what climbs, is our own, or leads through a link", () =>
  inRoot(async (root) => {
    for (const path of ["../x", "/etc", "a//b", "photos/.sftpx", ".SFTPX/x"]) {
      await refused(checkScope(root, { path, access: "both" }), /Cannot use "--path/);
    }
    for (const path of ["pictures", "pictures/2027"]) {
      await refused(checkScope(root, { path, access: "read" }), /a link stands on the way/);
    }
  }));

Deno.test("checkScope() refuses what could never be used", () =>
  inRoot(async (root) => {
    await refused(checkScope(root, { path: "absent", access: "read" }), /nothing of that name/);
    for (const access of ["write", "both", "write-once"] as const) {
      await refused(checkScope(root, { path: "photos/a.jpg", access }), /--access read only/);
    }
    await refused(
      checkScope(root, { path: "photos/a.jpg/x", access: "write" }),
      /"a.jpg" on the way is no directory/,
    );
  }));

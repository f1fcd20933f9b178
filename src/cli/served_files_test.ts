import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownFilesWarning } from "./served_files.ts";

function inDirectory(body: (directory: string) => void): void {
  const directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-served-")));
  try {
    body(directory);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

Deno.test("ownFilesWarning() names what of sftpx's own a served directory holds", () =>
  inDirectory((home) => {
    const own = join(home, ".config/sftpx");
    fs.mkdirSync(own, { recursive: true });
    fs.writeFileSync(join(own, "identity"), "");
    const identity = join(own, "identity");
    for (const root of [home, join(home, ".config"), own]) {
      assert.equal(
        ownFilesWarning(root, [null, identity]),
        `the served directory holds sftpx's own "${identity}": who may read there gets ` +
          "the identity, and who may write there lets in any key",
      );
    }
    const keys = join(home, "keys");
    assert.match(ownFilesWarning(home, ["/else/identity", keys]) ?? "", /own ".*keys"/);
    assert.match(ownFilesWarning("/", [identity]) ?? "", /holds/);
  }));

Deno.test("ownFilesWarning() is silent where they lie beside the served directory", () =>
  inDirectory((home) => {
    for (const name of ["sftpx", "sftpx-inbox", "inbox"]) fs.mkdirSync(join(home, name));
    fs.writeFileSync(join(home, "sftpx/identity"), "");
    const files = [null, join(home, "sftpx"), join(home, "sftpx-inbox/identity")];
    assert.equal(ownFilesWarning(join(home, "inbox"), files), null);
    assert.equal(ownFilesWarning(join(home, "sftpx"), [join(home, "sftpx-inbox/keys")]), null);
    assert.equal(ownFilesWarning(home, []), null);
  }));

Deno.test("ownFilesWarning() sees through links, to a root and to a file, from either side", () =>
  inDirectory((home) => {
    for (const name of ["root", "own"]) fs.mkdirSync(join(home, name));
    for (const name of ["root/kept", "own/identity"]) fs.writeFileSync(join(home, name), "");
    fs.symlinkSync(join(home, "own"), join(home, "link"));
    fs.symlinkSync(join(home, "root/kept"), join(home, "own/keys"));
    fs.symlinkSync(join(home, "own/identity"), join(home, "root/identity"));
    const warns = (root: string, file: string) =>
      ownFilesWarning(join(home, root), [join(home, file)]) !== null;
    assert.equal(warns("link", "own/identity"), true, "the root is a link");
    assert.equal(warns("own", "link/identity"), true, "the way to the file is one");
    assert.equal(warns("root", "own/keys"), true, "the file leads into the root");
    assert.equal(warns("root", "root/identity"), true, "a peer can put another in its place");
  }));

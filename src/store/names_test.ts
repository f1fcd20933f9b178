import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { inDirectory, NAMES } from "./_fixture.ts";
import type { Destination } from "./destination.ts";
import { DISK, type Disk } from "./disk.ts";
import { Door } from "./door.ts";
import { doesIgnoreCase, doesIgnoreForm, namesAt } from "./names.ts";

/** A disk that finds a name by every form of it, as APFS does, or by every case, as FAT does. */
function folding(fold: (path: string) => string): Disk {
  return {
    ...DISK,
    look: (path) => {
      const cut = path.lastIndexOf("/");
      const wanted = fold(path.slice(cut + 1));
      const found = fs.readdirSync(path.slice(0, cut)).find((name) => fold(name) === wanted);
      return found === undefined ? null : DISK.look(join(path.slice(0, cut), found));
    },
  };
}

Deno.test("doesIgnoreForm() finds out by a file of its own, and takes it away again", () =>
  inDirectory((root) => {
    assert.equal(doesIgnoreForm(root, folding((name) => name.normalize("NFC"))), true);
    assert.equal(doesIgnoreForm(root, folding((name) => name)), false);
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("doesIgnoreForm() calls forms apart where no such name can be made", () =>
  inDirectory((root) => {
    const refusing: Disk = {
      ...DISK,
      createEmpty: () => {
        throw Object.assign(new Error("no such name"), { code: "EILSEQ" });
      },
    };
    assert.equal(doesIgnoreForm(root, refusing), false);
    assert.equal(doesIgnoreForm(join(root, "absent"), DISK), false);
  }));

Deno.test("doesIgnoreCase() tells no directory for another", () =>
  inDirectory((root) => {
    assert.equal(doesIgnoreCase(root), false);
    fs.writeFileSync(join(root, "name"), "");
    assert.equal(doesIgnoreCase(root), false);
    // Two files are two names.
    fs.writeFileSync(join(root, "NAME"), "");
    assert.equal(doesIgnoreCase(root), false);
  }));

Deno.test("namesAt() looks at a file system of its own where entries go, and at no other", () =>
  inDirectory((root) => {
    fs.mkdirSync(join(root, "in/sub"), { recursive: true });
    const plain = folding((name) => name.toLowerCase());
    const mounted: Disk = {
      ...plain,
      look: (path) => {
        const stat = plain.look(path);
        const isBelow = path.startsWith(join(root, "in"));
        return isBelow && stat !== null ? Object.assign(stat, { dev: stat.dev + 1n }) : stat;
      },
    };
    const ask = (disk: Disk, directory: string | null) => {
      const destination = { directory } as unknown as Destination;
      return namesAt(destination, { door: new Door(root, { disk }), names: NAMES }).ignoresCase;
    };
    assert.equal(ask(mounted, "in"), true);
    assert.equal(ask(plain, "in"), false, "the root's own is known already");
    // Nothing stands in it, or there at all: the one above it tells.
    assert.equal(ask(mounted, "in/sub"), true);
    assert.equal(ask(mounted, "in/absent/deep"), true);
    assert.equal(ask(mounted, "absent"), false);
    assert.equal(ask(mounted, null), false);
    fs.writeFileSync(join(root, "file"), "");
    assert.equal(ask(mounted, "file/x"), false);
  }));

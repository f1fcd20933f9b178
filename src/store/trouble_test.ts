import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { inDirectory, transferOf, withStore } from "./_fixture.ts";
import { DISK } from "./disk.ts";
import { troubleAt } from "./trouble.ts";

Deno.test("troubleAt() answers what a small write meets, and leaves nothing", () =>
  inDirectory((root) => {
    assert.equal(troubleAt(join(root, "probe"), DISK), null);
    const full = Object.assign(new Error("quota"), { code: "EDQUOT" });
    const disk = {
      ...DISK,
      write: (path: string, bytes: Uint8Array) => {
        DISK.write(path, bytes.subarray(0, 1));
        throw full;
      },
    };
    assert.equal(troubleAt(join(root, "probe"), disk), full);
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("a write of SQLite's that failed is told as the disk itself tells it", () =>
  inDirectory((root) => {
    const disk = {
      ...DISK,
      write: () => {
        throw Object.assign(new Error("quota"), { code: "EDQUOT" });
      },
      // Stands for a call of SQLite's: its errors carry no more than this.
      makeDirectory: (path: string, options = {}) => {
        if (!path.endsWith("/locks")) return DISK.makeDirectory(path, options);
        throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10 });
      },
    };
    withStore(root, (store) => {
      const message = "Cannot begin the transfer: the disk quota is used up";
      assert.throws(() => store.begin(transferOf()), { code: "no_space", message });
    }, { disk });
  }));

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { inDirectory } from "./_fixture.ts";
import { NameSync, type NameSyncContext } from "./name_sync.ts";

/** So many touched directories, of which one call is worth it on a device; notes those calls. */
function scene({ touched, device, refusal = null }: {
  readonly touched: number;
  readonly device: bigint | null;
  /** Code of what making a file fails with. */
  readonly refusal?: string | null;
}) {
  const calls = { asked: [] as number[], synced: 0, probed: [] as string[] };
  const context = {
    chunks: {
      togetherOn: (directories: number) => {
        calls.asked.push(directories);
        return device;
      },
      syncWhole: (check: () => void) => {
        calls.synced++;
        check();
      },
    },
    partsDirectory: "/root/.sftpx/parts",
    place: {
      disk: {
        probe: (path: string) => {
          assert.equal(calls.synced, 1);
          calls.probed.push(path);
          if (refusal !== null) throw Object.assign(new Error(refusal), { code: refusal });
        },
      },
    },
    register: { directories: { touched: () => Array(touched).values() } },
  } as unknown as NameSyncContext;
  return { names: new NameSync(context), calls };
}

Deno.test("directories of the device that is held are left to one call in the end", () =>
  inDirectory((root) => {
    const seen = fs.lstatSync(root, { bigint: true });
    const { names, calls } = scene({ touched: 3, device: seen.dev });
    assert.deepEqual(calls.asked, [3]);
    assert.ok(names.takes(seen));
    assert.ok(names.takes(seen));
    assert.equal(calls.synced, 0);
    names.sync();
    assert.equal(calls.synced, 1);
    assert.equal(calls.probed.length, 1);
    assert.match(calls.probed[0] ?? "", /^\/root\/\.sftpx\/\.sftpx-[0-9a-f]+$/);
  }));

Deno.test("no names count as durable on a file system that makes no file behind the call", () =>
  inDirectory((root) => {
    const seen = fs.lstatSync(root, { bigint: true });
    for (const refusal of ["EROFS", "EIO", "ESHUTDOWN"]) {
      const { names } = scene({ touched: 3, device: seen.dev, refusal });
      assert.ok(names.takes(seen));
      assert.throws(() => names.sync(), { code: refusal });
    }
  }));

Deno.test("names are durable on a file system that is full, too", () =>
  inDirectory((root) => {
    const seen = fs.lstatSync(root, { bigint: true });
    for (const refusal of ["ENOSPC", "EDQUOT"]) {
      const { names, calls } = scene({ touched: 3, device: seen.dev, refusal });
      assert.ok(names.takes(seen));
      names.sync();
      assert.equal(calls.probed.length, 1);
    }
  }));

Deno.test("what lies on another device is synced by itself, and so is what is no directory", () =>
  inDirectory((root) => {
    const seen = fs.lstatSync(root, { bigint: true });
    const elsewhere = scene({ touched: 3, device: seen.dev + 1n });
    assert.ok(!elsewhere.names.takes(seen));
    fs.writeFileSync(`${root}/f`, "");
    const { names, calls } = scene({ touched: 3, device: seen.dev });
    assert.ok(!names.takes(fs.lstatSync(`${root}/f`, { bigint: true })));
    assert.ok(!names.takes(null));
    for (const one of [elsewhere, { names, calls }]) {
      one.names.sync();
      assert.equal(one.calls.synced, 0);
      assert.deepEqual(one.calls.probed, []);
    }
  }));

Deno.test("where no call is worth it, or tells of names, each directory is synced by itself", () =>
  inDirectory((root) => {
    const { names, calls } = scene({ touched: 1, device: null });
    assert.ok(!names.takes(fs.lstatSync(root, { bigint: true })));
    names.sync();
    assert.equal(calls.synced, 0);
  }));

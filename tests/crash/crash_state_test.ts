import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CrashState, Moment, PAGE_BYTES, versionOf, withAll } from "./crash_state.ts";
import { NO_DATABASE } from "./history.ts";
import { RecordingDisk } from "./recording_disk.ts";

/** Runs `body` with a recording disk on an empty directory, and answers the last moment. */
function recorded(body: (disk: RecordingDisk, top: string) => void): Moment {
  const top = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-crash-state-")));
  try {
    const disk = new RecordingDisk(top, { root: top });
    body(disk, top);
    return Moment.all(disk.history).at(-1)!;
  } finally {
    fs.rmSync(top, { recursive: true, force: true });
  }
}

function pathsWith(moment: Moment, names: ReadonlySet<number>): string[] {
  const state = new CrashState(moment, {
    names,
    contents: (_node, pending) => withAll(pending),
    database: NO_DATABASE,
  });
  return [...state.paths()].map(([path]) => path).sort();
}

Deno.test("a name comes with the earlier ones of its directory, and no others", () => {
  const moment = recorded((disk, top) => {
    disk.makeDirectory(join(top, "a"));
    disk.makeDirectory(join(top, "b"));
    disk.createEmpty(join(top, "a/1"));
    disk.createEmpty(join(top, "b/2"));
  });
  assert.deepEqual(pathsWith(moment, moment.closed([])), []);
  assert.deepEqual(pathsWith(moment, moment.closed([1, 3])), ["a", "b", "b/2"]);
  assert.deepEqual(pathsWith(moment, moment.closed([1])), ["a", "b"]);
});

Deno.test("a sync of a directory keeps its names, and what they cannot be without", () => {
  const moment = recorded((disk, top) => {
    disk.makeDirectory(join(top, "a"));
    disk.makeDirectory(join(top, "b"));
    disk.createEmpty(join(top, "a/1"));
    disk.rename(join(top, "a/1"), join(top, "b/2"));
    disk.createEmpty(join(top, "a/3"));
    disk.syncDirectory(join(top, "b"));
  });
  // `b` has no name yet itself; the file was moved for good, and `a/3` may be lost.
  assert.deepEqual([...moment.durableNames].sort(), [2, 3]);
  assert.deepEqual(pathsWith(moment, moment.closed([1])), ["a", "b", "b/2"]);
});

Deno.test("a directory is gone only with all that was in it", () => {
  const moment = recorded((disk, top) => {
    disk.makeDirectory(join(top, "a"));
    disk.createEmpty(join(top, "a/1"));
    disk.remove(join(top, "a/1"));
    disk.removeDirectory(join(top, "a"));
  });
  assert.deepEqual([...moment.closed([3])].sort(), [0, 1, 2, 3]);
});

Deno.test("a file that was not synced is there in any mix of its pages and sizes", () => {
  const part = "part";
  const write = (disk: RecordingDisk, top: string, fill: number, sync: boolean) => {
    const fileBytes = 2 * PAGE_BYTES;
    const bytes = new Uint8Array(fileBytes).fill(fill);
    disk.land(join(top, part), { atBytes: 0, bytes, fileBytes, sync });
  };
  const moment = recorded((disk, top) => {
    write(disk, top, 1, true);
    write(disk, top, 2, false);
    write(disk, top, 3, false);
  });
  const [pending] = [...moment.pending.values()];
  assert.ok(pending !== undefined);
  const mixed = versionOf(pending, { sizes: 0, pageVersion: (page) => page === 0 ? 2 : 0 });
  assert.deepEqual([mixed.bytes[0], mixed.bytes[PAGE_BYTES]], [3, 1]);
  assert.equal(withAll(pending).bytes[PAGE_BYTES], 3);
  const synced = recorded((disk, top) => write(disk, top, 1, true));
  assert.deepEqual([...synced.pending.values()].map(({ changes }) => changes), [[]]);
});

Deno.test("a file that grew may have its size without its bytes", () => {
  const moment = recorded((disk, top) => {
    const bytes = new Uint8Array(100).fill(7);
    disk.land(join(top, "f"), { atBytes: 0, bytes, fileBytes: 100, sync: false });
  });
  const [pending] = [...moment.pending.values()];
  assert.ok(pending !== undefined);
  const hollow = versionOf(pending, { sizes: Infinity, pageVersion: () => 0 });
  assert.deepEqual(hollow.bytes, new Uint8Array(100));
  assert.equal(versionOf(pending, { sizes: 0, pageVersion: () => 1 }).bytes.length, 0);
});

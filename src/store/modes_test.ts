import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import { printedBy } from "../../tests/own_process.ts";
import {
  directoryEntry,
  fileEntry,
  inDirectory,
  makeTree,
  receive,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { DISK } from "./disk.ts";
import { Door } from "./door.ts";
import { maskAt, restoredMode } from "./modes.ts";
import { DEFAULT_POLICY, type ModePolicy } from "./policy.ts";

const isWindows = process.platform === "win32";
const ENTRIES = [
  directoryEntry("d", { mode: 0o7777 }),
  fileEntry("d/open", 1, { mode: 0o6777 }),
  directoryEntry("d/shared", { mode: 0o3770 }),
  fileEntry("d/shared/f", 1, { mode: 0o2640 }),
];
const CONTENTS = { "d/open": "x", "d/shared/f": "y" };
const PATHS = ENTRIES.map(({ path }) => path);

function transferBy(modes: ModePolicy) {
  return transferOf({ policy: { ...DEFAULT_POLICY, modes } });
}

/** Permission bits of these paths below a root. */
function modesIn(root: string, paths: readonly string[] = PATHS): string[] {
  return paths.map((path) => (fs.lstatSync(join(root, path)).mode & 0o7777).toString(8));
}

Deno.test("safe takes no set-id, sticky or world-write bit, and what the mask leaves of the rest", () => {
  fc.assert(fc.property(fc.nat(0o7777), fc.nat(0o777), (mode, mask) => {
    const restored = restoredMode(mode, { policy: "safe", mask });
    assert.equal(restored & 0o7002, 0);
    assert.equal(restored & mask, 0);
    assert.equal(restored & ~mode, 0, "nothing is added");
    assert.equal(restored, mode & 0o775 & ~mask, "and nothing else is taken");
    assert.equal(restoredMode(mode, { policy: "exact", mask }), mode);
  }));
});

for (
  const [policy, mask, modes] of [
    ["safe", 0o022, ["755", "755", "750", "640"]],
    ["safe", 0o002, ["775", "775", "770", "640"]],
    ["safe", 0o077, ["700", "700", "700", "600"]],
    ["safe", 0, ["775", "775", "770", "640"]],
    ["exact", 0o077, ["7777", "6777", "3770", "2640"]],
  ] as const
) {
  Deno.test({
    name: `modes that are ${policy} under a mask of ${
      mask.toString(8)
    }, and a second run changes nothing`,
    ignore: isWindows,
    fn: () =>
      inDirectory((root) => {
        withStore(root, (store) => {
          const given = { entries: ENTRIES, contents: CONTENTS };
          const { failures } = receive(store, transferBy(policy), given);
          assert.deepEqual(failures, []);
          assert.deepEqual(modesIn(root), modes);
          const again = receive(store, transferBy(policy), given);
          assert.deepEqual([again.failures, again.changed], [[], []]);
          assert.deepEqual(modesIn(root), modes);
          const { id } = store.begin({ ...transferBy(policy), dryRun: true });
          const steps = store.plan(id, 0, ENTRIES, ENTRIES.map(() => 0));
          const actions = steps.map(({ action }) => action);
          assert.deepEqual(actions, ENTRIES.map(() => "unchanged"), "and a plan says so");
          store.abandon(id);
        }, { mask });
      }),
  });
}

Deno.test({
  name: "a directory keeps the sharing that it has here, and gets none from a peer",
  ignore: isWindows,
  fn: () =>
    inDirectory((root) => {
      makeTree(root, ["d/stands/"]);
      fs.chmodSync(join(root, "d"), 0o2775);
      fs.chmodSync(join(root, "d/stands"), 0o1777);
      const entries = [
        directoryEntry("d"),
        directoryEntry("d/made"),
        directoryEntry("d/stands", { mode: 0o2755 }),
      ];
      withStore(root, (store) => {
        assert.deepEqual(receive(store, transferBy("safe"), { entries }).failures, []);
        const paths = entries.map(({ path }) => path);
        // What is made inside of a set-group-id directory has the bit from there.
        assert.deepEqual(modesIn(root, paths), ["2755", "2755", "1755"]);
        receive(store, transferBy("exact"), { entries });
        assert.deepEqual(modesIn(root, paths), ["755", "755", "2755"]);
      });
    }),
});

Deno.test({
  name: "a directory is never more open than it will be, from the moment it is made",
  ignore: isWindows,
  fn: () =>
    inDirectory((root) => {
      const made: string[] = [];
      const disk = {
        ...DISK,
        makeDirectory: (path: string, options = {}) => {
          DISK.makeDirectory(path, options);
          const mode = fs.statSync(path).mode & 0o777;
          if (path.length > root.length + 1 && !path.includes("/.sftpx")) {
            made.push(`${path.slice(root.length + 1)} ${mode.toString(8)}`);
          }
        },
      };
      const entries = [directoryEntry("d"), directoryEntry("d/e", { mode: 0o700 })];
      withStore(root, (store) => {
        assert.deepEqual(receive(store, transferBy("safe"), { entries }).failures, []);
      }, { disk });
      assert.deepEqual(made, ["d 755", "d/e 700"]);
      assert.deepEqual(modesIn(root, ["d", "d/e"]), ["755", "700"]);
    }),
});

for (const writeOnce of [false, true]) {
  const by = writeOnce ? "a write-once grant" : "a grant";
  Deno.test({
    name: `a directory that was only made when a transfer was killed is no less open, by ${by}`,
    ignore: isWindows,
    fn: () =>
      inDirectory((root) => {
        const entries = [directoryEntry("d"), directoryEntry("d/e", { mode: 0o750 })];
        const transfer = { ...transferBy("safe"), writeOnce };
        const disk = {
          ...DISK,
          setMode: (path: string, mode: number) => {
            if (path === `${root}/d/e`) throw Object.assign(new Error("killed"), { code: "EIO" });
            DISK.setMode(path, mode);
          },
        };
        withStore(root, (store) => {
          const { id } = store.begin(transfer);
          store.register(id, 0, entries, [0, 0]);
          store.placeDirectories(id);
          assert.deepEqual(modesIn(root, ["d/e"]), ["750"]);
          store.abandon(id);
        }, { disk });
        // This time by the door that this system has.
        withStore(root, (store) => {
          assert.deepEqual(receive(store, transfer, { entries }).failures, []);
        });
        assert.deepEqual(modesIn(root, ["d", "d/e"]), ["755", "750"]);
      }),
  });
}

Deno.test({
  name: "what is missing above a directory that is made is open to nobody else",
  ignore: isWindows,
  fn: () =>
    inDirectory((root) => {
      new Door(root).enterDirectory("a/b/c", { mode: 0o755 });
      assert.deepEqual(modesIn(root, ["a", "a/b", "a/b/c"]), ["700", "700", "755"]);
    }),
});

Deno.test({
  name: "a directory that its source closed to everybody is closed when it is full, not before",
  ignore: isWindows,
  fn: () =>
    inDirectory((root) => {
      const entries = [directoryEntry("d", { mode: 0o500 }), fileEntry("d/f", 1, { mode: 0o400 })];
      withStore(root, (store) => {
        const given = { entries, contents: { "d/f": "x" } };
        for (const policy of ["safe", "exact"] as const) {
          assert.deepEqual(receive(store, transferBy(policy), given).failures, []);
          assert.deepEqual(modesIn(root, ["d", "d/f"]), ["500", "400"]);
        }
      });
      fs.chmodSync(join(root, "d"), 0o700);
    }),
});

Deno.test({
  name: "maskAt() finds the process's mask by a file that it makes where nothing tells it",
  ignore: isWindows,
  fn: () =>
    inDirectory((root) => {
      const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
      const script = `import process from "node:process";
        import { DISK } from ${url("./disk.ts")};
        import { maskAt } from ${url("./modes.ts")};
        process.umask(0o027);
        const path = ${JSON.stringify(join(root, "probe"))};
        console.log(maskAt(path, { disk: DISK, known: null }), maskAt(path, { disk: DISK }));`;
      assert.equal(printedBy(script), `${0o027} ${0o027}`);
      assert.equal(maskAt(join(root, "none/probe"), { disk: DISK, known: null }), 0);
      assert.deepEqual(fs.readdirSync(root), [], "and takes it away");
    }),
});

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { only } from "./_conformance.ts";
import {
  CHUNK_BYTES,
  digest,
  directoryEntry,
  directorySource,
  fileEntry,
  fileSource,
  fillPart,
  heldIn,
  inDirectory,
  linkEntry,
  listTree,
  makeTree,
  MTIME_NS,
  receive,
  stampFor,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { NEVER_NS } from "./chunk_journal.ts";
import { DISK, type Disk, stampOf } from "./disk.ts";
import type { DiskStore } from "./disk_store.ts";
import { Journal } from "./journal.ts";
import { DEFAULT_POLICY } from "./policy.ts";

Deno.test("modes and times are restored, set-id and sticky bits are not", () =>
  inDirectory((root) => {
    const entries = [
      directoryEntry("d", { mode: 0o1555 }),
      fileEntry("d/read-only", 1, { mode: 0o4400 }),
      fileEntry("d/script", 1, { mode: 0o755, mtimeNs: 1_650_000_000_001_000_000n }),
    ];
    withStore(root, (store) => {
      const contents = { "d/read-only": "x", "d/script": "y" };
      const { failures, committed } = receive(store, transferOf(), { entries, contents });
      assert.deepEqual([failures, committed], [[], [0, 1, 2]]);
    });
    const stat = (path: string) => fs.lstatSync(join(root, path), { bigint: true });
    const modes = ["d", "d/read-only", "d/script"].map((path) => stat(path).mode & 0o7777n);
    assert.deepEqual(modes, [0o555n, 0o400n, 0o755n]);
    assert.equal(stat("d").mtimeNs / 1_000_000n, MTIME_NS / 1_000_000n);
    assert.equal(stat("d/script").mtimeNs / 1_000_000n, 1_650_000_000_001n);
    fs.chmodSync(join(root, "d"), 0o755);
  }));

Deno.test("a read-only directory of an earlier transfer takes new entries and is closed again", () =>
  inDirectory((root) => {
    makeTree(root, ["d/old"]);
    fs.chmodSync(join(root, "d"), 0o555);
    const entries = [directoryEntry("d", { mode: 0o555 }), fileEntry("d/new", 1)];
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const placements = store.register(id, 0, entries, [0, 0]);
      fillPart(placements[1], "x");
      store.placeDirectories(id);
      assert.equal(fs.statSync(join(root, "d")).mode & 0o777, 0o755);
      assert.deepEqual(store.commit(id, [wholeFile(1)]).failures, []);
      assert.deepEqual(store.finish(id).failures, []);
    });
    assert.equal(fs.statSync(join(root, "d")).mode & 0o777, 0o555);
    fs.chmodSync(join(root, "d"), 0o755);
  }));

Deno.test("entries are registered in sequence, and none once the directories are placed", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const found = (next: number) => ({
        code: "protocol",
        message: new RegExp(`: ${next} is next$`),
      });
      store.register(id, 0, [directoryEntry("d")], [0]);
      assert.throws(() => store.register(id, 0, [fileEntry("d/a", 1)], [0]), found(1));
      assert.throws(() => store.register(id, 2, [fileEntry("d/a", 1)], [0]), found(1));
      assert.throws(() => store.register(id, 1, [fileEntry("d/a", 1)], []), found(1));
      store.placeDirectories(id);
      assert.throws(() => store.register(id, 1, [fileEntry("d/a", 1)], [0]), found(1));
      store.abandon(id);
    });
  }));

Deno.test("a private directory is private from its first moment", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      store.register(id, 0, [directoryEntry("d", { mode: 0o500 })], [0]);
      store.placeDirectories(id);
      assert.equal(fs.statSync(join(root, "d")).mode & 0o777, 0o700);
      store.finish(id);
    });
    assert.equal(fs.statSync(join(root, "d")).mode & 0o777, 0o500);
  }));

Deno.test("a link at a final name is replaced itself, what it leads to is untouched", () =>
  inDirectory((root) => {
    makeTree(root, ["victim", "d/f->../victim", "d/l->../victim"]);
    const entries = [directoryEntry("d"), fileEntry("d/f", 1), linkEntry("d/l", "elsewhere")];
    withStore(root, (store) => {
      const { failures } = receive(store, transferOf(), { entries, contents: { "d/f": "x" } });
      assert.deepEqual(failures, []);
    });
    assert.equal(fs.readFileSync(join(root, "victim"), "utf8"), "victim");
    assert.equal(fs.lstatSync(join(root, "d/f")).isFile(), true);
    assert.equal(fs.readlinkSync(join(root, "d/l")), "elsewhere");
  }));

Deno.test("a link gets its own time and never sets that of its target", () =>
  inDirectory((root) => {
    makeTree(root, ["victim"]);
    fs.utimesSync(join(root, "victim"), 5, 5);
    const transfer = transferOf({ sources: [{ name: "l", kind: "link", contents: false }] });
    withStore(root, (store) => {
      for (let i = 0; i < 2; i++) receive(store, transfer, { entries: [linkEntry("l", "victim")] });
    });
    assert.equal(fs.statSync(join(root, "victim")).mtimeMs, 5000);
    const { mtimeNs } = fs.lstatSync(join(root, "l"), { bigint: true });
    assert.equal(mtimeNs / 1_000_000n, MTIME_NS / 1_000_000n);
  }));

Deno.test("file against directory fails that entry only, either way", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a/in", "d/b", "d/c/in", "d/e->a"]);
    const entries = [
      directoryEntry("d"),
      fileEntry("d/a", 1),
      directoryEntry("d/b"),
      fileEntry("d/b/x", 1),
      linkEntry("d/c", "x"),
      directoryEntry("d/e"),
      fileEntry("d/ok", 1),
    ];
    withStore(root, (store) => {
      const { failures, placements, committed } = receive(store, transferOf(), {
        entries,
        contents: { "d/ok": "x" },
      });
      assert.equal(only(placements[1], "failed").code, "conflict");
      assert.equal(only(placements[3], "failed").code, "conflict");
      assert.deepEqual(failures.map(({ entry, code }) => [entry, code]).sort(), [
        [2, "conflict"],
        [4, "conflict"],
        [5, "conflict"],
      ]);
      assert.deepEqual(committed, [0, 6]);
    });
    assert.deepEqual(listTree(root), [
      "d/",
      "d/a/",
      "d/a/in",
      "d/b",
      "d/c/",
      "d/c/in",
      "d/e",
      "d/ok",
    ]);
  }));

Deno.test("a directory that appears where a fresh file goes fails the commit", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf({ sources: [fileSource("f")] }));
      const [placement] = store.register(id, 0, [fileEntry("f", 1)], [0]);
      fillPart(placement, "x");
      store.placeDirectories(id);
      fs.mkdirSync(join(root, "f"));
      assert.equal(store.commit(id, [wholeFile(0)]).failures[0]?.code, "conflict");
    });
  }));

Deno.test("a part whose commit failed can be opened by the next attempt", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf({ sources: [fileSource("f")] }));
      const [placement] = store.register(id, 0, [fileEntry("f", 1, { mode: 0o000 })], [0]);
      fillPart(placement, "x");
      store.placeDirectories(id);
      fs.mkdirSync(join(root, "f"));
      store.commit(id, [wholeFile(0)]);
      assert.equal(fs.statSync(only(placement, "new").part).mode & 0o777, 0o600);
    });
  }));

Deno.test("a directory swapped for a link between two calls takes nothing", () =>
  inDirectory((root) => {
    makeTree(root, ["out/", "in/"]);
    withStore(join(root, "in"), (store) => {
      const { id } = store.begin(transferOf());
      const placements = store.register(id, 0, [directoryEntry("d"), fileEntry("d/f", 1)], [0, 0]);
      fillPart(placements[1], "x");
      store.placeDirectories(id);
      fs.rmdirSync(join(root, "in/d"));
      fs.symlinkSync("../out", join(root, "in/d"));
      assert.equal(store.commit(id, [wholeFile(1)]).failures[0]?.code, "conflict");
      assert.equal(store.finish(id).failures[0]?.code, "conflict");
    });
    assert.deepEqual(fs.readdirSync(join(root, "out")), []);
  }));

Deno.test("names from a peer that climb or touch .sftpx fail their entry", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const paths = ["d/../../x", "d/.SFTPX/state.db", "d/.sftpx-1", "d/\u202ex"];
      const entries = paths.map((path) => fileEntry(path, 1));
      const placements = store.register(id, 0, entries, entries.map(() => 0));
      store.placeDirectories(id);
      placements.forEach((placement, i) => {
        if (placement.kind === "new") fillPart(placement, "x");
        else assert.equal(only(placement, "failed").code, "bad_name");
        const code = store.commit(id, [wholeFile(i)]).failures[0]?.code;
        assert.ok(code === "bad_name" || code === "internal", paths[i]!);
      });
      store.abandon(id);
    });
    assert.deepEqual(listTree(root), []);
  }));

Deno.test("an entry below a file or link of its own manifest is refused", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf({ policy: { ...DEFAULT_POLICY, links: "keep" } }));
      const entries = [
        directoryEntry("d"),
        linkEntry("d/l", "/etc"),
        fileEntry("d/l-x", 0),
        fileEntry("d/l/passwd", 1),
        directoryEntry("d/m"),
        fileEntry("d/m/x", 1),
      ];
      const placements = store.register(id, 0, entries, entries.map(() => 0));
      assert.equal(only(placements[3], "failed").code, "conflict");
      assert.deepEqual(placements.map((p) => p.kind), [
        "later",
        "later",
        "new",
        "failed",
        "later",
        "new",
      ]);
    });
  }));

Deno.test("an entry outside the source it is said to be of is refused", () =>
  inDirectory((root) => {
    makeTree(root, ["kept"]);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf({ sources: [fileSource("f"), directorySource("d")] }));
      const entries = [fileEntry("d-x", 1), fileEntry("f/x", 1), fileEntry("kept", 1)];
      const placements = store.register(id, 0, entries, [1, 0, 2]);
      assert.deepEqual(placements.map((p) => only(p, "failed").code), [
        "protocol",
        "protocol",
        "protocol",
      ]);
    });
  }));

Deno.test("write-once never replaces, whatever came in between", () =>
  inDirectory((root) => {
    const transfer = transferOf({ writeOnce: true });
    const entries = [fileEntry("d/a", 1), fileEntry("d/b", 1), linkEntry("d/l", "new")];
    withStore(root, (store) => {
      const { id } = store.begin(transfer);
      const placements = store.register(id, 0, entries, [0, 0, 0]);
      for (const placement of placements.slice(0, 2)) fillPart(placement, "x");
      store.placeDirectories(id);
      makeTree(root, ["d/b", "d/l->old"]);
      const outcome = store.commit(id, [wholeFile(0), wholeFile(1)]);
      assert.deepEqual(outcome.committed, [0]);
      assert.deepEqual(outcome.failures.map((f) => f.code), ["refused"]);
      assert.deepEqual(store.finish(id).failures.map((f) => f.code), ["refused"]);
    });
    assert.equal(fs.readFileSync(join(root, "d/a"), "utf8"), "x");
    assert.equal(fs.readFileSync(join(root, "d/b"), "utf8"), "d/b");
    assert.equal(fs.readlinkSync(join(root, "d/l")), "old");
    assert.equal(fs.statSync(join(root, "d/a")).nlink, 1);
  }));

Deno.test("a file that stands is kept when it is the same, with new mode and time", () =>
  inDirectory((root) => {
    makeTree(root, ["f"]);
    withStore(root, (store) => {
      const { id, fresh } = store.begin(transferOf({ sources: [fileSource("f")] }));
      assert.deepEqual(fresh, [false]);
      const [placement] = store.register(id, 0, [fileEntry("f", 1, { mode: 0o600 })], [0]);
      const stands = only(placement, "stands");
      const seen = stampOf(fs.lstatSync(join(root, "f"), { bigint: true }));
      assert.deepEqual([stands.path, stands.stamp], [join(root, "f"), seen]);
      const inode = fs.statSync(join(root, "f")).ino;
      store.placeDirectories(id);
      assert.deepEqual(store.commit(id, [wholeFile(0, { keep: true })]).failures, []);
      const stat = fs.statSync(join(root, "f"));
      assert.deepEqual([stat.ino, stat.mode & 0o777], [inode, 0o600]);
      store.finish(id);
    });
  }));

Deno.test("a file that changed since it was compared is not kept", () =>
  inDirectory((root) => {
    makeTree(root, ["f"]);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf({ sources: [fileSource("f")] }));
      store.register(id, 0, [fileEntry("f", 1)], [0]);
      store.placeDirectories(id);
      fs.utimesSync(join(root, "f"), 1, 1);
      const { failures } = store.commit(id, [wholeFile(0, { keep: true })]);
      assert.equal(failures[0]?.code, "conflict");
      assert.equal(fs.statSync(join(root, "f")).mtimeMs, 1000);
    });
  }));

Deno.test("a part that is not whole is not committed", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", 2)], [0]);
      fillPart(placement, "x");
      store.placeDirectories(id);
      assert.equal(store.commit(id, [wholeFile(0)]).failures[0]?.code, "integrity");
    });
    assert.deepEqual(listTree(root), []);
  }));

Deno.test("an unchanged file gets the manifest's mode at the end", () =>
  inDirectory((root) => {
    const transfer = transferOf({ sources: [fileSource("f")] });
    const contents = { f: "x" };
    withStore(root, (store) => {
      receive(store, transfer, { entries: [fileEntry("f", 1)], contents });
      for (let i = 0; i < 2; i++) {
        const entries = [fileEntry("f", 1, { mode: 0o755 })];
        const { placements, failures } = receive(store, transfer, { entries, contents });
        assert.equal(placements[0]?.kind, "unchanged");
        assert.deepEqual(failures, []);
      }
    });
    assert.equal(fs.statSync(join(root, "f")).mode & 0o777, 0o755);
  }));

Deno.test("a part that went missing or short, or another size, is begun anew", () =>
  inDirectory((root) => {
    const spoil: Record<string, (part: string) => void> = {
      missing: (part) => fs.rmSync(part),
      short: (part) => fs.truncateSync(part, 3),
      link: (part) => {
        fs.rmSync(part);
        fs.symlinkSync("/etc/hostname", part);
      },
    };
    for (const [what, harm] of Object.entries(spoil)) {
      withStore(root, (store) => {
        const { id } = store.begin(transferOf());
        const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
        fillPart(placement, "hello");
        store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
        store.abandon(id);
        harm(only(placement, "new").part);
        const again = store.begin(transferOf());
        const [next] = store.register(again.id, 0, [fileEntry("d/f", 5)], [0]);
        assert.equal(next?.kind, "new", what);
        store.abandon(again.id);
        assert.deepEqual(store.resumable(), [], what);
      });
    }
    withStore(root, (store) => store.clean({ beforeNs: null }));
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("a source of another size does not get the old part", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
      fillPart(placement, "hello");
      store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
      store.abandon(id);
      const again = store.begin(transferOf());
      const [next] = store.register(again.id, 0, [fileEntry("d/f", 6)], [0]);
      assert.equal(next?.kind, "new");
    });
  }));

Deno.test("chunks of a changed source go beside those of the old one, and none is believed unread", () =>
  inDirectory((root) => {
    const size = 2 * CHUNK_BYTES;
    const changed = fileEntry("d/f", size, { stamp: stampFor(size, 8n) });
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", size)], [0]);
      fillPart(placement, new Uint8Array(size));
      const digests = new Uint8Array(64).fill(1);
      store.journal(id, [{ entry: 0, first: 0, digests, synced: true }]);
      store.abandon(id);
      const second = store.begin(transferOf());
      const [held] = store.register(second.id, 0, [changed], [0]);
      assert.deepEqual(only(held, "held").stamp, stampFor(size));
      store.journal(second.id, [{ entry: 0, first: 1, digests: digest(2), synced: true }]);
      store.abandon(second.id);
      const third = store.begin(transferOf());
      const [last] = store.register(third.id, 0, [changed], [0]);
      const { chunks, stamp, recordedNs } = only(last, "held");
      assert.deepEqual([...heldIn(chunks)], [[0, digest(1)], [1, digest(2)]]);
      assert.deepEqual(stamp, stampFor(size, 8n));
      assert.equal(recordedNs, NEVER_NS);
      // Nor once more of it is journalled.
      store.journal(third.id, [{ entry: 0, first: 1, digests: digest(3), synced: true }]);
      store.abandon(third.id);
      const [latest] = store.register(store.begin(transferOf()).id, 0, [changed], [0]);
      assert.equal(only(latest, "held").recordedNs, NEVER_NS);
    });
  }));

Deno.test("two runs of a part journalled in one call are of one part", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const entries = [fileEntry("d/a", 3 * CHUNK_BYTES)];
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, entries, [0]);
      fillPart(placement, new Uint8Array(3 * CHUNK_BYTES));
      const runs = [0, 2].map((first) => ({ entry: 0, first, digests: digest(first) }));
      store.journal(id, runs.map((run) => ({ ...run, synced: false })));
      store.abandon(id);
      assert.equal(store.resumable()[0]?.files, 1);
      const again = store.begin(transferOf());
      const [held] = store.register(again.id, 0, entries, [0]);
      const { chunks } = only(held, "held");
      assert.deepEqual([...heldIn(chunks)], [[0, digest(0)], [2, digest(2)]]);
    });
  }));

Deno.test("finish keeps the journal of an entry that failed and drops the rest", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const entries = [fileEntry("d/a", 1), fileEntry("d/b", 1), fileEntry("d/c", 1)];
      const { id } = store.begin(transferOf());
      const placements = store.register(id, 0, entries, [0, 0, 0]);
      placements.forEach((placement) => fillPart(placement, "x"));
      store.journal(
        id,
        [0, 1].map((entry) => ({
          entry,
          first: 0,
          digests: digest(1),
          synced: false,
        })),
      );
      store.placeDirectories(id);
      store.commit(id, [wholeFile(0)]);
      store.finish(id);
      assert.equal(store.resumable()[0]?.files, 1);
      assert.equal(fs.existsSync(only(placements[1], "new").part), true);
      assert.equal(fs.existsSync(only(placements[2], "new").part), false);
    });
    assert.equal(fs.existsSync(join(root, ".sftpx/state.db")), true);
  }));

/** What puts names and bytes where they stay. */
const LASTING = /^(syncFile|syncDirectory|finish|createEmpty|copy|rename|link) (?!\/\.sftpx )/;

/** A disk that writes down what is asked of it, by path below the root. */
function recording(root: string, overrides: Partial<Disk> = {}): { disk: Disk; calls: string[] } {
  const calls: string[] = [];
  const base: Disk = { ...DISK, ...overrides };
  const disk = Object.fromEntries(
    Object.entries(base).map(([name, call]) => [name, (...args: unknown[]) => {
      const shown = args.map((arg) =>
        typeof arg === "string"
          ? arg.replace(root, "").replace(/parts\/[^/]+/, "parts/RUN")
          : (arg as { sync: boolean }).sync
          ? "sync"
          : "no sync"
      );
      const told = `${name} ${shown.join(" ")}`;
      if (LASTING.test(told)) calls.push(told);
      return (call as (...args: unknown[]) => unknown)(...args);
    }]),
  ) as unknown as Disk;
  return { disk, calls };
}

Deno.test("bytes are synced before the rename, names before the end (I1)", () =>
  inDirectory((root) => {
    const { disk, calls } = recording(root);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const entries = [directoryEntry("d"), fileEntry("d/f", 1), fileEntry("d/g", 1)];
      const placements = store.register(id, 0, entries, [0, 0, 0]);
      placements.slice(1).forEach((placement) => fillPart(placement, "x"));
      store.placeDirectories(id);
      assert.deepEqual(calls, []);
      store.commit(id, [wholeFile(1), wholeFile(2, { synced: true })]);
      store.finish(id);
    }, { disk });
    assert.deepEqual(calls, [
      "finish /.sftpx/parts/RUN/0/1 sync",
      "rename /.sftpx/parts/RUN/0/1 /d/f",
      "finish /.sftpx/parts/RUN/0/2 no sync",
      "rename /.sftpx/parts/RUN/0/2 /d/g",
      "finish /d sync",
      "syncDirectory ",
    ]);
  }));

Deno.test("directories get mode and time from the deepest up, after the links in them", () =>
  inDirectory((root) => {
    const { disk, calls } = recording(root);
    withStore(root, (store) => {
      const entries = [directoryEntry("d"), directoryEntry("d/e"), linkEntry("d/e/l", "x")];
      assert.deepEqual(receive(store, transferOf(), { entries }).failures, []);
    }, { disk });
    assert.deepEqual(calls.filter((call) => /^(rename|finish)/.test(call)), [
      "rename /.sftpx/parts/RUN/scratch /d/e/l",
      "finish /d/e sync",
      "finish /d sync",
    ]);
  }));

Deno.test("directories and links that stand as they should are not written, and links alone synced", () =>
  inDirectory((root) => {
    const { disk, calls } = recording(root);
    const entries = [
      directoryEntry("d"),
      directoryEntry("d/e"),
      linkEntry("d/e/l", "x"),
      directoryEntry("d/f"),
    ];
    const again = (): readonly string[] => {
      calls.length = 0;
      withStore(root, (store) => {
        assert.deepEqual(receive(store, transferOf(), { entries }).failures, []);
      }, { disk });
      return calls.filter((call) => / \/d\b/.test(call));
    };
    const linkSynced = "syncDirectory /d/e";
    assert.notDeepEqual(again(), [linkSynced]);
    assert.deepEqual(again(), [linkSynced]);
    fs.utimesSync(join(root, "d/f"), 5, 5);
    assert.deepEqual(again(), ["finish /d/f no sync", linkSynced]);
    fs.lutimesSync(join(root, "d/e/l"), 5, 5);
    assert.deepEqual(again(), [linkSynced]);
    fs.rmSync(join(root, "d/e/l"));
    assert.deepEqual(again().slice(-1), ["finish /d/e sync"]);
  }));

Deno.test("a committed file is out of the journal before the transfer ends", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", 1)], [0]);
      fillPart(placement, "x");
      store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
      store.placeDirectories(id);
      store.commit(id, [wholeFile(0)]);
      store.abandon(id);
      assert.deepEqual(store.resumable(), []);
      const again = store.begin(transferOf());
      const [next] = store.register(again.id, 0, [fileEntry("d/f", 1)], [0]);
      assert.deepEqual(next, { kind: "unchanged", digest: digest(9) });
    });
  }));

Deno.test("bytes and part names are synced before the journal knows them (I2)", () =>
  inDirectory((root) => {
    const rowsAtSync: number[] = [];
    const opened: DiskStore[] = [];
    const { disk, calls } = recording(root, {
      syncFile: (path) => {
        rowsAtSync.push(opened[0]?.resumable().length ?? -1);
        DISK.syncFile(path);
      },
    });
    withStore(root, (store) => {
      opened.push(store);
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", 2 * CHUNK_BYTES)], [0]);
      fillPart(placement, new Uint8Array(2 * CHUNK_BYTES));
      const run = { entry: 0, digests: digest(1) };
      store.journal(id, [{ ...run, first: 0, synced: false }]);
      store.journal(id, [{ ...run, first: 1, synced: true }]);
    }, { disk });
    assert.deepEqual(calls, [
      "syncFile /.sftpx/parts/RUN/0/0",
      "syncDirectory /.sftpx/parts/RUN/0",
      "syncDirectory /.sftpx/parts/RUN",
      "syncDirectory /.sftpx/parts",
      "syncDirectory /.sftpx",
    ]);
    assert.deepEqual(rowsAtSync, [0]);
  }));

Deno.test("a failed sync is final: what it could not write is never journalled (I2)", () =>
  inDirectory((root) => {
    const failures = ["ENOSPC", "EIO"];
    const disk: Disk = {
      ...DISK,
      // As the kernel does it: told once, and the next sync finds nothing to write.
      syncFile: () => {
        const code = failures.pop();
        if (code !== undefined) throw Object.assign(new Error(code), { code });
      },
    };
    for (const code of ["io", "no_space"]) {
      withStore(root, (store) => {
        const { id } = store.begin(transferOf());
        const [placement] = store.register(id, 0, [fileEntry("d/f", 2 * CHUNK_BYTES)], [0]);
        fillPart(placement, new Uint8Array(2 * CHUNK_BYTES));
        for (const first of [0, 1]) {
          const run = { entry: 0, first, digests: digest(1), synced: false };
          assert.throws(() => store.journal(id, [run]), { code });
        }
        assert.deepEqual(store.resumable(), []);
      }, { disk });
    }
  }));

Deno.test("on a full disk the journal still takes what was verified, in the room put by", () =>
  inDirectory((root) => {
    const roomIn = () => {
      const run = fs.readdirSync(`${root}/.sftpx/parts`)[0]!;
      return fs.existsSync(`${root}/.sftpx/parts/${run}/room`);
    };
    const full = Object.assign(new Error("full"), { code: "ERR_SQLITE_ERROR", errcode: 13 });
    const { durably } = Journal.prototype;
    using after = new DisposableStack();
    after.defer(() => Journal.prototype.durably = durably);
    Journal.prototype.durably = function <T>(this: Journal, body: () => T): T {
      if (roomIn()) throw full;
      return Reflect.apply(durably, this, [body]);
    };
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [small] = store.register(id, 0, [fileEntry("d/a", 1)], [0]);
      fillPart(small, "x");
      assert.equal(roomIn(), false, "a small file needs none");
      const [large] = store.register(id, 1, [fileEntry("d/f", 2 * CHUNK_BYTES)], [0]);
      fillPart(large, new Uint8Array(CHUNK_BYTES));
      assert.equal(roomIn(), true);
      store.journal(id, [{ entry: 1, first: 0, digests: digest(1), synced: false }]);
      assert.equal(roomIn(), false);
      store.abandon(id);
      assert.equal(store.resumable()[0]?.heldBytes, CHUNK_BYTES);
    }, { keep: true });
  }));

Deno.test("the room put by goes with its transfer, finished or abandoned", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [part] = store.register(id, 0, [fileEntry("d/f", 2 * CHUNK_BYTES)], [0]);
      fillPart(part, new Uint8Array(CHUNK_BYTES));
      store.abandon(id);
      assert.deepEqual(fs.readdirSync(`${root}/.sftpx/parts`), []);
    }, { keep: true });
  }));

Deno.test("across a mount point the part goes beside its target, synced, then is renamed", () =>
  inDirectory((root) => {
    const acrossMounts = (from: string, to: string) => {
      if (from.includes("/parts/")) throw Object.assign(new Error("mount"), { code: "EXDEV" });
      DISK.rename(from, to);
    };
    const { disk, calls } = recording(root, { rename: acrossMounts });
    withStore(root, (store) => {
      const entries = [fileEntry("d/f", 1), linkEntry("d/l", "f")];
      const contents = { "d/f": "x" };
      const { failures } = receive(store, transferOf(), { entries, contents });
      assert.deepEqual(failures, []);
    }, { disk });
    assert.equal(calls.filter((call) => /^finish \/d\/\.sftpx-\w+ sync$/.test(call)).length, 1);
    assert.deepEqual(listTree(root), ["d/", "d/f", "d/l"]);
    assert.equal(fs.readlinkSync(join(root, "d/l")), "f");
  }));

Deno.test("one file to a new name, into a directory, and with a trailing slash", () =>
  inDirectory((root) => {
    makeTree(root, ["dir/"]);
    const sources = [fileSource("f")];
    const place = (destination: string, intoDirectory = false) =>
      withStore(root, (store) => {
        const entries = [fileEntry("f", 1)];
        const transfer = transferOf({ sources, destination, intoDirectory });
        assert.deepEqual(receive(store, transfer, { entries, contents: { f: "x" } }).failures, []);
      });
    place("");
    place("new/name");
    place("dir");
    place("made", true);
    assert.deepEqual(listTree(root), ["dir/", "dir/f", "f", "made/", "made/f", "new/", "new/name"]);
  }));

Deno.test("a directory goes into its destination, its contents go without its name", () =>
  inDirectory((root) => {
    const place = (destination: string, contents: boolean) =>
      withStore(root, (store) => {
        const sources = [{ ...directorySource("d"), contents }];
        const entries = contents ? [fileEntry("f", 1)] : [directoryEntry("d"), fileEntry("d/f", 1)];
        const given = { entries, contents: { f: "x", "d/f": "x" } };
        receive(store, transferOf({ sources, destination }), given);
      });
    place("x", false);
    place("y", true);
    place("", true);
    withStore(root, (store) => {
      const sources = [{ ...directorySource("d"), contents: true }];
      receive(store, transferOf({ sources, destination: "empty" }), { entries: [] });
    });
    assert.deepEqual(listTree(root), ["empty/", "f", "x/", "x/d/", "x/d/f", "y/", "y/f"]);
  }));

Deno.test("a renaming transfer places one entry only", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const transfer = transferOf({ sources: [fileSource("f")], destination: "g" });
      const { id } = store.begin(transfer);
      const placements = store.register(id, 0, [fileEntry("f", 0), fileEntry("f/x", 0)], [0, 0]);
      assert.deepEqual(placements.map((p) => p.kind), ["new", "failed"]);
    });
  }));

Deno.test("a peer that may not read learns no digest of what stands here", () =>
  inDirectory((root) => {
    makeTree(root, ["d/standing"]);
    const entries = [fileEntry("d/own", 1), fileEntry("d/standing", 10)];
    withStore(root, (store) => {
      receive(store, transferOf(), {
        entries: [fileEntry("d/own", 1)],
        contents: { "d/own": "x" },
      });
      const kindsFor = (mayRead: boolean) => {
        const { id, fresh } = store.begin(transferOf({ mayRead }));
        assert.deepEqual(fresh, [!mayRead]);
        const placements = store.register(id, 0, entries, [0, 0]);
        store.abandon(id);
        return placements.map((placement) => placement.kind);
      };
      assert.deepEqual(kindsFor(true), ["unchanged", "stands"]);
      assert.deepEqual(kindsFor(false), ["new", "new"]);
    });
  }));

Deno.test("a peer that may not read goes on with what it sent itself, and may replace", () =>
  inDirectory((root) => {
    makeTree(root, ["d/f"]);
    const transfer = transferOf({ mayRead: false });
    withStore(root, (store) => {
      const { id } = store.begin(transfer);
      const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
      fillPart(placement, "hello");
      store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
      store.abandon(id);
      const again = store.begin(transfer);
      assert.equal(store.register(again.id, 0, [fileEntry("d/f", 5)], [0])[0]?.kind, "held");
      store.placeDirectories(again.id);
      assert.deepEqual(store.commit(again.id, [wholeFile(0)]).failures, []);
      store.finish(again.id);
    });
    assert.equal(fs.readFileSync(join(root, "d/f"), "utf8"), "hello");
  }));

Deno.test("write-once leaves modes and times of what exists alone", () =>
  inDirectory((root) => {
    makeTree(root, ["d/sub/"]);
    const link = linkEntry("d/l", "f");
    withStore(root, (store) => {
      const contents = { "d/f": "x" };
      receive(store, transferOf(), { entries: [fileEntry("d/f", 1), link], contents });
      fs.utimesSync(join(root, "d/sub"), 5, 5);
      fs.chmodSync(join(root, "d/sub"), 0o500);
      fs.lutimesSync(join(root, "d/l"), 5, 5);
      const entries = [
        directoryEntry("d", { mode: 0o777 }),
        fileEntry("d/f", 1, { mode: 0o777 }),
        link,
        directoryEntry("d/made", { mode: 0o750 }),
        directoryEntry("d/sub", { mode: 0o777 }),
      ];
      const { id } = store.begin(transferOf({ writeOnce: true }));
      const placements = store.register(id, 0, entries, entries.map(() => 0));
      assert.equal(placements[1]?.kind, "unchanged");
      assert.deepEqual(store.placeDirectories(id).failures, []);
      assert.equal(fs.statSync(join(root, "d/sub")).mode & 0o777, 0o500, "not opened up either");
      const { committed, failures } = store.finish(id);
      assert.deepEqual([[...committed].sort(), failures], [[0, 2, 3, 4], []]);
    });
    const modeOf = (path: string) => fs.lstatSync(join(root, path)).mode & 0o777;
    const timeOf = (path: string) => fs.lstatSync(join(root, path)).mtimeMs;
    assert.deepEqual(["d/f", "d/made", "d/sub"].map(modeOf), [0o644, 0o750, 0o500]);
    assert.notEqual(modeOf("d"), 0o777);
    assert.deepEqual(["d/sub", "d/l"].map(timeOf), [5000, 5000]);
    assert.equal(timeOf("d/made"), Number(MTIME_NS / 1_000_000n));
    assert.notEqual(timeOf("d"), Number(MTIME_NS / 1_000_000n));
  }));

Deno.test("a record taken while its file was new is not trusted, but compared", () =>
  inDirectory((root) => {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    const given = [[nowNs, "stands"], [nowNs - 10_000_000_000n, "unchanged"]] as const;
    withStore(root, (store) => {
      for (const [mtimeNs, kind] of given) {
        const entries = [fileEntry("d/empty", 0, { mtimeNs }), fileEntry("d/f", 1, { mtimeNs })];
        receive(store, transferOf(), { entries, contents: { "d/f": "x" } });
        const { id } = store.begin(transferOf());
        const placements = store.register(id, 0, entries, [0, 0]);
        assert.deepEqual(placements.map((placement) => placement.kind), ["unchanged", kind]);
        store.abandon(id);
      }
    });
  }));

Deno.test("write-once compares a file with such a record, then keeps it as it is or refuses", () =>
  inDirectory((root) => {
    const mtimeNs = BigInt(Date.now()) * 1_000_000n;
    const transfer = transferOf({ writeOnce: true });
    withStore(root, (store) => {
      const entries = [fileEntry("d/f", 1, { mtimeNs })];
      receive(store, transfer, { entries, contents: { "d/f": "x" } });
      for (const keep of [true, false]) {
        const { id } = store.begin(transfer);
        const other = [fileEntry("d/f", 1, { mtimeNs, mode: 0o777 })];
        const [placement] = store.register(id, 0, other, [0]);
        assert.equal(placement?.kind, "stands");
        fillPart(placement, "y");
        store.placeDirectories(id);
        const { failures } = store.commit(id, [wholeFile(0, { keep })]);
        assert.deepEqual(failures.map(({ code }) => code), keep ? [] : ["refused"]);
        store.finish(id);
      }
    });
    assert.equal(fs.readFileSync(join(root, "d/f"), "utf8"), "x");
    assert.equal(fs.statSync(join(root, "d/f")).mode & 0o777, 0o644);
  }));

Deno.test("entries left out get no directory, no link and no mode", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const entries = [
        directoryEntry("d"),
        directoryEntry("d/early"),
        fileEntry("d/f", 1, { mode: 0o755 }),
        linkEntry("d/l", "/etc"),
        directoryEntry("d/late"),
        linkEntry("d/m", "f"),
        linkEntry("d/n", "f"),
      ];
      const first = { entries: [fileEntry("d/f", 1)], contents: { "d/f": "x" } };
      receive(store, transferOf(), first);
      const { id } = store.begin(transferOf());
      store.register(id, 0, entries, entries.map(() => 0));
      store.placeDirectories(id, [1, 3]);
      assert.deepEqual(listTree(root), ["d/", "d/f", "d/late/"]);
      assert.deepEqual([...store.finish(id, [2, 4, 6]).committed].sort(), [0, 5]);
    });
    assert.deepEqual(listTree(root), ["d/", "d/f", "d/late/", "d/m"]);
    assert.equal(fs.statSync(join(root, "d/f")).mode & 0o777, 0o644);
    const late = fs.statSync(join(root, "d/late")).mtimeMs;
    assert.notEqual(late, Number(MTIME_NS / 1_000_000n));
  }));

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  CHUNK_BYTES,
  digest,
  directoryEntry,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  pruneAll,
  receive,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { SftpxError } from "../base/errors.ts";
import type { DiskStore } from "./disk_store.ts";
import type { ReceiveTransfer } from "./store.ts";

const ACCOUNT = new Uint8Array(32).fill(3);
const OTHER = new Uint8Array(32).fill(4);

/** A transfer of one directory, of an account with 1000 bytes. */
function charged(name: string, more: Partial<ReceiveTransfer> = {}): ReceiveTransfer {
  const key = new Uint8Array(32).fill(9);
  key.set(new TextEncoder().encode(name).subarray(0, 32));
  const sources = [{ name, kind: "directory", contents: false }] as const;
  return transferOf({
    key,
    sources,
    given: [name],
    account: ACCOUNT,
    quotaBytes: 1000,
    ...more,
  });
}

/** Puts files into a directory; `ok`, or the code that ended it. */
function put(
  store: DiskStore,
  transfer: ReceiveTransfer,
  sizes: Record<string, number>,
): string {
  const name = transfer.sources[0]!.name;
  const contents: Record<string, string> = {};
  const files = Object.keys(sizes).sort().map((file) => {
    contents[`${name}/${file}`] = "x".repeat(sizes[file]!);
    return fileEntry(`${name}/${file}`, sizes[file]!);
  });
  try {
    const entries = [directoryEntry(name), ...files];
    const { failures, placements } = receive(store, transfer, { entries, contents });
    const failed = [...failures, ...placements.filter((one) => one.kind === "failed")];
    return failed.length === 0 ? "ok" : failed.map(({ code }) => code).join();
  } catch (thrown) {
    return thrown instanceof SftpxError ? thrown.code : String(thrown);
  } finally {
    abandonAll(store);
  }
}

/** What a dry run of `put` says, told to a store of its own that may only read. */
function plan(
  root: string,
  transfer: ReceiveTransfer,
  sizes: Record<string, number>,
): string {
  const name = transfer.sources[0]!.name;
  const files = Object.keys(sizes).sort().map((file) => fileEntry(`${name}/${file}`, sizes[file]!));
  const entries = [directoryEntry(name), ...files];
  return withStore(root, (store) => {
    try {
      const { id } = store.begin({ ...transfer, dryRun: true });
      // One at a time, as they may come.
      const steps = entries.flatMap((entry, i) => store.plan(id, i, [entry], [0]));
      store.abandon(id);
      const failed = steps.flatMap((step) => step.action === "fail" ? [step.code] : []);
      return failed.length === 0 ? "ok" : failed.join();
    } catch (thrown) {
      return thrown instanceof SftpxError ? thrown.code : String(thrown);
    }
  }, { readOnly: true });
}

/** What a refused transfer left open. */
function abandonAll(store: DiskStore): void {
  for (let id = 1; id < 100; id++) {
    try {
      store.abandon(id);
    } catch {
      // It is over.
    }
  }
}

Deno.test("a quota takes what fits, to the byte, and refuses the next before it is written", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.equal(put(store, charged("a"), { f: 600 }), "ok");
      assert.equal(put(store, charged("b"), { f: 401 }), "quota");
      assert.equal(fs.existsSync(join(root, "b")), false);
      assert.equal(put(store, charged("b"), { f: 400 }), "ok");
      assert.equal(put(store, charged("c"), { f: 1 }), "quota");
      assert.equal(put(store, charged("c"), { f: 0 }), "ok", "an empty file takes nothing");
    });
  }));

Deno.test("a quota counts over restarts, and what others put there does not count", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.equal(put(store, charged("a"), { f: 900 }), "ok");
      assert.equal(put(store, charged("b", { account: OTHER }), { f: 900 }), "ok");
    });
    // Closed without a word of keeping it: who is charged is remembered all the same.
    withStore(root, (store) => {
      assert.equal(put(store, charged("c"), { f: 101 }), "quota");
      assert.equal(put(store, charged("c"), { f: 100 }), "ok");
    });
  }));

Deno.test("a quota says what is used and needed of it, and nothing of others", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      put(store, charged("a"), { f: 600 });
      put(store, charged("b", { account: OTHER, quotaBytes: undefined! }), { f: 777 });
      const sources = [{ ...fileSource("f"), sizeBytes: 500 }];
      assert.throws(() => store.begin(charged("x", { sources, mayRead: false })), {
        code: "quota",
        message: "Cannot take it: the quota is 1.00 kB, 600 B of it are used, and 500 B are needed",
      });
    });
  }));

Deno.test("what is replaced, removed by the peer, or gone gives back", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.equal(put(store, charged("a"), { f: 600, g: 400 }), "ok");
      assert.equal(put(store, charged("a", { checksum: true }), { f: 600 }), "ok", "the same");
      assert.equal(put(store, charged("a"), { f: 500 }), "ok", "a smaller one in its place");
      assert.equal(put(store, charged("b"), { f: 101 }), "quota");
      assert.equal(put(store, charged("b"), { f: 100 }), "ok");
      const { id } = store.begin(charged("a"));
      const entries = [directoryEntry("a"), fileEntry("a/f", 500)];
      store.register(id, 0, entries, [0, 0]);
      store.placeDirectories(id);
      assert.deepEqual(pruneAll(store, id, []).deleted, ["a/g"]);
      store.finish(id);
      assert.equal(put(store, charged("c"), { f: 401 }), "quota");
      assert.equal(put(store, charged("c"), { f: 400 }), "ok", "what --delete removed");
      fs.rmSync(join(root, "b/f"));
      assert.equal(put(store, charged("d"), { f: 101 }), "quota");
      assert.equal(put(store, charged("d"), { f: 100 }), "ok", "what somebody else removed");
      assert.equal(put(store, charged("c", { account: OTHER }), { f: 900 }), "ok");
      assert.equal(put(store, charged("e"), { f: 400 }), "ok", "what another peer replaced");
    });
  }));

Deno.test("transfers of one account that run at once never pass its quota together", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const begin = (name: string, sizeBytes: number) => {
        const { id } = store.begin(charged(name));
        const entries = [directoryEntry(name), fileEntry(`${name}/f`, sizeBytes)];
        try {
          return { id, placement: store.register(id, 0, entries, [0, 0])[1] };
        } catch (thrown) {
          assert.equal((thrown as SftpxError).code, "quota");
          store.abandon(id);
          return null;
        }
      };
      const one = begin("a", 600);
      assert.ok(one !== null);
      assert.equal(begin("b", 500), null, "before a byte of the first is written");
      const other = begin("c", 400);
      assert.ok(other !== null);
      store.abandon(one.id);
      assert.ok(begin("d", 600) !== null, "the first gave up");
      assert.equal(begin("e", 1), null);
    });
  }));

Deno.test("of transfers that are registered in turns the first one that is done fits, and no other counts", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const begin = (name: string) => {
        const { id } = store.begin(charged(name));
        const entries = [directoryEntry(name), fileEntry(`${name}/f`, 600)];
        const steps = store.registering(id, 0, entries, [0, 0]);
        // As where another one has its turn after each entry.
        for (let n = 0; n < entries.length; n++) assert.equal(steps.next(true).done, false);
        return { id, end: () => steps.next(true) };
      };
      const [one, two, three] = ["a", "b", "c"].map(begin);
      assert.equal(two!.end().done, true);
      assert.throws(one!.end, { code: "quota" });
      assert.throws(three!.end, { code: "quota" }, "though the first one is there still");
      for (const { id } of [one!, two!, three!]) store.abandon(id);
      assert.equal(put(store, charged("d"), { f: 1000 }), "ok", "nothing is left of them");
    });
  }));

Deno.test("what is held of a transfer counts for others in every moment that it is gone on with", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const entries = [directoryEntry("a"), fileEntry("a/f", 600)];
      const first = store.begin(charged("a")).id;
      fillPart(store.register(first, 0, entries, [0, 0])[1], "x".repeat(600));
      store.journal(first, [{ entry: 1, first: 0, digests: digest(1), synced: true }]);
      store.abandon(first);
      const { id } = store.begin(charged("a"));
      const steps = store.registering(id, 0, entries, [0, 0]);
      for (let n = 0; n <= entries.length; n++) {
        assert.equal(steps.next(true).done, n === entries.length);
        for (const [sizeBytes, kind] of [[400, "new"], [401, "quota"]] as const) {
          const other = store.begin(charged("b")).id;
          const given = [directoryEntry("b"), fileEntry("b/f", sizeBytes)];
          const register = () => store.register(other, 0, given, [0, 0]);
          if (kind === "new") assert.equal(register()[1]?.kind, kind);
          else assert.throws(register, { code: kind });
          store.abandon(other);
        }
      }
      store.abandon(id);
    });
  }));

Deno.test("what a file replaces is given back once it is in place, and not where it fails", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.equal(put(store, charged("a"), { f: 900 }), "ok");
      // Announced as empty, it would make room for another one.
      const { id } = store.begin(charged("a"));
      const entries = [directoryEntry("a"), fileEntry("a/f", 0), fileEntry("a/g", 900)];
      assert.throws(() => store.register(id, 0, entries, [0, 0, 0]), { code: "quota" });
      store.abandon(id);
      // In two steps it is the same, and a step that fits is taken.
      const other = store.begin(charged("a")).id;
      store.register(other, 0, [directoryEntry("a"), fileEntry("a/f", 0)], [0, 0]);
      assert.throws(() => store.register(other, 2, [fileEntry("a/g", 101)], [0]), {
        code: "quota",
        message: /quota is 1.00 kB, 900 B of it are used, and 101 B are needed/,
      });
      store.abandon(other);
      assert.equal(put(store, charged("a"), { f: 0 }), "ok");
      assert.equal(put(store, charged("a"), { f: 0, g: 1000 }), "ok", "now it is back");
    });
  }));

Deno.test("an entry that failed when it came is neither charged nor opened", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(charged("a"));
      const entries = [directoryEntry("a"), fileEntry("a/f", 5000), fileEntry("a/g", 1000)];
      const placements = store.register(id, 0, entries, [0, 0, 0], [1]);
      assert.deepEqual(placements.map(({ kind }) => kind), ["later", "failed", "new"]);
      assert.throws(() => store.register(id, 3, [fileEntry("a/h", 1)], [0]), { code: "quota" });
      store.abandon(id);
    });
  }));

Deno.test("replacements that break off keep no more than a quota beside what is in place", () =>
  inDirectory((root) => {
    const quotaBytes = 3 * CHUNK_BYTES;
    withStore(root, (store) => {
      const contents = { "d/f": "x".repeat(quotaBytes) };
      const entries = [directoryEntry("d"), fileEntry("d/f", quotaBytes)];
      const into = (key: number) =>
        charged("d", { key: digest(key), quotaBytes, checksum: true, mayRead: false });
      assert.deepEqual(receive(store, into(1), { entries, contents }).failures, []);
      const attempt = (key: number) => {
        const { id } = store.begin(into(key));
        try {
          const placement = store.register(id, 0, entries, [0, 0])[1];
          fillPart(placement, new Uint8Array(quotaBytes).fill(key));
          store.journal(id, [{ entry: 1, first: 0, digests: digest(key), synced: false }]);
          return placement?.kind;
        } catch (thrown) {
          return (thrown as SftpxError).code;
        } finally {
          store.abandon(id);
        }
      };
      assert.equal(attempt(2), "new", "it replaces what is its own");
      assert.equal(attempt(3), "quota", "beside it, nothing is replaced");
      assert.equal(attempt(2), "held", "what is held is gone on with");
      assert.equal(attempt(4), "quota");
    });
  }));

Deno.test("parts that are held count, are gone on with, and give back when they are forgotten", () =>
  inDirectory((root) => {
    const quotaBytes = 3 * CHUNK_BYTES;
    const sized = (name: string) => charged(name, { quotaBytes });
    withStore(root, (store) => {
      const entries = (name: string) => [
        directoryEntry(name),
        fileEntry(`${name}/f`, 2 * CHUNK_BYTES),
      ];
      const { id } = store.begin(sized("a"));
      const placement = store.register(id, 0, entries("a"), [0, 0])[1];
      fillPart(placement, new Uint8Array(2 * CHUNK_BYTES));
      store.journal(id, [{ entry: 1, first: 0, digests: digest(1), synced: false }]);
      store.abandon(id);
      const refused = store.begin(sized("b"));
      assert.throws(() => store.register(refused.id, 0, entries("b"), [0, 0]), {
        code: "quota",
      });
      store.abandon(refused.id);
      const again = store.begin(sized("a"));
      assert.equal(store.register(again.id, 0, entries("a"), [0, 0])[1]?.kind, "held");
      store.abandon(again.id);
      store.clean({ beforeNs: null });
      const then = store.begin(sized("b"));
      assert.equal(store.register(then.id, 0, entries("b"), [0, 0])[1]?.kind, "new");
      store.abandon(then.id);
    });
  }));

Deno.test("a broken-off transfer with other files does not keep its old parts for nothing", () =>
  inDirectory((root) => {
    const quotaBytes = 3 * CHUNK_BYTES;
    withStore(root, (store) => {
      const attempt = (file: string) => {
        const { id } = store.begin(charged("a", { quotaBytes }));
        try {
          const entries = [directoryEntry("a"), fileEntry(`a/${file}`, 2 * CHUNK_BYTES)];
          const placement = store.register(id, 0, entries, [0, 0])[1];
          fillPart(placement, new Uint8Array(2 * CHUNK_BYTES));
          store.journal(id, [{ entry: 1, first: 0, digests: digest(1), synced: false }]);
          return "ok";
        } catch (thrown) {
          return (thrown as SftpxError).code;
        } finally {
          store.abandon(id);
        }
      };
      assert.deepEqual(["f", "g", "f"].map(attempt), ["ok", "quota", "ok"]);
    });
  }));

Deno.test("a file larger than the grant lets one be fails alone, in a plan too", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const transfer = charged("a", { maxFileBytes: 100 });
      assert.equal(put(store, transfer, { f: 100, g: 101 }), "refused");
      assert.equal(fs.statSync(join(root, "a/f")).size, 100);
      assert.equal(fs.existsSync(join(root, "a/g")), false);
      const { id } = store.begin({ ...transfer, dryRun: true });
      const entries = [directoryEntry("a"), fileEntry("a/g", 101), fileEntry("a/h", 100)];
      const steps = store.plan(id, 0, entries, [0, 0, 0]);
      assert.deepEqual(steps.map(({ action }) => action).slice(1), ["fail", "create"]);
      assert.match(steps[1]?.message ?? "", /max-file/);
      store.abandon(id);
    });
  }));

Deno.test("a dry run foresees a quota as the transfer itself meets it, and changes nothing", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.equal(put(store, charged("a"), { f: 600, g: 100 }), "ok");
      const tries: readonly (readonly [string, Record<string, number>])[] = [
        ["b", { f: 300 }],
        ["b", { f: 301 }],
        ["b", { f: 150, g: 150 }],
        ["b", { f: 150, g: 151 }],
        ["b", { f: 0 }],
        ["a", { f: 600, g: 100 }], // Unchanged.
        ["a", { f: 900, g: 100 }],
        ["a", { f: 901, g: 100 }],
        ["a", { f: 600, g: 100, h: 301 }],
      ];
      const dry = tries.map(([name, sizes]) => plan(root, charged(name), sizes));
      const again = tries.map(([name, sizes]) => plan(root, charged(name), sizes));
      assert.deepEqual(dry, again);
      const real = tries.map(([name, sizes]) => {
        const outcome = put(store, charged(name), sizes);
        // Back to what it was.
        assert.equal(put(store, charged("a"), { f: 600, g: 100 }), "ok");
        fs.rmSync(join(root, "b"), { recursive: true, force: true });
        fs.rmSync(join(root, "a/h"), { force: true });
        return outcome;
      });
      assert.deepEqual(dry, real);
      assert.deepEqual([dry.includes("ok"), dry.includes("quota")], [true, true]);
    });
  }));

Deno.test("a dry run refuses at once what is known to be too large, and counts what is gone as gone", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.equal(put(store, charged("a"), { f: 600 }), "ok");
      const sources = [{ ...fileSource("f"), sizeBytes: 500 }];
      const transfer = charged("x", { sources, dryRun: true, mayRead: false });
      const message =
        "Cannot take it: the quota is 1.00 kB, 600 B of it are used, and 500 B are needed";
      assert.throws(() => store.begin(transfer), { code: "quota", message });
      fs.rmSync(join(root, "a/f"));
      store.abandon(store.begin(transfer).id);
      assert.equal(plan(root, charged("b"), { f: 1000 }), "ok");
      assert.equal(plan(root, charged("b"), { f: 1001 }), "quota");
    });
  }));

Deno.test("a file that somebody removed is not counted when it is sent anew with others", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.equal(put(store, charged("a"), { f: 900 }), "ok");
      fs.rmSync(join(root, "a/f"));
      assert.equal(put(store, charged("a"), { f: 500, g: 500 }), "ok");
      assert.equal(put(store, charged("a"), { f: 500, g: 501 }), "quota");
    });
  }));

Deno.test("a dry run counts what is held of the transfer once, and what is held of others too", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(charged("a"));
      const entries = [directoryEntry("a"), fileEntry("a/f", 600)];
      const [, placement] = store.register(id, 0, entries, [0, 0]);
      fillPart(placement, "x".repeat(600));
      store.journal(id, [{ entry: 1, first: 0, digests: digest(1), synced: true }]);
      store.abandon(id);
      assert.equal(plan(root, charged("a"), { f: 600, g: 400 }), "ok");
      assert.equal(plan(root, charged("a"), { f: 600, g: 401 }), "quota");
      assert.equal(plan(root, charged("b"), { f: 400 }), "ok");
      assert.equal(plan(root, charged("b"), { f: 401 }), "quota");
    });
  }));

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  directoryEntry,
  fileEntry,
  fillPart,
  inDirectory,
  linkEntry,
  makeTree,
  MTIME_NS,
  pruneAll,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { requireCompared } from "./append_only.ts";
import { stampOf } from "./disk.ts";
import { Door } from "./door.ts";
import type { DiskStore } from "./disk_store.ts";
import { compare } from "../pool/compare.ts";
import type { Outcome, ReceiveTransfer } from "./store.ts";

const ACCOUNT = new Uint8Array(32).fill(3);
const GROWING = transferOf({ writeOnce: true, appendOnly: true, account: ACCOUNT });
const BLIND = { ...GROWING, mayRead: false };

/** Sends files into `d` as a session does; what became of each, by its name. */
function send(
  store: DiskStore,
  contents: Record<string, string>,
  { transfer = GROWING, before = () => {} }: {
    readonly transfer?: ReceiveTransfer;
    /** Called between the comparison and the commit that follows it. */
    readonly before?: () => void;
  } = {},
): Record<string, string> {
  const names = Object.keys(contents).sort();
  const entries = names.map((name) =>
    fileEntry(`d/${name}`, contents[name]!.length, {
      mtimeNs: MTIME_NS + 7_000_000_000n,
      mode: 0o600,
    })
  );
  const { id } = store.begin(transfer);
  const all = [directoryEntry("d"), ...entries];
  const placements = store.register(id, 0, all, all.map(() => 0));
  const told: Record<string, string> = {};
  const files = names.flatMap((name, i) => {
    const placement = placements[i + 1]!;
    if (placement.kind === "failed") told[name] = placement.code;
    if (!("part" in placement)) return [];
    if (contents[name] !== "") fillPart(placement, contents[name]!);
    return [wholeFile(i + 1)];
  });
  store.placeDirectories(id);
  const first = store.commit(id, files);
  const compared = (first.compare ?? []).map((asked) => {
    const { begins } = compare({ kind: "compare", job: 0, ...asked });
    return wholeFile(asked.entry, { begins: begins ? asked.stamp : null });
  });
  before();
  const outcomes: Outcome[] = [first, store.commit(id, compared)];
  for (const outcome of [...outcomes, store.finish(id)]) {
    for (const entry of outcome.committed) told[names[entry - 1] ?? "d"] ??= "ok";
    for (const { entry, code } of outcome.failures) told[names[entry - 1] ?? "d"] = code;
  }
  delete told["d"];
  return told;
}

Deno.test("append-only makes new files, lets old ones grow and nothing else", () =>
  inDirectory((root) => {
    makeTree(root, ["d/"]);
    for (const name of ["grows", "same", "shrinks", "differs", "last"]) {
      fs.writeFileSync(join(root, "d", name), "0123456789", { mode: 0o640 });
    }
    fs.writeFileSync(join(root, "d/empty"), "");
    const contents = {
      new: "n",
      grows: "0123456789ab",
      same: "0123456789",
      shrinks: "01234",
      differs: "x123456789ab",
      last: "012345678xab",
      empty: "filled",
    };
    const told = withStore(root, (store) => send(store, contents));
    assert.deepEqual(told, {
      new: "ok",
      grows: "ok",
      same: "ok",
      empty: "ok",
      shrinks: "refused",
      differs: "refused",
      last: "refused",
    });
    const now = (name: string) => fs.readFileSync(join(root, "d", name), "utf8");
    assert.deepEqual([now("new"), now("grows"), now("empty")], ["n", "0123456789ab", "filled"]);
    for (const name of ["same", "shrinks", "differs", "last"]) {
      assert.equal(now(name), "0123456789", name);
    }
    const mode = (name: string) => fs.statSync(join(root, "d", name)).mode & 0o777;
    assert.deepEqual([mode("grows"), mode("same")], [0o640, 0o640], "modes of what stood there");
  }));

Deno.test("append-only replaces only what was compared, to the moment of the commit", () =>
  inDirectory((root) => {
    const stands = join(root, "d/log");
    makeTree(root, ["d/"]);
    fs.writeFileSync(stands, "abc");
    const swap = (text: string) => () => {
      fs.writeFileSync(`${stands}.new`, text);
      fs.renameSync(`${stands}.new`, stands);
    };
    for (const text of ["abX", "abc"]) {
      const told = withStore(
        root,
        (store) => send(store, { log: "abcdef" }, { before: swap(text) }),
      );
      assert.deepEqual(told, { log: "refused" }, "another file, whatever is in it");
      assert.equal(fs.readFileSync(stands, "utf8"), text);
    }
    const told = withStore(
      root,
      (store) => send(store, { log: "abcdef" }, { before: () => fs.rmSync(stands) }),
    );
    assert.deepEqual(told, { log: "ok" }, "nothing is there to be replaced");
  }));

Deno.test("requireCompared() is the last look before the rename", () =>
  inDirectory((root) => {
    fs.writeFileSync(join(root, "f"), "abc");
    const door = new Door(root);
    const seen = stampOf(door.look("f")!);
    requireCompared("f", seen, door);
    fs.appendFileSync(join(root, "f"), "d");
    assert.throws(() => requireCompared("f", seen, door), { code: "refused" });
    fs.rmSync(join(root, "f"));
    assert.throws(() => requireCompared("f", seen, door), { code: "refused" });
  }));

Deno.test("append-only never replaces what came where nothing stood", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(GROWING);
      const [, placement] = store.register(
        id,
        0,
        [directoryEntry("d"), fileEntry("d/f", 3)],
        [0, 0],
      );
      fillPart(placement, "abc");
      store.placeDirectories(id);
      fs.writeFileSync(join(root, "d/f"), "ab");
      const { compare: asked, committed } = store.commit(id, [wholeFile(1)]);
      assert.deepEqual([asked?.length, committed], [1, []], "it is compared first");
      const { failures } = store.commit(id, [wholeFile(1, { begins: null })]);
      assert.deepEqual(failures.map(({ code }) => code), ["refused"]);
      assert.equal(fs.readFileSync(join(root, "d/f"), "utf8"), "ab");
    });
  }));

Deno.test("append-only leaves links, directories and modes alone, and removes nothing", () =>
  inDirectory((root) => {
    makeTree(root, ["d/", "d/kept", "d/link->kept"]);
    fs.chmodSync(join(root, "d"), 0o750);
    fs.utimesSync(join(root, "d"), 1000, 1000);
    withStore(root, (store) => {
      const { id } = store.begin(GROWING);
      const entries = [
        directoryEntry("d", { mode: 0o700 }),
        fileEntry("d/link", 1),
        linkEntry("d/new", "kept"),
      ];
      const placements = store.register(id, 0, entries, [0, 0, 0]);
      assert.equal(placements[1]?.kind, "failed", "a link is no file that grows");
      store.placeDirectories(id);
      assert.throws(() => pruneAll(store, id, []), { code: "refused" });
      store.finish(id, [1]);
    });
    assert.equal(fs.statSync(join(root, "d")).mode & 0o777, 0o750);
    assert.equal(fs.readlinkSync(join(root, "d/link")), "kept");
  }));

Deno.test("without the right to read, append-only adds only to what the peer put there itself", () =>
  inDirectory((root) => {
    makeTree(root, ["d/"]);
    fs.writeFileSync(join(root, "d/others"), "secret");
    const blind = { transfer: BLIND };
    withStore(root, (store) => {
      assert.deepEqual(send(store, { own: "abc" }, blind), { own: "ok" });
      // The right beginning of another's file is answered as the wrong one, and as a shorter one.
      for (const guess of ["secret and more", "sacred and more", "sec", "secret"]) {
        assert.deepEqual(send(store, { others: guess }, blind), { others: "refused" }, guess);
      }
      assert.deepEqual(send(store, { own: "abcd" }, blind), { own: "ok" });
      assert.deepEqual(send(store, { own: "abcd" }, blind), { own: "ok" }, "the same again");
      assert.deepEqual(send(store, { own: "abX" }, blind), { own: "refused" });
      const other = { ...BLIND, account: new Uint8Array(32).fill(4) };
      assert.deepEqual(send(store, { own: "abcde" }, { transfer: other }), { own: "refused" });
      fs.appendFileSync(join(root, "d/own"), "!");
      assert.deepEqual(send(store, { own: "abcd!e" }, blind), { own: "refused" }, "touched since");
    });
    assert.equal(fs.readFileSync(join(root, "d/others"), "utf8"), "secret");
  }));

Deno.test("a refusal of append-only is one text, whatever stands there", () =>
  inDirectory((root) => {
    makeTree(root, ["d/"]);
    fs.writeFileSync(join(root, "d/f"), "secret");
    withStore(root, (store) => {
      const texts = ["secret and more", "sacred and more", "s"].map((guess) => {
        const { id } = store.begin(BLIND);
        const entries = [directoryEntry("d"), fileEntry("d/f", guess.length)];
        const placement = store.register(id, 0, entries, [0, 0])[1];
        store.abandon(id);
        assert.ok(placement?.kind === "failed", "before a byte is sent");
        return placement.message;
      });
      assert.deepEqual(new Set(texts), new Set([texts[0]]));
      assert.match(texts[0]!, /append-only/);
    });
  }));

Deno.test("a plan under append-only says what would be refused, and no more to one who may not read", () =>
  inDirectory((root) => {
    makeTree(root, ["d/"]);
    fs.writeFileSync(join(root, "d/f"), "secret");
    withStore(root, (store) => {
      const planned = (transfer: ReceiveTransfer, sizeBytes: number) => {
        const { id } = store.begin({ ...transfer, dryRun: true });
        const entries = [directoryEntry("d"), fileEntry("d/f", sizeBytes), fileEntry("d/g", 1)];
        const steps = store.plan(id, 0, entries, [0, 0, 0]);
        store.abandon(id);
        return steps.slice(1).map(({ action }) => action);
      };
      assert.deepEqual(planned(GROWING, 9), ["replace", "create"]);
      assert.deepEqual(planned(GROWING, 5), ["fail", "create"]);
      assert.deepEqual(planned(BLIND, 9), ["fail", "create"]);
      assert.deepEqual(planned(BLIND, 5), ["fail", "create"]);
    });
  }));

import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { Entry } from "../wire/messages.ts";
import { acceptOf, directoryEntry, fileEntry, HASHING, offerOf } from "./_fixture.ts";
import { FramePlanner } from "./frame_planner.ts";
import { OpenFiles } from "./open_files.ts";
import type { FoundEntries } from "./pending_entries.ts";
import { RootLog } from "./root.ts";
import { Sealing } from "./sealing.ts";
import type { SendFile } from "./send_file.ts";
import { SendManifest } from "./send_manifest.ts";
import { SendOutcome } from "./send_outcome.ts";
import { SendVerdicts } from "./send_verdicts.ts";
import { Tally } from "./tally.ts";

/** A manifest with the rooms around it, of an offer that was accepted where nothing else is said. */
function manifestOf(
  { announced = null, isAccepted = true }: {
    readonly announced?: readonly FoundEntries[] | null;
    readonly isAccepted?: boolean;
  } = {},
) {
  const offer = offerOf();
  const files = new OpenFiles<SendFile>();
  const log = new RootLog();
  const outcome = new SendOutcome(log, { offer, hashing: HASHING, tellEntries: false });
  const sealing = new Sealing(files, { log, outcome, hashing: HASHING });
  const planner = new FramePlanner(files);
  const context = { log, outcome, sealing, planner, tally: new Tally() };
  const verdicts = new SendVerdicts(files, context);
  const rooms = { files, log, sealing, verdicts };
  const manifest = new SendManifest(offer.transfer, { ...rooms, announced });
  if (isAccepted) manifest.begin(acceptOf());
  return { manifest, files, log, sealing };
}

function found(entries: readonly Entry[]): FoundEntries {
  const paths = entries.map(({ path }) => `/src/${path}`);
  return { entries, paths, sources: entries.map(() => 0) };
}

/** So many files of one chunk. */
function filesOf(count: number): Entry[] {
  return Array.from({ length: count }, (_, at) => fileEntry(`f${100_000 + at}`, 4));
}

/** Adds entries; answers how many each message of what is said then has. */
function announce(manifest: SendManifest, entries: readonly Entry[]): number[] {
  manifest.add(found(entries));
  return manifest.announce().map((said) => said.type === "entries" ? said.entries.length : 0);
}

Deno.test("nothing of a manifest is said, opened or wanted before the accept", () => {
  const { manifest, files } = manifestOf({ isAccepted: false });
  assert.deepEqual(announce(manifest, filesOf(1)), []);
  assert.deepEqual([files.size, manifest.wantsEntries, manifest.isGathering], [0, false, false]);
  manifest.begin(acceptOf());
  assert.deepEqual(manifest.announce().map(({ type }) => type), ["entries"]);
  assert.deepEqual([files.size, manifest.wantsEntries, manifest.isGathering], [1, true, true]);
});

Deno.test("entries go in messages of bounded count and bytes", () => {
  const entries = Array.from({ length: 600 }, (_, at) => directoryEntry(`d${1000 + at}`));
  assert.deepEqual(announce(manifestOf().manifest, entries), [LIMITS.entriesPerMessage, 88]);
  const long = Array.from(
    { length: 300 },
    (_, at) => directoryEntry(`${1000 + at}/${"x".repeat(4000)}`),
  );
  assert.ok(announce(manifestOf().manifest, long).length > 4);
});

Deno.test("each message says where in the manifest it begins", () => {
  const { manifest } = manifestOf();
  manifest.add(found(filesOf(600)));
  const firsts = manifest.announce().map((said) => said.type === "entries" ? said.first : null);
  assert.deepEqual(firsts, [0, LIMITS.entriesPerMessage]);
});

Deno.test("a walk begins as far ahead as files may be open, and then goes on less far", () => {
  const { openEntries, openEntriesToCompare, openEntriesAhead, entriesPerMessage } = LIMITS;
  const bounds = [
    [true, 0, openEntries],
    [true, openEntries, openEntriesAhead],
    [false, 0, openEntriesToCompare],
    [false, openEntriesToCompare, openEntriesAhead],
  ] as const;
  for (const [isFresh, named, most] of bounds) {
    const before = Array.from({ length: named }, (_, at) => directoryEntry(`d${100_000 + at}`));
    const [last, ...files] = filesOf(most - entriesPerMessage + 1);
    const { manifest } = manifestOf({ isAccepted: false });
    manifest.begin(acceptOf({ fresh: [isFresh] }));
    manifest.gatherFirst();
    announce(manifest, [...before, ...files]);
    const wanted = () => [manifest.wantsEntries, manifest.isGathering];
    assert.deepEqual(wanted(), [true, true], `${named} before, ${isFresh}`);
    announce(manifest, [last!]);
    assert.deepEqual(wanted(), [false, false], `${named} before, ${isFresh}`);
  }
});

Deno.test("a manifest gathers until it is closed", () => {
  const { manifest } = manifestOf();
  announce(manifest, filesOf(1));
  assert.equal(manifest.isGathering, true);
  manifest.end();
  assert.deepEqual(manifest.announce().map(({ type }) => type), ["manifest_end"]);
  assert.deepEqual([manifest.isGathering, manifest.isClosed], [false, true]);
  assert.deepEqual(manifest.totals, { files: 1, bytes: 4 });
});

Deno.test("open files have bounded chunks together (I8)", () => {
  const { manifest, files } = manifestOf();
  const half = 4 * LIMITS.openChunks / 2;
  assert.deepEqual(announce(manifest, ["a", "b", "c"].map((path) => fileEntry(path, half))), [2]);
  assert.deepEqual(manifest.announce(), []);
  files.close(files.find(0)!);
  assert.equal(manifest.announce().length, 1);
});

Deno.test("a file of too many chunks fails alone, and takes no room", () => {
  const { manifest, files, sealing } = manifestOf();
  const huge = fileEntry("a", 4 * LIMITS.chunksPerFile + 1);
  const last = fileEntry("c", Number.MAX_SAFE_INTEGER);
  assert.deepEqual(announce(manifest, [huge, fileEntry("b", 4), last]), [3]);
  assert.deepEqual(files.all().map(({ index }) => index), [1]);
  const said = sealing.poll(1);
  assert.ok(said?.type === "failed");
  assert.deepEqual(said.failures.map(({ entry, code }) => [entry, code]), [
    [0, "limit"],
    [2, "limit"],
  ]);
});

Deno.test("a file without a stamp is a mistake of the caller", () => {
  const { stamp: _stamp, ...entry } = fileEntry("a", 4);
  assert.throws(() => announce(manifestOf().manifest, [entry]), TypeError);
});

Deno.test("nothing more is announced while the receiver is to hear of a failure", () => {
  const { manifest, sealing } = manifestOf();
  announce(manifest, filesOf(1));
  sealing.fail(0, { code: "io", message: "Cannot read it" });
  assert.deepEqual(announce(manifest, [fileEntry("g", 4)]), []);
  assert.equal(sealing.poll(1)?.type, "failed");
  assert.equal(manifest.announce().length, 1);
});

Deno.test("a manifest that went ahead is not said again, and known whole whatever fails of it", () => {
  const huge = fileEntry("a", 4 * LIMITS.chunksPerFile + 1);
  const announced = [found([huge, ...filesOf(600)])];
  const { manifest, files, log } = manifestOf({ announced });
  assert.deepEqual(manifest.announce(), []);
  assert.deepEqual([log.length, files.size, manifest.isClosed], [601, 600, true]);
});

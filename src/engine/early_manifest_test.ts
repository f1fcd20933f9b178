import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { Entry } from "../wire/messages.ts";
import { directoryEntry, fileEntry } from "./_fixture.ts";
import { earlyManifest } from "./early_manifest.ts";
import type { FoundEntries } from "./sender.ts";

function found(...entries: readonly Entry[]): FoundEntries {
  const paths = entries.map(({ path }) => `/src/${path}`);
  return { entries, paths, sources: entries.map(() => 0) };
}

function many(count: number, sizeBytes = 1): FoundEntries {
  return found(...Array.from({ length: count }, (_, i) => fileEntry(`f${i}`, sizeBytes)));
}

Deno.test("earlyManifest() says every entry and the end, with its counts", () => {
  const messages = earlyManifest(3, [found(directoryEntry("d")), found(fileEntry("d/f", 9))]);
  assert.deepEqual(messages, [
    {
      type: "entries",
      transfer: 3,
      first: 0,
      entries: [directoryEntry("d"), fileEntry("d/f", 9)],
      sources: [0, 0],
    },
    { type: "manifest_end", transfer: 3, entries: 2, files: 1, bytes: 9 },
  ]);
});

Deno.test("earlyManifest() of nothing is its end", () => {
  assert.deepEqual(earlyManifest(1, []), [
    { type: "manifest_end", transfer: 1, entries: 0, files: 0, bytes: 0 },
  ]);
});

Deno.test("earlyManifest() holds to the entries that may be open", () => {
  const { openEntriesAhead, entriesPerMessage } = LIMITS;
  const most = earlyManifest(1, [many(openEntriesAhead)]);
  assert.equal(most?.length, openEntriesAhead / entriesPerMessage + 1);
  assert.equal(earlyManifest(1, [many(openEntriesAhead), many(1)]), null);
});

Deno.test("earlyManifest() holds to the bytes that may wait for their turn", () => {
  const long = (i: number) => fileEntry(`${String(i).padStart(4, "0")}${"x".repeat(1000)}`, 1);
  const entries = (count: number) => found(...Array.from({ length: count }, (_, i) => long(i)));
  const most = Math.floor(LIMITS.earlyManifestBytes / (160 + 3 * 1004));
  assert.notEqual(earlyManifest(1, [entries(most)]), null);
  assert.equal(earlyManifest(1, [entries(most + 1)]), null);
});

Deno.test("earlyManifest() holds to the chunks that may be open, however small they become", () => {
  const most = LIMITS.openChunks * LIMITS.minChunkBytes;
  assert.notEqual(earlyManifest(1, [many(1, most)]), null);
  assert.equal(earlyManifest(1, [many(1, most), many(1)]), null);
});

import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { encodeMessage } from "../wire/control.ts";
import type { Entry, Listing, Message } from "../wire/messages.ts";
import { isCode } from "./_fixture.ts";
import { ListingCheck } from "./list.ts";
import { ListingWriter } from "./serve_list.ts";

function entryOf(path: string): Entry {
  return { path, kind: "file", sizeBytes: 1, mtimeNs: 0n, mode: 0o644 };
}

function writerOf(limits?: { mostEntries: number }) {
  const sent: Message[] = [];
  const channel = {
    transfer: 1,
    send: (message: Message) => void sent.push(message),
    flushed: () => Promise.resolve(),
  };
  return { sent, writer: new ListingWriter(channel, limits) };
}

Deno.test("a listing holds so many entries and omissions, and not one more", () => {
  const omission = { path: "x", code: "bad_name", message: "" } as const;
  const listing: Listing = {
    type: "listing",
    transfer: 1,
    entries: [entryOf("a"), entryOf("b")],
    omissions: [omission],
    last: false,
  };
  const taker = { recursive: true, onEntry: () => {}, onOmission: () => {} };
  new ListingCheck(taker, { mostEntries: 3 }).take(listing);
  const check = () => new ListingCheck(taker, { mostEntries: 2 });
  assert.throws(() => check().take(listing), isCode("limit", true));
  const entries = [...listing.entries, entryOf("c")];
  assert.throws(() => check().take({ ...listing, entries, omissions: [] }), isCode("limit", true));
});

Deno.test("a server names so many entries, and not one more", async () => {
  const { writer } = writerOf({ mostEntries: 2 });
  await writer.add(entryOf("a"));
  await writer.add(entryOf("b"));
  await assert.rejects(writer.add(entryOf("c")), isCode("limit"));
});

Deno.test("a listing of long names and texts is cut into messages that fit", async () => {
  const { writer, sent } = writerOf();
  const long = "\u{fffd}".repeat(Math.floor(LIMITS.pathBytes / 3) - 2);
  const count = 2 * Math.ceil(LIMITS.controlMessageBytes / LIMITS.pathBytes);
  assert.ok(count < 2 * LIMITS.entriesPerMessage && count > LIMITS.entriesPerMessage);
  for (let at = 0; at < count; at++) await writer.add(entryOf(`${long}${1000 + at}`));
  for (let at = 0; at < count; at++) {
    await writer.omit({ path: long, code: "bad_name", message: "" });
  }
  assert.deepEqual(await writer.end(), { entries: count });
  let named = 0;
  for (const message of sent) {
    assert.ok(message.type === "listing");
    assert.ok(encodeMessage(message).byteLength <= LIMITS.controlMessageBytes);
    named += message.entries.length + message.omissions.length;
  }
  assert.equal(named, 2 * count);
});

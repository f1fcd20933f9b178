import assert from "node:assert/strict";
import { SAMPLE_MESSAGES } from "../../tests/vectors/messages.ts";
import { concatBytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { encodeMessage } from "../wire/control.ts";
import type { Zstd } from "../codec/compress.ts";
import type { Compressed, Entries, Listing, Message } from "../wire/messages.ts";
import { helloOf, isCode, scripted } from "./_fixture.ts";
import {
  COMPRESSED_MESSAGES,
  compressedBytes,
  decompressed,
  loadMessageZstd,
} from "./compressed_message.ts";
import { ControlChannel } from "./control_channel.ts";
import { clientHandshake } from "./handshake.ts";
import { generateIdentity } from "../trust/identity.ts";

const BYE: Message = { type: "bye" };

function entriesOf(count: number): Entries {
  const stamp = { device: 1n, sizeBytes: 9, mtimeNs: 7n, ctimeNs: 8n };
  const entries = Array.from({ length: count }, (_, i) => ({
    path: `d/file ${i}`,
    kind: "file" as const,
    sizeBytes: 9,
    mtimeNs: 1_700_000_000_000_000_000n + BigInt(i),
    mode: 0o644,
    stamp: { ...stamp, inode: BigInt(1000 + i) },
  }));
  return { type: "entries", transfer: 1, first: 0, entries, sources: entries.map(() => 0) };
}

/** A listing that says next to nothing in so many bytes. */
function listingOf(bytes: number): Listing {
  const message = "x".repeat(1000);
  const omission = { path: "a", code: "denied", message } as const;
  const omissions = Array.from({ length: Math.ceil(bytes / 1000) }, () => omission);
  return { type: "listing", transfer: 1, entries: [], omissions, last: true };
}

/** A message that says it is these bytes compressed. */
async function compressedOf(raw: Uint8Array, rawBytes = raw.byteLength): Promise<Compressed> {
  const body = (await loadMessageZstd()).compress(raw, 3);
  assert.ok(body !== null);
  return { type: "compressed", rawBytes, body: body.slice() };
}

Deno.test("a manifest travels in less than a quarter of its bytes, and is the same", async () => {
  const [zstd, message] = [await loadMessageZstd(), entriesOf(300)];
  const bytes = encodeMessage(message);
  const less = compressedBytes(bytes, { type: "entries", zstd });
  assert.ok(less.byteLength < bytes.byteLength / 4, `${less.byteLength} of ${bytes.byteLength}`);
  const channel = new ControlChannel(scripted([less, encodeMessage(BYE)]));
  channel.lift();
  assert.deepEqual(await channel.receive(), message);
  assert.equal(channel.lastBytes, bytes.byteLength, "what it weighs is what it comes to (I8)");
  assert.deepEqual(await channel.receive(), BYE);
  assert.equal(channel.lastBytes, encodeMessage(BYE).byteLength);
});

Deno.test("what is short, does not shrink or is of another kind goes as it is", async () => {
  const zstd = await loadMessageZstd();
  const few = encodeMessage(entriesOf(2));
  assert.equal(compressedBytes(few, { type: "entries", zstd }), few);
  const many = encodeMessage(entriesOf(300));
  assert.equal(compressedBytes(many, { type: "need", zstd }), many);
  const random = crypto.getRandomValues(new Uint8Array(9000));
  assert.equal(compressedBytes(random, { type: "entries", zstd }), random);
  const twice = new Uint8Array(LIMITS.controlMessageBytes + 1);
  assert.equal(compressedBytes(twice, { type: "entries", zstd }), twice);
});

const ENTRIES = encodeMessage(entriesOf(3));
const UNKNOWN = Uint8Array.of(0xff, 0xff, 0, 0, 0, 0);

for (
  const [what, raw, found] of [
    ["two messages", concatBytes([ENTRIES, ENTRIES]), /ended within a message/],
    ["one and an unknown one", concatBytes([ENTRIES, UNKNOWN]), /ended within a message/],
    ["one and a part", concatBytes([ENTRIES, new Uint8Array(1)]), /ended within a message/],
    ["a part of one", ENTRIES.slice(0, -1), /a part of a message/],
    ["a part of a header", ENTRIES.slice(0, 2), /a part of a message/],
    ["less than a type", Uint8Array.of(0), /another than may be compressed/],
    ["an unknown one alone", UNKNOWN, /another than may be compressed/],
  ] as const
) {
  Deno.test(`decompressed() refuses ${what}`, async () => {
    const [zstd, message] = [await loadMessageZstd(), await compressedOf(raw)];
    assert.throws(() => decompressed(message, zstd), isCode("protocol", true));
    assert.throws(() => decompressed(message, zstd), found);
  });
}

Deno.test("decompressed() takes manifests and listings, and refuses every other message", async () => {
  const zstd = await loadMessageZstd();
  const taken = new Set<string>();
  for (const message of Object.values(SAMPLE_MESSAGES)) {
    const compressed = await compressedOf(encodeMessage(message));
    if (message.type === "entries" || message.type === "listing") {
      assert.deepEqual(decompressed(compressed, zstd).message, message);
      taken.add(message.type);
    } else {
      const refused = /another than may be compressed/;
      assert.throws(() => decompressed(compressed, zstd), refused, message.type);
    }
  }
  assert.equal(taken.size, 2);
});

Deno.test("decompressed() refuses what comes to far more than its own bytes, before it is decompressed", async () => {
  const zstd = await loadMessageZstd();
  const asked: number[] = [];
  const watched: Zstd = {
    ...zstd,
    decompress: (_, { rawBytes }) => {
      asked.push(rawBytes);
      return ENTRIES;
    },
  };
  const body = new Uint8Array(40);
  const rawBytes = LIMITS.compressedMessageRatio * body.byteLength;
  assert.equal(decompressed({ type: "compressed", rawBytes, body }, watched).bytes, rawBytes);
  const bomb: Compressed = { type: "compressed", rawBytes: rawBytes + 1, body };
  assert.throws(() => decompressed(bomb, watched), isCode("protocol", true));
  assert.deepEqual(asked, [rawBytes]);
});

Deno.test("what would come to far more than its own bytes goes as it is", async () => {
  const zstd = await loadMessageZstd();
  const bytes = encodeMessage(listingOf(50_000));
  assert.ok(zstd.compress(bytes, 3)!.byteLength < bytes.byteLength / LIMITS.compressedMessageRatio);
  assert.ok(compressedBytes(bytes, { type: "listing", zstd }) === bytes);
});

Deno.test("decompressed() refuses another size than was announced, and what is no zstd", async () => {
  const [zstd, raw] = [await loadMessageZstd(), encodeMessage(entriesOf(300))];
  for (const rawBytes of [1, raw.byteLength - 1, raw.byteLength + 1]) {
    const message = await compressedOf(raw, rawBytes);
    assert.throws(() => decompressed(message, zstd), isCode("protocol", true), `${rawBytes}`);
  }
  const noise: Compressed = { type: "compressed", rawBytes: 9, body: new Uint8Array(20).fill(7) };
  assert.throws(() => decompressed(noise, zstd), isCode("protocol", true));
});

Deno.test("nothing is decompressed for a peer that is not known", async () => {
  const bytes = encodeMessage(await compressedOf(ENTRIES));
  await assert.rejects(new ControlChannel(scripted([bytes])).receive(), isCode("protocol", true));
  const known = new ControlChannel(scripted([bytes]));
  known.lift();
  assert.equal((await known.receive())?.type, "entries");
});

for (const [knows, isLocal] of [[true, false], [false, false], [true, true]] as const) {
  const path = isLocal ? "on one machine" : "over a path";
  Deno.test(`a client ${path} ${knows && !isLocal ? "compresses" : "does not compress"} for a server that ${knows ? "takes" : "does not take"} it`, async () => {
    const [identity, server] = await Promise.all([generateIdentity(), generateIdentity()]);
    const capabilities = knows ? [COMPRESSED_MESSAGES] : [];
    const stream = scripted([encodeMessage(helloOf({ capabilities }))]);
    const channel = new ControlChannel(stream);
    const who = { identity, serverIdentity: server.publicKey, ticket: null, agent: "test" };
    await assert.rejects(clientHandshake(channel, { ...who, isLocal }), isCode("lost"));
    const before = stream.written.length;
    const message = entriesOf(300);
    channel.send(message);
    await channel.flushed();
    const sent = concatBytes(stream.written.slice(before));
    assert.equal(sent.byteLength < encodeMessage(message).byteLength, knows && !isLocal);
  });
}

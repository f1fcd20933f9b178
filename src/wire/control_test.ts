import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { concatBytes, fromHex, toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import {
  assertFault,
  decodeOne,
  drain,
  expectMessageOrFault,
  frameBody,
  lifted,
  sample,
} from "../../tests/vectors/control_probe.ts";
import { anyMessage, SAMPLE_MESSAGES } from "../../tests/vectors/messages.ts";
import { encodeCbor } from "./cbor.ts";
import { CONTROL_HEADER_BYTES, ControlDecoder, encodeMessage } from "./control.ts";
import { type Entry, type Message, MESSAGE_NUMBERS } from "./messages.ts";

const VECTORS_URL = new URL("../../tests/vectors/control.json", import.meta.url);
const SAMPLES = Object.entries(SAMPLE_MESSAGES);

Deno.test("there is a sample of every message type", () => {
  const types = new Set(SAMPLES.map(([, message]) => message.type));
  assert.deepEqual([...types].sort(), Object.keys(MESSAGE_NUMBERS).sort());
});

Deno.test("the bytes of every sample are the committed ones, both ways", () => {
  const written = Object.fromEntries(
    SAMPLES.map(([name, message]) => [name, toHex(encodeMessage(message))]),
  );
  // The one way to change a vector: a deliberate change of the protocol.
  if (Deno.env.get("SFTPX_WRITE_VECTORS") === "1") {
    writeFileSync(VECTORS_URL, JSON.stringify(written, null, 2) + "\n");
  }
  const committed: Record<string, string> = JSON.parse(readFileSync(VECTORS_URL, "utf8"));
  assert.deepEqual(written, committed);
  for (const [name, message] of SAMPLES) {
    assert.deepEqual(decodeOne(fromHex(committed[name] ?? "")), message, name);
  }
});

Deno.test("a message cut at any byte is never a message and never a clean end (I4)", () => {
  for (const [name, message] of SAMPLES) {
    const bytes = encodeMessage(message);
    for (let length = 1; length < bytes.byteLength; length++) {
      const decoder = lifted();
      decoder.push(bytes.subarray(0, length));
      assert.equal(decoder.next(), null, `${name} cut to ${length}`);
      assertFault(() => decoder.finish(), "protocol");
    }
  }
});

Deno.test("a body cut at any byte is refused, whatever its header says", () => {
  for (const [name, message] of SAMPLES) {
    const body = encodeMessage(message).subarray(CONTROL_HEADER_BYTES);
    for (let length = 0; length < body.byteLength; length++) {
      const bytes = frameBody(MESSAGE_NUMBERS[message.type], body.subarray(0, length));
      assertFault(() => decodeOne(bytes), "protocol", `${name} cut to ${length}`);
    }
  }
});

Deno.test("a body with a byte after its end is refused", () => {
  for (const [, message] of SAMPLES) {
    const body = encodeMessage(message).subarray(CONTROL_HEADER_BYTES);
    const bytes = frameBody(MESSAGE_NUMBERS[message.type], concatBytes([body, Uint8Array.of(0)]));
    assertFault(() => decodeOne(bytes), "protocol");
  }
});

Deno.test("byte after byte gives the messages that one push gives", () => {
  const messages = SAMPLES.map(([, message]) => message);
  const stream = concatBytes(messages.map(encodeMessage));
  const whole = lifted();
  whole.push(stream);
  assert.deepEqual(drain(whole), messages);
  const single = lifted();
  const got: Message[] = [];
  for (const byte of stream) {
    single.push(Uint8Array.of(byte));
    got.push(...drain(single));
  }
  assert.deepEqual(got, messages);
  single.finish();
});

Deno.test("every message survives the wire, whatever pieces it comes in", () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 4 }), pieces, (messages, sizes) => {
      const stream = concatBytes(messages.map(encodeMessage));
      const decoder = lifted();
      const got: Message[] = [];
      for (let at = 0, i = 0; at < stream.byteLength; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        decoder.push(stream.subarray(at, at + size));
        got.push(...drain(decoder));
        at += size;
      }
      decoder.finish();
      assert.deepEqual(got, messages);
    }),
    { numRuns: 500 },
  );
});

Deno.test("any mutation gives a message or an SftpxError that blames the peer", () => {
  const stream = fc.oneof(
    anyMessage.map(encodeMessage),
    fc.constantFrom(...SAMPLES.map(([, message]) => encodeMessage(message))),
  );
  const edit = fc.tuple(fc.nat(), fc.constantFrom("set", "insert", "delete"), fc.nat(255));
  let refused = 0;
  fc.assert(
    fc.property(stream, fc.array(edit, { minLength: 1, maxLength: 4 }), (bytes, edits) => {
      const mutated = Array.from(bytes);
      for (const [at, kind, value] of edits) {
        // Mostly the body: the header soon makes it a matter of length.
        const index = at % mutated.length;
        if (kind === "set") mutated[index] = value;
        else mutated.splice(index, kind === "delete" && mutated.length > 1 ? 1 : 0, value);
      }
      refused += expectMessageOrFault(Uint8Array.from(mutated)) ? 0 : 1;
    }),
    { numRuns: 3000 },
  );
  assert.ok(refused > 100, `${refused} refused`);
});

Deno.test("any body at all gives a message or an SftpxError that blames the peer", () => {
  const number = fc.constantFrom(...Object.values(MESSAGE_NUMBERS));
  const leaf = fc.oneof(fc.nat(), fc.integer(), fc.string(), fc.boolean(), fc.uint8Array());
  const map = fc.dictionary(
    fc.constantFrom(..."abcdefghiklmnoprstvwxz", "st", "__proto__"),
    fc.oneof(leaf, fc.array(leaf), fc.array(fc.dictionary(fc.constantFrom(..."pknewd"), leaf))),
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(number, map, (number, map) => {
      expectMessageOrFault(frameBody(number, encodeCbor(map)));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(number, fc.uint8Array(), (number, body) => {
      expectMessageOrFault(frameBody(number, body));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("an unknown critical message ends the stream", () => {
  for (const number of [0, 0x08, 0x0f, 0x28, 0x7fff]) {
    const decoder = lifted();
    decoder.push(frameBody(number, Uint8Array.of(0xa0)));
    assertFault(() => decoder.next(), "protocol");
    assertFault(() => decoder.push(encodeMessage({ type: "bye" })), "protocol");
    assertFault(() => decoder.next(), "protocol");
    assertFault(() => decoder.finish(), "protocol");
  }
});

Deno.test("an unknown critical message is refused before its body arrives", () => {
  const decoder = lifted();
  decoder.push(Uint8Array.of(0x00, 0x7e, 0, 0x0f, 0xff, 0xff));
  assertFault(() => decoder.next(), "protocol");
});

Deno.test("an unknown ignorable message is passed over unread", () => {
  const decoder = lifted();
  decoder.push(frameBody(0x8000, fromHex("ff00ff")));
  decoder.push(frameBody(0xffff, new Uint8Array(0)));
  decoder.push(encodeMessage({ type: "done", transfer: 3 }));
  assert.deepEqual(decoder.next(), { type: "done", transfer: 3 });
  assert.equal(decoder.next(), null);
  decoder.finish();
});

Deno.test("a body may be as long as the limit and no longer", () => {
  const body = new Uint8Array(LIMITS.controlMessageBytes);
  const decoder = lifted();
  decoder.push(frameBody(0x8000, body));
  decoder.push(encodeMessage({ type: "bye" }));
  assert.deepEqual(decoder.next(), { type: "bye" });
  // The length alone decides: nothing of the body was sent.
  decoder.push(frameBody(0x8000, body.subarray(0, 0)).subarray(0, 2));
  decoder.push(Uint8Array.of(0, 0x10, 0, 1));
  assertFault(() => decoder.next(), "limit");
});

Deno.test("a peer that is not authenticated may send so much in all and no more", () => {
  const ping = encodeMessage({ type: "ping", token: 1 });
  const fits = Math.floor(LIMITS.unauthenticatedBytes / ping.byteLength);
  const decoder = new ControlDecoder();
  for (let i = 0; i < fits; i++) {
    decoder.push(ping);
    assert.equal(drain(decoder).length, 1);
  }
  assertFault(() => decoder.push(new Uint8Array(LIMITS.unauthenticatedBytes)), "limit");
  assertFault(() => decoder.next(), "limit");
});

Deno.test("limitBytes is exact: the last byte passes, the next does not", () => {
  const decoder = new ControlDecoder({ limitBytes: 10 });
  decoder.push(new Uint8Array(10).fill(0x80));
  assertFault(() => decoder.push(new Uint8Array(1)), "limit");
});

Deno.test("a message that cannot fit what is left is refused at its header", () => {
  const decoder = new ControlDecoder({ limitBytes: 20 });
  decoder.push(Uint8Array.of(0, MESSAGE_NUMBERS.hello, 0, 0, 0, 14));
  assert.equal(decoder.next(), null);
  const other = new ControlDecoder({ limitBytes: 20 });
  other.push(Uint8Array.of(0, MESSAGE_NUMBERS.hello, 0, 0, 0, 15));
  assertFault(() => other.next(), "limit");
});

Deno.test("lift() ends the sum and keeps the bound of each message", () => {
  const decoder = new ControlDecoder({ limitBytes: 8 });
  decoder.push(encodeMessage({ type: "bye" }));
  decoder.lift();
  const bye = encodeMessage({ type: "bye" });
  for (let i = 0; i < 100; i++) decoder.push(bye);
  assert.equal(drain(decoder).length, 101);
  decoder.push(Uint8Array.of(0x80, 0, 0xff, 0xff, 0xff, 0xff));
  assertFault(() => decoder.next(), "limit");
});

Deno.test("a message's bytes do not change with what is pushed later", () => {
  const decoder = lifted();
  const hello = SAMPLE_MESSAGES["hello"];
  assert.ok(hello !== undefined && hello.type === "hello");
  const buffer = encodeMessage(hello);
  decoder.push(buffer);
  buffer.fill(0xee);
  const got = decoder.next();
  decoder.push(new Uint8Array(CONTROL_HEADER_BYTES - 1).fill(0x80));
  assert.deepEqual(got, hello);
});

Deno.test("entries that one message cannot hold travel as several", () => {
  const entries = Array.from({ length: LIMITS.entriesPerMessage }, (_, i): Entry => ({
    path: String(i).padStart(LIMITS.pathBytes, "p"),
    kind: "link",
    sizeBytes: 0,
    mtimeNs: 0n,
    mode: 0,
    target: "t".repeat(LIMITS.linkTargetBytes),
  }));
  const sources = entries.map((_, i) => i % 3);
  const bytes = encodeMessage({ type: "entries", transfer: 1, first: 7, entries, sources });
  const decoder = lifted();
  decoder.push(bytes);
  const messages = drain(decoder);
  assert.ok(messages.length > 1);
  let next = 7;
  const got: Entry[] = [];
  const gotSources: number[] = [];
  for (const message of messages) {
    assert.ok(message.type === "entries");
    assert.equal(message.first, next);
    next += message.entries.length;
    got.push(...message.entries);
    gotSources.push(...message.sources);
  }
  assert.deepEqual(got, entries);
  assert.deepEqual(gotSources, sources);
});

Deno.test("a listing that one message cannot hold travels as several, of which one is the last", () => {
  const entries = Array.from({ length: LIMITS.entriesPerMessage }, (_, i): Entry => ({
    path: String(i).padStart(LIMITS.pathBytes, "p"),
    kind: "file",
    sizeBytes: 0,
    mtimeNs: 0n,
    mode: 0,
  }));
  const omissions = [{ path: "x", code: "io", message: "No" }];
  const decoder = lifted();
  decoder.push(
    encodeMessage({ type: "listing", transfer: 1, entries, omissions, last: true }),
  );
  const messages = drain(decoder);
  assert.ok(messages.length > 1);
  const listings = messages.map((message) => {
    assert.ok(message.type === "listing");
    return message;
  });
  assert.deepEqual(listings.flatMap((listing) => listing.entries), entries);
  assert.deepEqual(listings.flatMap((listing) => listing.omissions), omissions);
  assert.deepEqual(
    listings.map(({ last }) => last),
    listings.map((_, i, { length }) => i === length - 1),
  );
});

Deno.test("encodeMessage() refuses names that are too long together", () => {
  const given = Array.from({ length: 300 }, () => "g".repeat(LIMITS.pathBytes));
  const offer = { ...sample("offer"), given } as Message;
  assert.throws(
    () => encodeMessage(offer),
    (error) => error instanceof SftpxError && error.code === "limit" && !error.remote,
  );
});

Deno.test("finish() is content before anything came and between two messages", () => {
  const decoder = lifted();
  decoder.finish();
  decoder.push(new Uint8Array(0));
  assert.equal(decoder.next(), null);
  decoder.push(encodeMessage({ type: "bye" }));
  decoder.next();
  decoder.finish();
});

Deno.test("finish() is not content while a whole message waits to be taken", () => {
  const decoder = lifted();
  decoder.push(encodeMessage({ type: "bye" }));
  assertFault(() => decoder.finish(), "protocol");
});

Deno.test("after a fault no later bytes are believed", () => {
  const decoder = lifted();
  decoder.push(concatBytes([
    encodeMessage({ type: "ping", token: 1 }),
    frameBody(MESSAGE_NUMBERS.bye, Uint8Array.of(0xff)),
    encodeMessage({ type: "ping", token: 2 }),
  ]));
  assert.deepEqual(decoder.next(), { type: "ping", token: 1 });
  assertFault(() => decoder.next(), "protocol");
  assertFault(() => decoder.next(), "protocol");
});

Deno.test("messages of every size pass in pieces of every size", () => {
  const messages = [0, 1, 255, 256, 300, 1024].map((length): Message => ({
    type: "refuse",
    code: "failed",
    message: "m".repeat(length),
  }));
  const stream = concatBytes([...messages, ...messages.toReversed()].map(encodeMessage));
  for (let size = 1; size < 600; size += 7) {
    const decoder = lifted();
    const got: Message[] = [];
    for (let at = 0; at < stream.byteLength; at += size) {
      decoder.push(stream.subarray(at, at + size));
      got.push(...drain(decoder));
    }
    decoder.finish();
    assert.deepEqual(got, [...messages, ...messages.toReversed()], `pieces of ${size}`);
  }
});

Deno.test("every message but entries and listings is one message on the wire", () => {
  fc.assert(fc.property(anyMessage, (message) => {
    const bytes = encodeMessage(message);
    const bodyBytes = new DataView(bytes.buffer).getUint32(2);
    assert.equal(bytes.byteLength, CONTROL_HEADER_BYTES + bodyBytes);
    assert.equal(new DataView(bytes.buffer).getUint16(0), MESSAGE_NUMBERS[message.type]);
  }));
});

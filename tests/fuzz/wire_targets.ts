// The wire room under fuzz: CBOR values, single messages, control streams in pieces, frames, and the
// names that travel in them. What decodes, encodes to the same.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { concatBytes, encodeUtf8, fromHex, utf8Bytes } from "../../src/base/bytes.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { comparePaths, foldPath, isFromOn, pathProblem } from "../../src/base/path.ts";
import { escapeText } from "../../src/base/text.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../src/wire/cbor.ts";
import { CONTROL_HEADER_BYTES, ControlDecoder, encodeMessage } from "../../src/wire/control.ts";
import { entryProblem, requestProblem, sourceNameProblem } from "../../src/wire/entry.ts";
import {
  type ChunkRecord,
  decodeFrameHeader,
  decodeRecords,
  FRAME_HEADER_BYTES,
  writeFrameHeader,
  writeRecord,
} from "../../src/wire/frame.ts";
import type { Message } from "../../src/wire/messages.ts";
import type { Random } from "../simulation/clock.ts";
import { anyMessage, SAMPLE_MESSAGES } from "../vectors/messages.ts";
import { mutatedBytes, mutatedText, shownBytes, smallerBytes, smallerText } from "./mutation.ts";
import { outcomeOf, worded } from "./outcome.ts";
import { type Target, valueTarget } from "./target.ts";

const MESSAGES = [
  ...Object.values(SAMPLE_MESSAGES),
  ...fc.sample(anyMessage, { seed: 1, numRuns: 300 }),
];
const CONTROL_SEEDS = [...vectors("control.json"), ...MESSAGES.map(encodeMessage)];
const BODY_SEEDS = CONTROL_SEEDS.map((bytes) => bytes.subarray(CONTROL_HEADER_BYTES));
const FRAME_SEEDS = vectors("frames.json").map((frame) => frame.slice(0, 4096));
const PATHS = [
  "a",
  "a/b/c",
  "photos/été/IMG 0001.jpg",
  "x/.sftpx-old",
  "a/../b",
  "ü",
  "CON/aux.txt",
];
const CHUNK_BYTES = LIMITS.minChunkBytes;

export const WIRE_TARGETS: readonly Target[] = [
  valueTarget({
    name: "cbor",
    make: (random) => mutatedBytes(random, BODY_SEEDS),
    show: shownBytes,
    smaller: smallerBytes,
    check: (bytes) => {
      const outcome = outcomeOf(() => decodeCbor(bytes));
      if (outcome.refused === null) {
        const again = new Uint8Array(encodeCbor(outcome.value));
        // Every form is the shortest, so that only the order of keys may differ.
        assert.equal(again.byteLength, bytes.byteLength, "another length");
        assert.deepEqual(decodeCbor(again), outcome.value);
      }
      return worded(outcome);
    },
  }),
  valueTarget({
    name: "cbor-value",
    make: (random) => anyValue(random, 0),
    show: (value) => shownBytes(encodeCbor(value)),
    check: (value) => {
      assert.deepEqual(decodeCbor(new Uint8Array(encodeCbor(value))), value);
      return "taken";
    },
  }),
  valueTarget({
    name: "message",
    make: (random) => mutatedBytes(random, CONTROL_SEEDS),
    show: shownBytes,
    smaller: smallerBytes,
    check: (bytes) => {
      const { messages, refused } = read(bytes, [bytes.byteLength]);
      for (const message of messages) {
        assert.deepEqual(read(encodeMessage(message), [Infinity]).messages, [message]);
      }
      return refused ?? `${messages.length > 0 ? "" : "not "}taken`;
    },
  }),
  valueTarget({
    name: "valid-message",
    make: (random) => fc.sample(anyMessage, { seed: random.below(2 ** 31), numRuns: 1 })[0]!,
    show: (message) => shownBytes(encodeMessage(message)),
    check: (message) => {
      const { messages, refused } = read(encodeMessage(message), [7]);
      assert.equal(refused, null);
      assert.deepEqual(messages, [message]);
      return message.type;
    },
  }),
  valueTarget({
    name: "control-stream",
    make: (random) => ({
      bytes: mutatedBytes(random, [
        concatBytes(Array.from({ length: 1 + random.below(5) }, () => random.pick(CONTROL_SEEDS))),
        ...CONTROL_SEEDS,
      ]),
      pieces: Array.from(
        { length: 1 + random.below(5) },
        () => 1 + random.below(random.pick([3, 99])),
      ),
    }),
    show: ({ bytes, pieces }) => `${shownBytes(bytes)} in pieces of ${pieces}`,
    check: ({ bytes, pieces }) => {
      const whole = read(bytes, [Infinity]);
      assert.deepEqual(read(bytes, pieces), whole, "pieces make a difference");
      return whole.refused ?? "taken";
    },
  }),
  valueTarget({
    name: "frame",
    make: (random) => {
      const frame = mutatedBytes(random, FRAME_SEEDS);
      return frame.byteLength < FRAME_HEADER_BYTES ? frame.slice(0, 0) : frame;
    },
    show: shownBytes,
    smaller: function* (frame) {
      for (const smaller of smallerBytes(frame)) {
        if (smaller.byteLength >= FRAME_HEADER_BYTES) yield smaller;
      }
    },
    check: checkFrame,
  }),
  valueTarget({
    name: "path",
    make: (random) => [mutatedText(random, PATHS), mutatedText(random, PATHS)] as const,
    show: (paths) => JSON.stringify(paths),
    smaller: function* ([a, b]) {
      for (const smaller of smallerText(a)) yield [smaller, b] as const;
      for (const smaller of smallerText(b)) yield [a, smaller] as const;
    },
    check: checkPaths,
  }),
  valueTarget({
    name: "escaped-text",
    make: (random) => ({ text: mutatedText(random, PATHS), most: 1 + random.below(80) }),
    show: (value) => JSON.stringify(value),
    check: ({ text, most }) => {
      const shown = escapeText(text, most);
      assert.ok([...shown].length <= most, "too long");
      assert.ok(!/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u.test(shown), "unsafe");
      assert.equal(escapeText(shown, 2 * most), shown, "not the same when escaped again");
      return shown === text ? "as it was" : "escaped";
    },
  }),
];

/** Everything that a stream of bytes holds, read in pieces of these sizes by turns. */
function read(
  bytes: Uint8Array,
  pieces: readonly number[],
): { readonly messages: Message[]; readonly refused: string | null } {
  const decoder = new ControlDecoder();
  decoder.lift();
  const messages: Message[] = [];
  const outcome = outcomeOf(() => {
    for (let at = 0, turn = 0; at < bytes.byteLength; turn++) {
      const end = Math.min(bytes.byteLength, at + pieces[turn % pieces.length]!);
      decoder.push(bytes.subarray(at, end));
      at = end;
      for (let next = decoder.next(); next !== null; next = decoder.next()) messages.push(next);
    }
    decoder.finish();
  });
  if (outcome.refused === null) return { messages, refused: null };
  assert.equal(outcome.refused.remote, true, "it blames somebody else");
  assert.throws(() => decoder.next(), "it goes on after a fault");
  return { messages, refused: outcome.refused.code };
}

function checkFrame(frame: Uint8Array): string {
  if (frame.byteLength === 0) return "too short";
  const outcome = outcomeOf(() => {
    const header = decodeFrameHeader(frame, CHUNK_BYTES);
    if (header.kind === "end") return null;
    assert.ok(header.bodyBytes <= CHUNK_BYTES + header.records * 52, "a body of any size");
    const again = new Uint8Array(FRAME_HEADER_BYTES);
    writeFrameHeader(again, header);
    assert.deepEqual(again, frame.slice(0, FRAME_HEADER_BYTES));
    return header;
  });
  if (outcome.refused !== null || outcome.value === null) return worded(outcome);
  // The rest as a reader would have it: exactly as many bytes as the header says, where there are.
  const { records, bodyBytes } = outcome.value;
  const body = frame.slice(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bodyBytes);
  const table = outcomeOf(() => decodeRecords(body, records, CHUNK_BYTES));
  if (table.refused === null) checkRecords(table.value, body);
  return worded(table);
}

function checkRecords(records: readonly ChunkRecord[], body: Uint8Array): void {
  const again = new Uint8Array(FRAME_HEADER_BYTES + body.byteLength);
  records.forEach((record, index) => writeRecord(again, index, record));
  const tableBytes = body.byteLength -
    records.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  assert.deepEqual(
    again.slice(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + tableBytes),
    body.slice(0, tableBytes),
  );
  for (const { rawBytes } of records) assert.ok(rawBytes > 0 && rawBytes <= CHUNK_BYTES);
}

function checkPaths([a, b]: readonly [string, string]): string {
  const entry = { kind: "file", sizeBytes: 1, mtimeNs: 0n, mode: 0o644 } as const;
  const problem = pathProblem(a);
  requestProblem(a);
  sourceNameProblem(a);
  entryProblem({ ...entry, path: a });
  entryProblem({ ...entry, kind: "link", sizeBytes: 0, path: "l", target: a });
  assert.ok(problem === null || !/\p{Cc}/u.test(problem), "the problem shows controls");
  if (utf8Bytes(a) <= LIMITS.pathBytes) assert.equal(foldPath(foldPath(a)), foldPath(a), "fold");
  if (problem !== null || pathProblem(b) !== null) return "refused";
  const names = a.split("/");
  assert.ok(a.isWellFormed() && !a.startsWith("/") && !/[\p{Cc}\\]/u.test(a));
  assert.ok(names.every((name) => name !== "" && name !== "." && name !== ".."));
  assert.ok(names.every((name) => utf8Bytes(name) <= LIMITS.nameBytes));
  assert.ok(names.every((name) => !/^\.sftpx([. ]*$|[. ]*:|-)/i.test(name)));
  const order = Buffer.compare(encodeUtf8(a), encodeUtf8(b));
  assert.equal(Math.sign(comparePaths(a, b)), order, "order");
  if (order >= 0) assert.ok(isFromOn(a, b));
  return "taken";
}

function anyValue(random: Random, depth: number): CborValue {
  const count = () => random.below(4);
  switch (random.below(depth > 5 ? 6 : 8)) {
    case 0:
      return random.below(2 ** 32) * random.pick([0, 1, 1_000]);
    case 1:
      return -1 - random.below(2 ** 32);
    case 2:
      return (1n << 63n) + BigInt(random.below(2 ** 32));
    case 3:
      return mutatedText(random, PATHS).slice(0, 300).toWellFormed();
    case 4:
      return random.bytes(random.below(70));
    case 5:
      return random.pick([true, false, null]);
    case 6:
      return Array.from({ length: count() }, () => anyValue(random, depth + 1));
    default: {
      const map = Object.create(null) as Record<string, CborValue>;
      for (let i = count(); i > 0; i--) {
        map[mutatedText(random, ["a", "b", "__proto__"]).slice(0, 40).toWellFormed()] = anyValue(
          random,
          depth + 1,
        );
      }
      return map;
    }
  }
}

function vectors(name: string): Uint8Array[] {
  const text = readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8");
  return Object.values(JSON.parse(text) as Record<string, string>).map(fromHex);
}

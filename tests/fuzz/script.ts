// Scripts of peers that lie: honest ones in which chance leaves out, repeats, swaps, cuts and changes
// steps, and tells messages of its own making. Two may run in one session.

import fc from "fast-check";
import type { Blake3 } from "../../src/codec/hash.ts";
import type { CborMap, CborValue } from "../../src/wire/cbor.ts";
import { encodeCbor } from "../../src/wire/cbor.ts";
import {
  decodeFrameHeader,
  decodeRecords,
  FRAME_HEADER_BYTES,
  RECORD_BYTES,
} from "../../src/wire/frame.ts";
import { ControlDecoder } from "../../src/wire/control.ts";
import { type Message, MESSAGE_NUMBERS } from "../../src/wire/messages.ts";
import type { Random } from "../simulation/clock.ts";
import { anyMessage } from "../vectors/messages.ts";
import { mutatedBytes, mutatedText } from "./mutation.ts";
import { say, type Step } from "./tap.ts";

/** Names that lead somewhere they should not. */
const NAMES = [
  "..",
  "../beside",
  "a/../../beside",
  "/etc/passwd",
  ".sftpx",
  ".sftpx/state.db",
  ".SFTPX/parts/x",
  "dir",
  "dir/a",
  "dir/link",
  "link",
  "link/x",
  "big",
  "BIG",
  "empty",
  "e\u0301",
  "\u00e9",
  "x".repeat(255),
  "d/".repeat(300) + "x",
  "a\u202eb",
  "a\u0000b",
  "a\\b",
  "C:x",
  "nul",
  "tree",
  "into",
  "",
  ".",
];
const NUMBERS = [0, 1, 2, 3, 5, 64, 511, 512, 513, 4095, 4096, 65_535, 65_536, 65_537];
const FAR_NUMBERS = [...NUMBERS, 131_072, 2 ** 24, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
/** Of chunks as they are in the recordings. */
const CHUNK_BYTES = 65_536;

/** One honest script, or two in one session, with some lies in it. */
export function lyingScript(
  random: Random,
  scripts: readonly (readonly Step[])[],
  blake3: Blake3,
): readonly Step[] {
  const first = random.pick(scripts);
  let steps = random.chance(0.15)
    ? interleaved(random, first, renumbered(random.pick(scripts), 2))
    : first;
  const lies = random.pick([0, 1, 1, 1, 2, 3, 5]);
  for (let i = 0; i < lies; i++) steps = withLie(random, steps, blake3);
  return steps;
}

/** The same steps, of another transfer. */
export function renumbered(steps: readonly Step[], transfer: number): readonly Step[] {
  return steps.map((step) => {
    if (step.kind === "say" && isMap(step.body) && typeof step.body["t"] === "number") {
      return { ...step, body: mapOf({ ...step.body, t: transfer }) };
    }
    if (step.kind !== "lane") return step;
    const bytes = step.bytes.slice();
    // Where a frame begins; in the middle of one it is another lie.
    if (bytes.byteLength >= FRAME_HEADER_BYTES) new DataView(bytes.buffer).setUint32(4, transfer);
    return { ...step, lane: step.lane + 100, bytes };
  });
}

/** For a person: what was done in a line each. */
export function shownSteps(steps: readonly Step[]): string {
  return steps.map((step) => {
    switch (step.kind) {
      case "say":
        return `say ${nameOf(step.number)} ${
          shortened(new Uint8Array(encodeCbor(step.body)).toHex())
        }`;
      case "raw":
        return `raw ${shortened(step.bytes.toHex())}`;
      case "lane":
        return `lane ${step.lane} ${step.bytes.byteLength} bytes ${shortened(step.bytes.toHex())}`;
      case "hear":
        return `hear ${step.type}`;
      case "take":
        return `take ${step.bytes} bytes`;
      case "cut":
        return "cut";
    }
  }).join("\n");
}

function interleaved(random: Random, a: readonly Step[], b: readonly Step[]): Step[] {
  const [x, y] = [[...a], [...b]];
  const out: Step[] = [];
  while (x.length + y.length > 0) {
    const from = x.length === 0 || (y.length > 0 && random.chance(0.5)) ? y : x;
    out.push(from.shift()!);
  }
  return out;
}

function withLie(random: Random, steps: readonly Step[], blake3: Blake3): readonly Step[] {
  const at = random.below(steps.length + 1);
  const step = steps[at];
  switch (random.below(10)) {
    case 0:
      return steps.toSpliced(at, 1);
    case 1:
      return step === undefined ? steps : steps.toSpliced(random.below(steps.length), 0, step);
    case 2: {
      if (step === undefined) return steps;
      const without = steps.toSpliced(at, 1);
      return without.toSpliced(random.below(without.length + 1), 0, step);
    }
    case 3:
      return steps.toSpliced(at, steps.length, { kind: "cut" });
    case 4:
      return steps.toSpliced(at, 0, { kind: "raw", bytes: random.bytes(random.below(40)) });
    case 5:
      return steps.toSpliced(at, random.below(2), anySaying(random));
    default:
      return step === undefined ? steps : steps.with(at, changedStep(random, step, blake3));
  }
}

function changedStep(random: Random, step: Step, blake3: Blake3): Step {
  switch (step.kind) {
    case "say":
      if (random.chance(0.1)) {
        return { ...step, number: random.pick(Object.values(MESSAGE_NUMBERS)) };
      }
      if (random.chance(0.15)) {
        return { kind: "raw", bytes: mutatedBytes(random, [messageBytes(step)]) };
      }
      return { ...step, body: changedValue(random, step.body) };
    case "lane":
      if (random.chance(0.3)) return { ...step, bytes: forged(random, step.bytes, blake3) };
      return { ...step, bytes: mutatedBytes(random, [step.bytes, step.bytes.slice(0, 200)]) };
    case "raw":
    case "hear":
    case "take":
    case "cut":
      return step;
  }
}

/** Bytes of a message, whatever its body is. */
export function messageBytes(
  { number, body }: Extract<Step, { kind: "say" }>,
): Uint8Array<ArrayBuffer> {
  const encoded = encodeCbor(body);
  const bytes = new Uint8Array(6 + encoded.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, number);
  view.setUint32(2, encoded.byteLength);
  bytes.set(encoded, 6);
  return bytes;
}

/** The same message with one value changed; null where no peer would take it for a message. */
export function changedMessage(random: Random, message: Message): Message | null {
  const decoder = new ControlDecoder();
  decoder.lift();
  try {
    const step = say(message);
    if (step.kind !== "say") return null;
    decoder.push(messageBytes({ ...step, body: changedValue(random, step.body) }));
    return decoder.next();
  } catch {
    return null;
  }
}

/** A message that nobody recorded, of this transfer more often than not. */
function anySaying(random: Random): Step {
  const [message] = fc.sample(anyMessage, { seed: random.below(2 ** 31), numRuns: 1 });
  const step = say(message!);
  if (step.kind !== "say" || !isMap(step.body) || !("t" in step.body)) return step;
  return { ...step, body: mapOf({ ...step.body, t: random.pick([1, 1, 1, 1, 2, 7]) }) };
}

/** One value somewhere in it is another one. */
function changedValue(random: Random, value: CborValue): CborValue {
  if (isList(value)) {
    const at = random.below(value.length + 1);
    const item = value[at];
    if (item === undefined) return [...value, ...value];
    const isStructure = random.chance(0.2);
    if (!isStructure) return value.with(at, changedValue(random, item));
    return random.chance(0.5) ? value.toSpliced(at, 1) : value.toSpliced(at, 0, item);
  }
  if (isMap(value)) {
    const keys = Object.keys(value);
    if (keys.length === 0) return value;
    const key = random.pick(keys);
    if (random.chance(0.04)) {
      const { [key]: _, ...rest } = value;
      return mapOf(rest);
    }
    return mapOf({ ...value, [key]: changedValue(random, value[key]!) });
  }
  return changedLeaf(random, value);
}

function changedLeaf(
  random: Random,
  value: Exclude<CborValue, readonly CborValue[] | CborMap>,
): CborValue {
  if (random.chance(0.05)) {
    return random.pick<CborValue>([null, 0, "", new Uint8Array(3), [], true]);
  }
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") {
    return random.chance(0.5)
      ? Math.max(0, value + random.pick([-2, -1, 1, 2]))
      : random.pick(FAR_NUMBERS);
  }
  if (typeof value === "bigint") return random.pick([0n, value + 1n, -1n, 2n ** 63n, -(2n ** 63n)]);
  if (typeof value === "string") {
    return random.chance(0.6) ? random.pick(NAMES) : mutatedText(random, [value]).toWellFormed();
  }
  if (value instanceof Uint8Array) return mutatedBytes(random, [value, value]).slice(0, 4096);
  return 1;
}

/** A frame whose first chunk is another one, with the digest that is right for it. */
function forged(random: Random, frame: Uint8Array, blake3: Blake3): Uint8Array {
  const bytes = frame.slice();
  try {
    const header = decodeFrameHeader(bytes, CHUNK_BYTES);
    if (header.kind === "end") return bytes;
    const body = bytes.subarray(FRAME_HEADER_BYTES);
    const [record] = decodeRecords(body, header.records, CHUNK_BYTES);
    if (record === undefined || record.encoding !== "raw") return bytes;
    const start = FRAME_HEADER_BYTES + header.records * RECORD_BYTES;
    const chunk = bytes.subarray(start, start + record.storedBytes);
    chunk[random.below(chunk.byteLength)]! ^= 1;
    bytes.set(blake3.digest(chunk), FRAME_HEADER_BYTES + 20);
  } catch {
    // A write that is no whole frame stays as it is.
  }
  return bytes;
}

function nameOf(number: number): string {
  const found = Object.entries(MESSAGE_NUMBERS).find(([, value]) => value === number);
  return found?.[0] ?? `0x${number.toString(16)}`;
}

function shortened(hex: string): string {
  return hex.length > 400 ? `${hex.slice(0, 400)}…` : hex;
}

function isList(value: CborValue): value is readonly CborValue[] {
  return Array.isArray(value);
}

function isMap(value: CborValue): value is CborMap {
  return typeof value === "object" && value !== null && !isList(value) &&
    !(value instanceof Uint8Array);
}

function mapOf(fields: Readonly<Record<string, CborValue>>): CborMap {
  return Object.assign(Object.create(null) as Record<string, CborValue>, fields);
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { anyMessage, SAMPLE_MESSAGES } from "../../tests/vectors/messages.ts";
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";
import { MESSAGE_CODECS } from "./message_schema.ts";
import type { Entries, Entry, Message, Need, Sealed } from "./messages.ts";
import { readPlain, writePlain } from "./plain_messages.ts";
import type { Codec } from "./schema.ts";

type Plain = Entries | Need | Sealed;
type Type = Plain["type"];

const STAMP = {
  device: 2n ** 64n - 1n,
  inode: 77n,
  sizeBytes: 5,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: 2n ** 63n - 1n,
};
const COMMON = { sizeBytes: 0, mtimeNs: 1n, mode: 0o755 };
const ENTRIES: Entries = {
  type: "entries",
  transfer: 1,
  first: 510,
  entries: [
    { ...COMMON, path: "ünï", kind: "directory" },
    { ...COMMON, path: "ünï/a", kind: "file", sizeBytes: 2 ** 33, sparse: true, stamp: STAMP },
    { ...COMMON, path: "ünï/b", kind: "file", sizeBytes: 300, stamp: STAMP },
    { ...COMMON, path: "ünï/l", kind: "link", target: "a" },
  ],
  sources: [0, 0, 1, 1],
};
const NEED = SAMPLE_MESSAGES["need"] as Need;
const SEALED: Sealed = {
  type: "sealed",
  transfer: 1,
  files: [
    { entry: 0, digest: new Uint8Array(32).fill(1), kept: false },
    { entry: 70_000, digest: new Uint8Array(32).fill(2), kept: true },
  ],
};
const PLAIN = [ENTRIES, NEED, SEALED] as const;
const PLAIN_TYPES: ReadonlySet<Message["type"]> = new Set(PLAIN.map(({ type }) => type));

function codecOf(type: Type): Codec<object> {
  return MESSAGE_CODECS[type] as Codec<object>;
}

/** As the schema reads it; null where it refuses. */
function readBySchema(type: Type, body: Uint8Array): object | null {
  try {
    return { type, ...codecOf(type).decode(decodeCbor(body)) };
  } catch (error) {
    assert.ok(error instanceof SftpxError);
    return null;
  }
}

/** Both ways say the same, or the plain one leaves it to the other; answers whether it did not. */
function agree(type: Type, body: Uint8Array): boolean {
  const plain = readPlain(type, body);
  if (plain !== null) assert.deepEqual(plain, readBySchema(type, body));
  return plain !== null;
}

/** The same of writing: what the schema would refuse is nothing plain. */
function agreeInWriting(message: Plain): boolean {
  const plain = writePlain(message);
  if (plain !== null) {
    assert.deepEqual(plain, encodeCbor(codecOf(message.type).encode(message)));
  }
  return plain !== null;
}

Deno.test("what a sender writes of files and verdicts is plain, and the schema says the same of it", () => {
  for (const message of PLAIN) {
    assert.ok(agreeInWriting(message));
    const body = writePlain(message)!;
    assert.ok(agree(message.type as Type, body));
    assert.deepEqual(readPlain(message.type, body), message);
  }
  assert.equal(writePlain({ type: "done", transfer: 1 }), null);
  assert.equal(readPlain("done", encodeCbor({ t: 1 })), null);
});

Deno.test("any message is written and read as the schema does it, or is left to it", () => {
  let plain = 0;
  fc.assert(
    fc.property(anyMessage, (message: Message) => {
      if (!PLAIN_TYPES.has(message.type)) return;
      const known = message as Plain;
      if (agreeInWriting(known)) plain++;
      agree(known.type, encodeCbor(codecOf(known.type).encode(known)));
    }),
    { numRuns: 2000 },
  );
  assert.ok(plain > 5, `${plain} were plain`);
});

Deno.test("the longest messages are plain", () => {
  const entry = { ...ENTRIES.entries[1]!, target: "t" };
  const count = LIMITS.entriesPerMessage;
  const entries = Array.from({ length: count }, () => entry);
  const long: Entries = { ...ENTRIES, entries, sources: entries.map(() => 0) };
  assert.ok(agree("entries", writePlain(long)!));
  const more = { ...long, entries: [...entries, entry], sources: [...long.sources, 0] };
  assert.equal(writePlain(more), null);
  const verdict = NEED.verdicts[1]!;
  const verdicts = Array.from({ length: LIMITS.rangesPerMessage }, () => verdict);
  assert.ok(agree("need", writePlain({ ...NEED, verdicts })!));
  assert.equal(writePlain({ ...NEED, verdicts: [...verdicts, verdict] }), null);
  const file = SEALED.files[1]!;
  const files = Array.from({ length: LIMITS.rangesPerMessage }, () => file);
  assert.ok(agree("sealed", writePlain({ ...SEALED, files })!));
  assert.ok(writePlain({ ...SEALED, files: [...files, file] }) === null);
  const item = { d: file.digest, e: file.entry, k: file.kept };
  const body = encodeCbor({ f: [...files, file].map(() => item), t: 1 });
  assert.ok(readPlain("sealed", body) === null);
});

/** What may stand in a field, at every limit and past it, and of every kind. */
const VALUES: readonly CborValue[] = [
  ...[-1, 0, 1, 2, 3, 4, 23, 24, 0o7777, 0o10000, 0xffff_ffff, 2 ** 32],
  ...[LIMITS.sourcesPerTransfer - 1, LIMITS.sourcesPerTransfer],
  ...[LIMITS.entriesPerTransfer - 5, LIMITS.entriesPerTransfer - 1, LIMITS.entriesPerTransfer],
  ...[2 ** 53 - 1, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)],
  ...["", "a", "\ufeff", "é", "x".repeat(LIMITS.pathBytes), "x".repeat(LIMITS.pathBytes + 1)],
  ...["é".repeat(2047) + "x", "é".repeat(2048)],
  ...[31, 32, 33].map((bytes) => new Uint8Array(bytes).fill(7)),
  ...[true, false, null, [], {}, [0], [0, 0, 1], [{}]],
];

/** The value with one thing in it replaced, left out, or beside another one, wherever in it that is. */
function* variants(value: CborValue): Generator<CborValue> {
  yield* VALUES;
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) {
      for (const other of variants(item)) yield value.with(at, other);
    }
    yield [...value, value.at(-1)!];
  } else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    const map = value as CborMap;
    for (const [key, item] of Object.entries(map)) {
      for (const other of variants(item)) yield { ...map, [key]: other };
      const { [key]: _, ...rest } = map;
      yield rest;
    }
    for (const key of ["a", "d", "h", "l", "st", "sz", "z"]) yield { ...map, [key]: 1 };
  }
}

Deno.test("every field is held to its limits, whatever is in its place", () => {
  for (const message of PLAIN) {
    const { type } = message;
    let [plain, left] = [0, 0];
    for (const variant of variants(codecOf(type).encode(message))) {
      if (agree(type, encodeCbor(variant))) plain++;
      else left++;
    }
    assert.ok(plain > 20 && left > 400, `${type}: ${plain} plain, ${left} left`);
  }
});

/** Another form of what an integer or a length at this place says. */
function widened(body: Uint8Array, at: number): Uint8Array[] {
  const [type, minor] = [body[at]! & 0xe0, body[at]! & 0x1f];
  const lengths = [1, 2, 4, 8];
  const from = minor < 24 ? 0 : lengths[minor - 24] ?? 8;
  const argument = minor < 24 ? [minor] : [...body.subarray(at + 1, at + 1 + from)];
  const rest = [...body.subarray(at + 1 + from)];
  return lengths.filter((length) => length > from).map((length) => {
    const zeros = new Array<number>(Math.max(0, length - argument.length)).fill(0);
    const head = type | 24 + lengths.indexOf(length);
    return Uint8Array.from([...body.subarray(0, at), head, ...zeros, ...argument, ...rest]);
  });
}

Deno.test("nothing is plain that is longer than it need be, cut short, or has bytes after its end", () => {
  for (const message of PLAIN) {
    const body = writePlain(message)!;
    for (let at = 0; at < body.byteLength; at++) {
      for (const wide of widened(body, at)) agree(message.type, wide);
      assert.equal(readPlain(message.type, body.subarray(0, at)), null, `cut to ${at}`);
    }
    assert.equal(readPlain(message.type, Uint8Array.of(...body, 0)), null);
  }
});

Deno.test("no count and no length is other than what there is", () => {
  const digest = new Uint8Array(32);
  const others: readonly [Type, CborValue][] = [
    ["need", { t: 1, v: [{ d: digest, e: 0, w: 0 }] }],
    ["need", { t: 1, v: [{ d: digest, e: 0, w: 1 }, { e: 1, w: 2 }] }],
    ["entries", { e: [], f: LIMITS.entriesPerTransfer - 1, s: [], t: 1 }],
    ["entries", { e: [], f: LIMITS.entriesPerTransfer, s: [], t: 1 }],
    ["sealed", { f: [{ d: digest, e: 0, k: true, x: 1 }], t: 1 }],
  ];
  const bodies: (readonly [Type, Uint8Array])[] = [
    ...PLAIN.map((message) => [message.type, writePlain(message)!] as const),
    ...others.map(([type, value]) => [type, encodeCbor(value)] as const),
  ];
  for (const [type, body] of bodies) {
    agree(type, body);
    for (const [at, byte] of body.entries()) {
      for (const by of [-1, 1]) agree(type, body.with(at, byte + by));
    }
  }
});

Deno.test("whatever becomes of its bytes, the schema would read what is plain", () => {
  const edit = fc.tuple(fc.nat(), fc.constantFrom("set", "insert", "delete"), fc.nat(255));
  const message = fc.constantFrom(...PLAIN);
  let plain = 0;
  fc.assert(
    fc.property(message, fc.array(edit, { minLength: 1, maxLength: 3 }), ({ type }, edits) => {
      const body = [...writePlain(PLAIN.find((message) => message.type === type)!)!];
      for (const [at, kind, value] of edits) {
        const index = at % body.length;
        if (kind === "set") body[index] = value;
        else body.splice(index, kind === "delete" ? 1 : 0, value);
      }
      if (agree(type, Uint8Array.from(body))) plain++;
    }),
    { numRuns: 5000 },
  );
  assert.ok(plain > 100, `${plain} were plain`);
});

Deno.test("what a peer would refuse is not written plainly", () => {
  const [entry] = ENTRIES.entries;
  const bad: Partial<Record<keyof Entry, unknown>>[] = [
    { path: "x".repeat(LIMITS.pathBytes + 1) },
    { path: "é".repeat(2048) },
    { path: "\ud800" },
    { path: 1 },
    { kind: "socket" },
    { kind: "toString" },
    { sizeBytes: -1 },
    { sizeBytes: 1.5 },
    { sizeBytes: 2 ** 53 },
    { mtimeNs: 2n ** 63n },
    { mtimeNs: 1 },
    { mode: 0o10000 },
    { sparse: 1 },
    { target: "x".repeat(LIMITS.linkTargetBytes + 1) },
    { stamp: { ...STAMP, device: 2n ** 64n } },
    { stamp: { ...STAMP, inode: -1n } },
    { stamp: { ...STAMP, sizeBytes: -1 } },
    { stamp: { ...STAMP, ctimeNs: 2n ** 63n } },
  ];
  for (const fields of bad) {
    const entries = [{ ...entry, ...fields } as Entry];
    assert.equal(
      writePlain({ ...ENTRIES, entries, sources: [0] }),
      null,
      Object.keys(fields).join(),
    );
  }
  const others: Partial<Record<keyof Entries, unknown>>[] = [
    { transfer: 2 ** 32 },
    { first: LIMITS.entriesPerTransfer - 1 },
    { sources: [0] },
    { sources: [0, 0, 0, LIMITS.sourcesPerTransfer] },
  ];
  for (const fields of others) assert.equal(writePlain({ ...ENTRIES, ...fields } as Entries), null);
  const verdicts = [
    { entry: LIMITS.entriesPerTransfer, want: "all" },
    { entry: 0, want: "some" },
    { entry: 0, want: "none" },
    { entry: 0, want: "none", digest: new Uint8Array(31) },
    { entry: 0, want: "all", digest: new Uint8Array(32) },
  ] as unknown as Need["verdicts"];
  for (const verdict of verdicts) assert.equal(writePlain({ ...NEED, verdicts: [verdict] }), null);
  assert.equal(writePlain({ ...NEED, transfer: -1 }), null);
  const [file] = SEALED.files;
  const files = [
    { ...file, entry: LIMITS.entriesPerTransfer },
    { ...file, digest: new Uint8Array(33) },
    { ...file, digest: "x".repeat(32) },
    { ...file, kept: 1 },
  ] as unknown as Sealed["files"];
  for (const file of files) assert.equal(writePlain({ ...SEALED, files: [file] }), null);
  assert.equal(writePlain({ ...SEALED, transfer: 2 ** 32 }), null);
});

Deno.test("bytes of a plain message do not follow what they were read from", () => {
  for (const message of [NEED, SEALED]) {
    const body = writePlain(message)!;
    const read = readPlain(message.type, body);
    body.fill(0);
    assert.deepEqual(read, message);
  }
});

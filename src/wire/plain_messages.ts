// The messages that have an item for each file, without the maps that a schema makes and reads: entries and
// verdicts, which are most of what both main threads do where nothing has changed, and the digests of files
// that travelled. What is not as every sender of ours writes it, in value or in form, is left to the schema:
// null, and it decides.

import { utf8Bytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { CborWriter } from "./cbor_writer.ts";
import { DIGEST_BYTES } from "./frame.ts";
import type {
  Entries,
  Entry,
  EntryKind,
  Message,
  Need,
  Sealed,
  SealedFile,
  Stamp,
  Verdict,
} from "./messages.ts";
import { PlainReader } from "./plain_reader.ts";

const KIND_NUMBERS = { file: 1, directory: 2, link: 3 } as const satisfies Record<
  EntryKind,
  number
>;
const KINDS = [undefined, "file", "directory", "link"] as const;
const WANTS = ["all", "none", "rest"] as const;
const U32_MAX = 0xffff_ffff;
const MODE_MAX = 0o7777;
const ENTRY_MAX = LIMITS.entriesPerTransfer - 1;
const SOURCE_MAX = LIMITS.sourcesPerTransfer - 1;
const SIZE_MAX = LIMITS.fileBytes;
/** In the place of what could not be read. */
const NO_ENTRY: Entry = { path: "", kind: "file", sizeBytes: 0, mtimeNs: 0n, mode: 0 };

/** Keys as bytes; a stamp's is of two letters. In a map they come in the order of their bytes. */
const KEY = {
  c: 0x63,
  d: 0x64,
  e: 0x65,
  f: 0x66,
  h: 0x68,
  i: 0x69,
  k: 0x6b,
  l: 0x6c,
  m: 0x6d,
  o: 0x6f,
  p: 0x70,
  s: 0x73,
  t: 0x74,
  v: 0x76,
  w: 0x77,
} as const;

/** A message by its body; null where the schema is to read it. */
export function readPlain(type: Message["type"], body: Uint8Array): Message | null {
  switch (type) {
    case "entries":
      return readEntries(new PlainReader(body));
    case "need":
      // A copy: bytes of it stay with who reads it.
      return readNeed(new PlainReader(body.slice()));
    case "sealed":
      return readSealed(new PlainReader(body.slice()));
    default:
      return null;
  }
}

/** A message's body; null where the schema is to write it. */
export function writePlain(message: Message): Uint8Array<ArrayBuffer> | null {
  switch (message.type) {
    case "entries":
      return isPlainEntries(message) ? writeEntries(message) : null;
    case "need":
      return isPlainNeed(message) ? writeNeed(message) : null;
    case "sealed":
      return isPlainSealed(message) ? writeSealed(message) : null;
    default:
      return null;
  }
}

function readEntries(reader: PlainReader): Entries | null {
  if (reader.map() !== 4) return null;
  const entries: Entry[] = [];
  const sources: number[] = [];
  const count = reader.key(KEY.e).list(LIMITS.entriesPerMessage);
  for (let at = 0; at < count; at++) entries.push(readEntry(reader));
  const first = reader.key(KEY.f).uint(ENTRY_MAX);
  if (reader.key(KEY.s).list(LIMITS.entriesPerMessage) !== count) return null;
  for (let at = 0; at < count; at++) sources.push(reader.uint(SOURCE_MAX));
  const transfer = reader.key(KEY.t).uint(U32_MAX);
  if (!reader.isDone || first + count > LIMITS.entriesPerTransfer) return null;
  return { type: "entries", transfer, first, entries, sources };
}

function readEntry(reader: PlainReader): Entry {
  let pairs = reader.map();
  const sparse = reader.mayBe(KEY.h) ? reader.boolean() : undefined;
  const kind = KINDS[reader.key(KEY.k).uint(3)];
  const target = reader.mayBe(KEY.l) ? reader.text(LIMITS.linkTargetBytes) : undefined;
  const mtimeNs = reader.key(KEY.m).bigUint(63);
  const mode = reader.key(KEY.o).uint(MODE_MAX);
  const path = reader.key(KEY.p).text(LIMITS.pathBytes);
  const sizeBytes = reader.key(KEY.s).uint(SIZE_MAX);
  const stamp = reader.mayBe(KEY.s, KEY.t) ? readStamp(reader) : undefined;
  if (sparse !== undefined) pairs--;
  if (target !== undefined) pairs--;
  if (stamp !== undefined) pairs--;
  if (kind === undefined || pairs !== 5) {
    reader.refuse();
    return NO_ENTRY;
  }
  // Most of them, made in one go.
  if (sparse === undefined && target === undefined) {
    return stamp === undefined
      ? { path, kind, sizeBytes, mtimeNs, mode }
      : { path, kind, sizeBytes, mtimeNs, mode, stamp };
  }
  return {
    path,
    kind,
    sizeBytes,
    mtimeNs,
    mode,
    ...(sparse === undefined ? {} : { sparse }),
    ...(target === undefined ? {} : { target }),
    ...(stamp === undefined ? {} : { stamp }),
  };
}

function readStamp(reader: PlainReader): Stamp {
  if (reader.map() !== 5) reader.refuse();
  const ctimeNs = reader.key(KEY.c).bigUint(63);
  const device = reader.key(KEY.d).bigUint(64);
  const inode = reader.key(KEY.i).bigUint(64);
  const mtimeNs = reader.key(KEY.m).bigUint(63);
  const sizeBytes = reader.key(KEY.s).uint(SIZE_MAX);
  return { device, inode, sizeBytes, mtimeNs, ctimeNs };
}

function readNeed(reader: PlainReader): Need | null {
  if (reader.map() !== 2) return null;
  const transfer = reader.key(KEY.t).uint(U32_MAX);
  const verdicts: Verdict[] = [];
  const count = reader.key(KEY.v).list(LIMITS.rangesPerMessage);
  for (let at = 0; at < count; at++) verdicts.push(readVerdict(reader));
  return reader.isDone ? { type: "need", transfer, verdicts } : null;
}

function readVerdict(reader: PlainReader): Verdict {
  const pairs = reader.map();
  const digest = reader.mayBe(KEY.d) ? reader.bytes(DIGEST_BYTES) : null;
  const entry = reader.key(KEY.e).uint(ENTRY_MAX);
  const want = WANTS[reader.key(KEY.w).uint(2)]!;
  if (digest !== null && want === "none" && pairs === 3) return { entry, want, digest };
  if (digest !== null || want === "none" || pairs !== 2) reader.refuse();
  return { entry, want: want === "none" ? "all" : want };
}

function readSealed(reader: PlainReader): Sealed | null {
  if (reader.map() !== 2) return null;
  const files: SealedFile[] = [];
  const count = reader.key(KEY.f).list(LIMITS.rangesPerMessage);
  for (let at = 0; at < count; at++) files.push(readSealedFile(reader));
  const transfer = reader.key(KEY.t).uint(U32_MAX);
  return reader.isDone ? { type: "sealed", transfer, files } : null;
}

function readSealedFile(reader: PlainReader): SealedFile {
  if (reader.map() !== 3) reader.refuse();
  const digest = reader.key(KEY.d).bytes(DIGEST_BYTES);
  const entry = reader.key(KEY.e).uint(ENTRY_MAX);
  const kept = reader.key(KEY.k).boolean();
  return { entry, digest, kept };
}

function isPlainEntries({ transfer, first, entries, sources }: Entries): boolean {
  return isUint(transfer, U32_MAX) && isUint(first, ENTRY_MAX) &&
    entries.length <= LIMITS.entriesPerMessage && sources.length === entries.length &&
    first + entries.length <= LIMITS.entriesPerTransfer &&
    sources.every((source) => isUint(source, SOURCE_MAX)) && entries.every(isPlainEntry);
}

function isPlainEntry(entry: Entry): boolean {
  const { path, kind, sizeBytes, mtimeNs, mode, sparse, target, stamp } = entry;
  return isText(path, LIMITS.pathBytes) && Object.hasOwn(KIND_NUMBERS, kind) &&
    isUint(sizeBytes, SIZE_MAX) && isTime(mtimeNs) && isUint(mode, MODE_MAX) &&
    (sparse === undefined || typeof sparse === "boolean") &&
    (target === undefined || isText(target, LIMITS.linkTargetBytes)) &&
    (stamp === undefined || isPlainStamp(stamp));
}

function isPlainStamp({ device, inode, sizeBytes, mtimeNs, ctimeNs }: Stamp): boolean {
  return isNumber64(device) && isNumber64(inode) && isUint(sizeBytes, SIZE_MAX) &&
    isTime(mtimeNs) && isTime(ctimeNs);
}

function writeEntries({ transfer, first, entries, sources }: Entries): Uint8Array<ArrayBuffer> {
  const writer = CborWriter.begin();
  writer.map(4).key(KEY.e).array(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  writer.key(KEY.f).integer(first);
  writer.key(KEY.s).array(sources.length);
  for (const source of sources) writer.integer(source);
  writer.key(KEY.t).integer(transfer);
  return writer.end();
}

function writeEntry(writer: CborWriter, entry: Entry): void {
  const { path, kind, sizeBytes, mtimeNs, mode, sparse, target, stamp } = entry;
  const others = (sparse === undefined ? 0 : 1) + (target === undefined ? 0 : 1);
  writer.map(5 + others + (stamp === undefined ? 0 : 1));
  if (sparse !== undefined) writer.key(KEY.h).boolean(sparse);
  writer.key(KEY.k).integer(KIND_NUMBERS[kind]);
  if (target !== undefined) writer.key(KEY.l).text(target);
  writer.key(KEY.m).bigInteger(mtimeNs);
  writer.key(KEY.o).integer(mode);
  writer.key(KEY.p).text(path);
  writer.key(KEY.s).integer(sizeBytes);
  if (stamp === undefined) return;
  writer.key(KEY.s, KEY.t).map(5);
  writer.key(KEY.c).bigInteger(stamp.ctimeNs);
  writer.key(KEY.d).bigInteger(stamp.device);
  writer.key(KEY.i).bigInteger(stamp.inode);
  writer.key(KEY.m).bigInteger(stamp.mtimeNs);
  writer.key(KEY.s).integer(stamp.sizeBytes);
}

function isPlainNeed({ transfer, verdicts }: Need): boolean {
  return isUint(transfer, U32_MAX) && verdicts.length <= LIMITS.rangesPerMessage &&
    verdicts.every(isPlainVerdict);
}

function isPlainVerdict(verdict: Verdict): boolean {
  const { entry, want } = verdict;
  if (!isUint(entry, ENTRY_MAX)) return false;
  const { digest } = verdict as { digest?: unknown };
  if (want !== "none") return digest === undefined && (want === "all" || want === "rest");
  return digest instanceof Uint8Array && digest.byteLength === DIGEST_BYTES;
}

function writeNeed({ transfer, verdicts }: Need): Uint8Array<ArrayBuffer> {
  const writer = CborWriter.begin();
  writer.map(2).key(KEY.t).integer(transfer);
  writer.key(KEY.v).array(verdicts.length);
  for (const verdict of verdicts) {
    if (verdict.want !== "none") writer.map(2);
    else writer.map(3).key(KEY.d).bytes(verdict.digest);
    writer.key(KEY.e).integer(verdict.entry);
    writer.key(KEY.w).integer(WANTS.indexOf(verdict.want));
  }
  return writer.end();
}

function isPlainSealed({ transfer, files }: Sealed): boolean {
  return isUint(transfer, U32_MAX) && files.length <= LIMITS.rangesPerMessage &&
    files.every(isPlainSealedFile);
}

function isPlainSealedFile({ entry, digest, kept }: SealedFile): boolean {
  return isUint(entry, ENTRY_MAX) && typeof kept === "boolean" &&
    digest instanceof Uint8Array && digest.byteLength === DIGEST_BYTES;
}

function writeSealed({ transfer, files }: Sealed): Uint8Array<ArrayBuffer> {
  const writer = CborWriter.begin();
  writer.map(2).key(KEY.f).array(files.length);
  for (const { entry, digest, kept } of files) {
    writer.map(3).key(KEY.d).bytes(digest);
    writer.key(KEY.e).integer(entry);
    writer.key(KEY.k).boolean(kept);
  }
  writer.key(KEY.t).integer(transfer);
  return writer.end();
}

function isUint(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}

/** From 1970 on, as most are. */
function isTime(value: bigint): boolean {
  return typeof value === "bigint" && BigInt.asUintN(63, value) === value;
}

function isNumber64(value: bigint): boolean {
  return typeof value === "bigint" && BigInt.asUintN(64, value) === value;
}

function isText(value: string, maxBytes: number): boolean {
  if (typeof value !== "string" || !value.isWellFormed()) return false;
  return 3 * value.length <= maxBytes || utf8Bytes(value) <= maxBytes;
}

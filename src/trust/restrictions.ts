// What stands before an identity in the authorized keys: words and `name=value`, separated by blanks or
// commas, values in quotes where they hold one. Fails closed: what is not known, said twice or not
// exact is an error. Written back, it reads as the same.

import { type IpAddress, parseTrueAddress, prefixKey } from "../base/address.ts";
import { pathProblem } from "../base/path.ts";
import { formatSize, sizeBytes } from "../base/size.ts";
import { escapeText } from "../base/text.ts";
import { type Grant, grantOfAccess } from "./grant.ts";

/** Addresses of one network. */
export interface AddressRange {
  readonly address: IpAddress;
  /** Leading bits that count. */
  readonly bits: number;
  /** As it was written. */
  readonly text: string;
}

/** What a key is bound to. */
export interface KeyRestrictions {
  readonly grant: Grant;
  /** Where its holder may come from; null for anywhere. */
  readonly from: readonly AddressRange[] | null;
  /** When it ends, milliseconds since 1970; null for never. */
  readonly expiresMs: number | null;
}

/** A problem of the words, for whoever knows the line. */
export class RestrictionProblem extends Error {}

/** Words that grant a right; any of them takes away those that are not named. */
const RIGHTS = ["read", "write", "write-once", "append-only"] as const;
const VALUED = ["root", "quota", "max-file", "from", "expires"] as const;
type Right = typeof RIGHTS[number];
type Valued = typeof VALUED[number];

/** One restriction as it was written. */
interface Item {
  readonly name: string;
  /** Null for a mere word. */
  readonly value: string | null;
  /** A comma, not a blank, stands before it. */
  readonly afterComma: boolean;
}

/** Reads the text before an identity. Throws {@linkcode RestrictionProblem}. */
export function parseRestrictions(text: string): KeyRestrictions {
  const rights = new Set<Right>();
  const values = new Map<Valued, string>();
  let last: string | null = null;
  for (const item of itemsOf(text)) {
    const { name, value, afterComma } = item;
    // `from=A,B`: what follows a comma and is an address belongs to it.
    if (value === null && afterComma && last === "from" && isRange(name)) {
      values.set("from", `${values.get("from")},${name}`);
      continue;
    }
    last = name;
    const right = value === null ? RIGHTS.find((one) => one === name) : undefined;
    const valued = value === null ? undefined : VALUED.find((one) => one === name);
    if (right === undefined && valued === undefined) throw unknown(item);
    if ((right && rights.has(right)) || (valued && values.has(valued))) {
      throw new RestrictionProblem(`"${name}" stands there twice`);
    }
    if (right !== undefined) rights.add(right);
    if (valued !== undefined) values.set(valued, value ?? "");
  }
  return meant(rights, values);
}

/** The words of restrictions, in the order that {@linkcode parseRestrictions} reads as the same. */
export function restrictionWords({ grant, from, expiresMs }: KeyRestrictions): readonly string[] {
  const { root, quotaBytes, maxFileBytes } = grant;
  return [
    ...rightWords(grant),
    ...(root === "" ? [] : [`root=${quoted(root)}`]),
    ...(quotaBytes === undefined ? [] : [`quota=${compact(quotaBytes)}`]),
    ...(maxFileBytes === undefined ? [] : [`max-file=${compact(maxFileBytes)}`]),
    ...(from === null ? [] : [`from=${from.map(({ text }) => text).join()}`]),
    ...(expiresMs === null ? [] : [`expires=${momentText(expiresMs)}`]),
  ];
}

/** `ADDRESS` or `ADDRESS/BITS`. Throws {@linkcode RestrictionProblem}. */
export function parseRange(text: string): AddressRange {
  const [given = "", bitsText, ...more] = text.split("/");
  const address = /[[\]%]/.test(given) ? null : parseTrueAddress(given);
  // An address with a port is none, though it may be read as one elsewhere.
  if (address === null || more.length > 0 || /^[^:]*:\d+$/.test(given)) {
    throw new RestrictionProblem(`"${shownWord(text)}" is no address or ADDRESS/BITS`);
  }
  // Of an IPv4 address in an IPv6 dress the bits are those of the dress.
  const dress = address.family === 4 && given.includes(":") ? 96 : 0;
  const most = address.bytes.length * 8;
  const bits = bitsText === undefined ? most : Number(bitsText) - dress;
  if (bitsText !== undefined && (!/^\d{1,3}$/.test(bitsText) || bits < 0 || bits > most)) {
    throw new RestrictionProblem(`"${shownWord(text)}" has no such number of bits`);
  }
  return { address, bits, text };
}

/**
 * Whether a network address, with a port or not, lies in one of the ranges. Who comes through NAT64 is
 * not who has the IPv4 address in theirs: that a translator put it there nothing proves.
 */
export function isFrom(remoteAddress: string, ranges: readonly AddressRange[]): boolean {
  const address = parseTrueAddress(remoteAddress);
  if (address === null) return false;
  return ranges.some((range) =>
    range.address.family === address.family &&
    prefixKey(range.address, range.bits) === prefixKey(address, range.bits)
  );
}

/** Milliseconds of a date (its end, UTC) or an RFC 3339 time. Throws {@linkcode RestrictionProblem}. */
export function parseMoment(text: string): number {
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text);
  const startMs = isDate || isTime ? Date.parse(isDate ? `${text}T00:00:00Z` : text) : NaN;
  // A day that no month has is taken for another one by the runtime.
  const day = Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(startMs) || new Date(day).toISOString().slice(0, 10) !== text.slice(0, 10)) {
    const found = "is no date (2031-12-31) and no time (2031-12-31T18:00:00Z)";
    throw new RestrictionProblem(`"${shownWord(text)}" ${found}`);
  }
  return isDate ? startMs + DAY_MS : startMs;
}

const DAY_MS = 86_400_000;

/** A moment as it is written: the date that ends then, else the time. */
export function momentText(ms: number): string {
  if (ms % DAY_MS === 0) return new Date(ms - DAY_MS).toISOString().slice(0, 10);
  return new Date(ms).toISOString();
}

function meant(rights: ReadonlySet<Right>, values: ReadonlyMap<Valued, string>): KeyRestrictions {
  const root = values.get("root");
  const from = values.get("from");
  const expires = values.get("expires");
  const quotaBytes = sizeIn(values, "quota");
  const maxFileBytes = sizeIn(values, "max-file");
  const grant: Grant = {
    ...grantOfRights(rights),
    ...(quotaBytes === null ? {} : { quotaBytes }),
    ...(maxFileBytes === null ? {} : { maxFileBytes }),
    root: root === undefined ? "" : parseRoot(root),
  };
  return {
    grant,
    from: from === undefined ? null : from.split(",").map(parseRange),
    expiresMs: expires === undefined ? null : parseMoment(expires),
  };
}

/** No right named means reading and writing; any one means only what is named. */
function grantOfRights(rights: ReadonlySet<Right>): Grant {
  if (rights.size === 0) return grantOfAccess("both");
  const writeOnce = rights.has("write-once");
  const appendOnly = rights.has("append-only");
  return {
    read: rights.has("read"),
    write: writeOnce || appendOnly || rights.has("write"),
    writeOnce, // the stricter of two wins
    ...(appendOnly ? { appendOnly } : {}),
    root: "",
  };
}

function rightWords({ read, write, writeOnce, appendOnly = false }: Grant): readonly string[] {
  if (read && write && !writeOnce && !appendOnly) return [];
  return [
    ...(read ? ["read"] : []),
    ...(write && !writeOnce && !appendOnly ? ["write"] : []),
    ...(writeOnce ? ["write-once"] : []),
    ...(appendOnly ? ["append-only"] : []),
  ];
}

/** A path under the served root, in the form a grant has it. */
function parseRoot(text: string): string {
  const path = text.replace(/\/$/, "");
  if (path === "" || path === ".") {
    throw new RestrictionProblem(`root "${shownWord(text)}" names no place below the served one`);
  }
  const problem = pathProblem(path);
  if (problem === null) return path;
  throw new RestrictionProblem(`root "${shownWord(text)}": ${problem}`);
}

function sizeIn(values: ReadonlyMap<Valued, string>, name: Valued): number | null {
  const text = values.get(name);
  if (text === undefined) return null;
  const bytes = sizeBytes(text);
  if (bytes !== null) return bytes;
  throw new RestrictionProblem(`${name} "${shownWord(text)}" is no size with a unit, as 10GB`);
}

/** A word or a `name=value`; no quote outside of a value, none left open. */
const ITEM = /([^ \t",=]*)(?:=("(?:[^"\\]|\\.)*"|[^ \t",]*))?(?=[ \t,]|$)/y;

function* itemsOf(text: string): Generator<Item> {
  let at = 0;
  for (;;) {
    const gap = /^[ \t,]*/.exec(text.slice(at))![0];
    at += gap.length;
    if (at >= text.length) {
      if (gap.includes(",")) throw new RestrictionProblem("a comma stands before nothing");
      return;
    }
    if (commas(gap) > (at === gap.length ? 0 : 1)) {
      throw new RestrictionProblem("a comma stands where a restriction should");
    }
    ITEM.lastIndex = at;
    const [whole = "", name = "", value] = ITEM.exec(text) ?? [];
    if (whole === "") {
      throw new RestrictionProblem("a quote is not where one can be, or not closed");
    }
    at += whole.length;
    yield {
      name,
      value: value === undefined ? null : unquoted(value),
      afterComma: gap.includes(","),
    };
  }
}

function commas(text: string): number {
  return text.split(",").length - 1;
}

function isRange(text: string): boolean {
  try {
    parseRange(text);
    return true;
  } catch {
    return false;
  }
}

function unknown({ name, value }: Item): RestrictionProblem {
  if (value === null && VALUED.some((one) => one === name)) {
    return new RestrictionProblem(`"${name}" says nothing, write ${name}=...`);
  }
  const word = value === null ? name : `${name}=${value}`;
  return new RestrictionProblem(
    `"${shownWord(word)}" is neither a known restriction nor an identity`,
  );
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}

function quoted(value: string): string {
  return /[\s",\\]/.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value;
}

function compact(bytes: number): string {
  return formatSize(bytes).replace(" ", "");
}

function shownWord(text: string): string {
  return escapeText(text, 64);
}

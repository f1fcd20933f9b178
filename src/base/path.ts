// Relative paths as they travel: which ones a peer may name, how they are ordered, and which names
// belong to sftpx itself. Pure text; the door that opens files is the store's (I5).

import { utf8Bytes } from "./bytes.ts";
import { LIMITS } from "./limits.ts";

/** The name of sftpx's own directory; `.sftpx-...` is a part beside its target. */
const RESERVED_NAME = ".sftpx";

/** What most names are made of: nothing to normalise, to drop or to refuse but what says so below. */
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/u;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
/** Characters that some file systems drop from a name, or that no reader can see. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;
const CONTROL = /\p{Cc}/u;
/** Reordering marks: with one, a name shows as another than it is. */
const BIDI_CONTROL = /\p{Bidi_Control}/u;
const LONE_SURROGATE = /\p{Surrogate}/u;
/** What FAT and NTFS drop from the end of a name. */
const NAME_TAIL = /([^/. ])[. ]+(?=\/|$)/gu;

/** What FAT and NTFS call the reserved names where a name is to have eight characters. */
const SHORT_RESERVED = /^(?:sftpx-?|sf[0-9a-f]{4})~\d{1,6}$/u;

/** Whose rules names are held to besides those that hold everywhere. */
export type NamePlatform = "posix" | "windows";

/** Characters that no Windows name holds; a colon leads to another stream, or another drive. */
const WINDOWS_CHARACTERS = /[<>:"|?*]/u;
/** Devices of Windows, which are there in every directory and with every extension. */
const WINDOWS_DEVICE =
  /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])$/iu;

/**
 * Why a relative path from a peer is refused, as the end of a sentence (`it is absolute`); null if
 * it may be used. Lengths come first, so that nothing below works on unbounded text (I3).
 */
export function pathProblem(path: string): string | null {
  if (isOrdinary(path)) return null;
  if (path === "") return "it is empty";
  if (utf8Bytes(path) > LIMITS.pathBytes) {
    return `it is longer than ${LIMITS.pathBytes} bytes`;
  }
  if (path.startsWith("/")) return "it is absolute";
  const found = PLAIN.test(path) ? null : badCharacter(path);
  if (found !== null) return `it ${found}`;
  const names = path.split("/");
  if (names.length > LIMITS.pathDepth) return `it is deeper than ${LIMITS.pathDepth} levels`;
  for (const name of names) {
    const problem = nameProblem(name);
    if (problem !== null) return problem;
  }
  return null;
}

/**
 * Whether nothing in a path needs a second look, as in most there are: plain ASCII, no name that begins
 * as a reserved one does or is made of dots, and no tilde, which short reserved ones have. One pass, for
 * trees have many paths.
 */
function isOrdinary(path: string): boolean {
  const { length } = path;
  if (length > LIMITS.pathBytes) return false;
  let names = 1;
  for (let at = 0, nameAt = 0; at <= length; at++) {
    const code = at < length ? path.charCodeAt(at) : SLASH;
    if (code === SLASH) {
      if (at === nameAt || at - nameAt > LIMITS.nameBytes) return false;
      if (at < length && ++names > LIMITS.pathDepth) return false;
      nameAt = at + 1;
    } else if (code < 0x20 || code > 0x7d || code === BACKSLASH) return false;
    else if (code === DOT && at === nameAt && !isLetterButS(path.charCodeAt(at + 1))) return false;
  }
  return true;
}

/** What `.sftpx` does not go on with after its dot, in whatever case. */
function isLetterButS(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a && lower !== 0x73;
}

/**
 * Why a path that `pathProblem` lets pass cannot stand on a platform, as the end of a sentence; null
 * if it can. On Windows a name may mean a device, a stream or a drive, or be another one in disguise.
 */
export function platformProblem(path: string, platform: NamePlatform): string | null {
  if (platform === "posix") return null;
  for (const name of path.split("/")) {
    if (WINDOWS_CHARACTERS.test(name)) return "it has a character that no Windows name has";
    if (/[. ]$/u.test(name)) return "it has a component that ends with a dot or a space";
    const stem = name.replace(/\..*$/su, "").replace(/ +$/u, "");
    if (WINDOWS_DEVICE.test(stem)) return "it has a component that is a device of Windows";
  }
  return null;
}

/**
 * Why what a link leads to is refused whatever is made of links, as the end of a sentence; null if it
 * may be used. Where it leads is another question.
 */
export function targetProblem(target: string): string | null {
  if (target === "") return "its target is empty";
  if (utf8Bytes(target) > LIMITS.linkTargetBytes) {
    return `its target is longer than ${LIMITS.linkTargetBytes} bytes`;
  }
  const found = badCharacter(target);
  return found === null ? null : `its target ${found}`;
}

/**
 * NFC, case folded, without what HFS+ drops from a name and what FAT drops from its end: two paths with
 * equal folds may be one file where case is ignored.
 */
export function foldPath(path: string): string {
  if (PLAIN.test(path)) return withoutTails(path.toLowerCase());
  // Lower, upper, lower reaches what no single mapping does: U+1E9E, U+017F, U+212A, final sigma.
  const seen = path.normalize("NFC").replace(IGNORABLE, "");
  const folded = seen.toLowerCase().toUpperCase().toLowerCase();
  return withoutTails(folded.normalize("NFC"));
}

function withoutTails(path: string): string {
  return path.includes(".") || path.includes(" ") ? path.replace(NAME_TAIL, "$1") : path;
}

/** Order by UTF-8 bytes: negative, zero or positive. */
export function comparePaths(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return utf8Weight(x) - utf8Weight(y);
  }
  return a.length - b.length;
}

/**
 * Whether one path component is sftpx's own on any file system: `.sftpx` or `.sftpx-...`, also
 * spelled with other case, with ignorable characters (HFS+ drops them), with trailing dots or
 * spaces or a stream name (NTFS drops them).
 */
export function isReservedName(name: string): boolean {
  if (!name.startsWith(".") && PLAIN.test(name)) return false;
  const folded = foldPath(name.normalize("NFC").replace(IGNORABLE, ""));
  const stem = folded.replace(/:.*$/su, "").replace(/[. ]+$/u, "");
  return stem === RESERVED_NAME || folded.startsWith(`${RESERVED_NAME}-`);
}

/**
 * Whether one path component is what FAT or NTFS call a reserved name in eight characters, and find it
 * by: `SFTPX~1`. A user's own file may have such a name, so it is told where it cannot travel.
 */
export function isReservedShortName(name: string): boolean {
  if (!name.includes("~")) return false;
  return SHORT_RESERVED.test(foldPath(name.replace(IGNORABLE, "")).replace(/:.*$/su, ""));
}

/** What no path and no link's target holds, with its verb. */
function badCharacter(text: string): string | null {
  if (LONE_SURROGATE.test(text)) return "is not valid Unicode";
  if (text.includes("\0")) return "has a NUL character";
  if (CONTROL.test(text)) return "has a control character";
  if (BIDI_CONTROL.test(text)) return "has a character that reorders text";
  if (text.includes("\\")) return "has a backslash";
  return null;
}

function nameProblem(name: string): string | null {
  if (name === "") return "it has an empty component";
  if (name === "." || name === "..") return `it has a component "${name}"`;
  if (utf8Bytes(name) > LIMITS.nameBytes) {
    return `it has a component longer than ${LIMITS.nameBytes} bytes`;
  }
  if (isReservedName(name) || isReservedShortName(name)) {
    return "it has a component reserved for sftpx";
  }
  return null;
}

/** UTF-16 puts surrogates below U+E000..U+FFFF, UTF-8 above: swap the two blocks. */
function utf8Weight(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * Whether a path is one of those that a manifest names first when it begins at `from`: it is `from`,
 * comes behind it in byte order, or is a directory that may hold such a path. With a path, every one
 * above it is among them; which path stands for which kind of entry does not matter.
 */
export function isFromOn(path: string, from: string): boolean {
  // "0" is what follows "/": every path below this one sorts before it.
  return comparePaths(path, from) >= 0 || comparePaths(`${path}0`, from) > 0;
}

// Relative paths as they travel: which ones a peer may name, how they are ordered, and which names
// belong to sftpx itself. Pure text; the door that opens files is the store's (I5).

import { utf8Bytes } from "./bytes.ts";
import { LIMITS } from "./limits.ts";

/** The name of sftpx's own directory; `.sftpx-...` is a part beside its target. */
const RESERVED_NAME = ".sftpx";

/** Characters that some file systems drop from a name, or that no reader can see. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;
const CONTROL = /\p{Cc}/u;
/** Reordering marks: with one, a name shows as another than it is. */
const BIDI_CONTROL = /\p{Bidi_Control}/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Why a relative path from a peer is refused, as the end of a sentence (`it is absolute`); null if
 * it may be used. Lengths come first, so that nothing below works on unbounded text (I3).
 */
export function pathProblem(path: string): string | null {
  if (path === "") return "it is empty";
  if (utf8Bytes(path) > LIMITS.pathBytes) {
    return `it is longer than ${LIMITS.pathBytes} bytes`;
  }
  if (path.startsWith("/")) return "it is absolute";
  if (LONE_SURROGATE.test(path)) return "it is not valid Unicode";
  if (path.includes("\0")) return "it has a NUL character";
  if (CONTROL.test(path)) return "it has a control character";
  if (BIDI_CONTROL.test(path)) return "it has a character that reorders text";
  if (path.includes("\\")) return "it has a backslash";
  const names = path.split("/");
  if (names.length > LIMITS.pathDepth) return `it is deeper than ${LIMITS.pathDepth} levels`;
  for (const name of names) {
    const problem = nameProblem(name);
    if (problem !== null) return problem;
  }
  return null;
}

/** NFC and case folded: two paths with equal folds may be one file where case is ignored. */
export function foldPath(path: string): string {
  // Lower, upper, lower reaches what no single mapping does: U+1E9E, U+017F, U+212A, final sigma.
  return path.normalize("NFC").toLowerCase().toUpperCase().toLowerCase().normalize("NFC");
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
  const folded = foldPath(name.normalize("NFC").replace(IGNORABLE, ""));
  const stem = folded.replace(/:.*$/su, "").replace(/[. ]+$/u, "");
  return stem === RESERVED_NAME || folded.startsWith(`${RESERVED_NAME}-`);
}

function nameProblem(name: string): string | null {
  if (name === "") return "it has an empty component";
  if (name === "." || name === "..") return `it has a component "${name}"`;
  if (utf8Bytes(name) > LIMITS.nameBytes) {
    return `it has a component longer than ${LIMITS.nameBytes} bytes`;
  }
  if (isReservedName(name)) return `it has a component reserved for sftpx`;
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

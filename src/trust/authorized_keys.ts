// Who may connect to a server without a ticket: one identity a line, restrictions before it, a
// comment after it. Fails closed: a word not known here is an error that names its line, never a
// comment or a right.
//
//   # everything
//   IDENTITY laptop
//   # may push only; may push but never replace a file; below one place, and for a time
//   write IDENTITY ci runner
//   write-once,quota=10GB IDENTITY drop box
//   read root="shared files" from=192.0.2.0/24 expires=2031-12-31 IDENTITY reader

import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { Grant } from "./grant.ts";
import { IDENTITY_NAME_CHARS, identityName } from "./identity.ts";
import {
  badLine,
  commentText,
  type KeyFile,
  type KeyLine,
  keyLines,
  keyWord,
  withLine,
  withoutLines,
} from "./key_line.ts";
import {
  type AddressRange,
  isFrom,
  type KeyRestrictions,
  parseRestrictions,
  RestrictionProblem,
  restrictionWords,
} from "./restrictions.ts";
import { editTrustFile } from "./trust_edit.ts";
import { readTrustFile } from "./trust_file.ts";

const FILE = { what: "authorized keys", secret: false } as const;
/** A word that may be an identity: as long as one, and no `name=value`. */
const IDENTITY_LIKE = new RegExp(`(?<=^|[ \\t,])[^ \\t",=]{${IDENTITY_NAME_CHARS}}(?=[ \\t]|$)`);

/** A line of the file. */
export interface AuthorizedKey extends KeyRestrictions {
  /** 52 base32 characters. */
  readonly identity: string;
  readonly grant: Grant;
  /** Where its holder may come from; null for anywhere. */
  readonly from: readonly AddressRange[] | null;
  readonly comment: string;
  /** 1-based. */
  readonly line: number;
}

/** The identities of a file and what each may do. */
export class AuthorizedKeys {
  readonly #keys: ReadonlyMap<string, AuthorizedKey>;

  constructor(keys: ReadonlyMap<string, AuthorizedKey>) {
    this.#keys = keys;
  }

  /** Identities listed. */
  get size(): number {
    return this.#keys.size;
  }

  /** What this identity may do; null when it is not listed. */
  lookup(identity: Uint8Array): Grant | null {
    return this.find(identity)?.grant ?? null;
  }

  /** The line of this identity; null when it is not listed. */
  find(identity: Uint8Array): AuthorizedKey | null {
    return this.#keys.get(identityName(identity)) ?? null;
  }

  /** Every line, in the file's order. */
  entries(): readonly AuthorizedKey[] {
    return [...this.#keys.values()];
  }
}

/** Why a key that is listed does not let its holder in now; null where it does. */
export function keyRefusal(
  { from, expiresMs }: Pick<AuthorizedKey, "from" | "expiresMs">,
  { address, nowMs }: { readonly address: string; readonly nowMs: number },
): string | null {
  if (expiresMs !== null && expiresMs <= nowMs) return "this key has expired (expires=)";
  if (from !== null && !isFrom(address, from)) return "this key is not for its address (from=)";
  return null;
}

/** Reads the file. Throws `usage` on a line it cannot use, `failed` when there is no file. */
export async function loadAuthorizedKeys(path: string): Promise<AuthorizedKeys> {
  const text = await readTrustFile(path, FILE);
  if (text === null) {
    const shown = escapeText(path);
    throw new SftpxError("failed", `Cannot load ${FILE.what} "${shown}": there is no file`);
  }
  return parseAuthorizedKeys(text, { path });
}

/** Reads the file's text; `path` is for errors. */
export function parseAuthorizedKeys(
  text: string,
  options: { readonly path: string },
): AuthorizedKeys {
  const file: KeyFile = { what: FILE.what, path: options.path };
  const keys = new Map<string, AuthorizedKey>();
  for (const line of keyLines(text)) {
    const { before, word, comment } = partsOf(line.text);
    const restrictions = restrictionsIn(before, line, file);
    if (word === null) throw badLine("it names no identity", line, file);
    const identity = identityName(keyWord(word, line, file));
    if (keys.has(identity)) throw badLine("its identity stands on an earlier line", line, file);
    keys.set(identity, { ...restrictions, identity, comment, line: line.number });
  }
  return new AuthorizedKeys(keys);
}

/**
 * Lets an identity in; false when its line says so already. Throws `failed` when its line says
 * otherwise, naming it: a right is not changed in passing.
 */
export function authorizeKey(
  path: string,
  options: KeyRestrictions & { readonly identity: Uint8Array; readonly comment: string },
): Promise<boolean> {
  const { identity } = options;
  const words = [...restrictionWords(options), identityName(identity)];
  const line = [...words, commentText(options.comment)].filter((word) => word !== "").join(" ");
  return editTrustFile(path, (text) => {
    const key = parseAuthorizedKeys(text, { path }).find(identity);
    if (key === null) return withLine(text, line);
    if (restrictionWords(key).join() === restrictionWords(options).join()) return null;
    throw new SftpxError(
      "failed",
      `Cannot authorize ${key.identity}: line ${key.line} of "${escapeText(path)}" grants it ` +
        "something else; revoke that first",
    );
  }, FILE);
}

/** Takes an identity's line away; false when it is not listed. */
export function revokeKey(path: string, identity: Uint8Array): Promise<boolean> {
  return editTrustFile(path, (text) => {
    const key = parseAuthorizedKeys(text, { path }).find(identity);
    return key === null ? null : withoutLines(text, new Set([key.line]));
  }, FILE);
}

/** What a line is made of: restrictions, the identity, and a comment. */
function partsOf(
  text: string,
): { readonly before: string; readonly word: string | null; readonly comment: string } {
  // Nothing within quotes is an identity.
  const found = IDENTITY_LIKE.exec(
    text.replace(/"(?:[^"\\]|\\.)*"/g, (quoted) => "=".repeat(quoted.length)),
  );
  if (found === null) return { before: text, word: null, comment: "" };
  const end = found.index + found[0].length;
  const comment = text.slice(end).trim().replace(/[ \t]+/g, " ");
  return { before: text.slice(0, found.index), word: text.slice(found.index, end), comment };
}

function restrictionsIn(before: string, line: KeyLine, file: KeyFile): KeyRestrictions {
  try {
    return parseRestrictions(before);
  } catch (thrown) {
    if (!(thrown instanceof RestrictionProblem)) throw thrown;
    throw badLine(thrown.message, line, { ...file, cause: thrown });
  }
}

// Who may connect to a server without a ticket: one identity a line, restrictions before it, a
// comment after it. Fails closed: a word not known here is an error that names its line, never a
// comment or a right.
//
//   # everything
//   IDENTITY laptop
//   # may push only; may push but never replace a file
//   write IDENTITY ci runner
//   write-once IDENTITY drop box

import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { type Access, type Grant, grantOfAccess } from "./grant.ts";
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
import { editTrustFile } from "./trust_edit.ts";
import { readTrustFile } from "./trust_file.ts";

const FILE = { what: "authorized keys", secret: false } as const;
const RESTRICTIONS = ["read", "write", "write-once"] as const;
type Restriction = typeof RESTRICTIONS[number];

/** A line of the file. */
export interface AuthorizedKey {
  /** 52 base32 characters. */
  readonly identity: string;
  readonly grant: Grant;
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
    const at = line.words.findIndex((word) => word.length === IDENTITY_NAME_CHARS);
    const before = at < 0 ? line.words : line.words.slice(0, at);
    const restrictions = new Set(before.map((word) => restriction(word, line, file)));
    if (at < 0) throw badLine("it names no identity", line, file);
    const identity = identityName(keyWord(line.words[at]!, line, file));
    if (keys.has(identity)) throw badLine("its identity stands on an earlier line", line, file);
    const comment = line.words.slice(at + 1).join(" ");
    keys.set(identity, { identity, grant: grantOf(restrictions), comment, line: line.number });
  }
  return new AuthorizedKeys(keys);
}

/**
 * Lets an identity in; false when its line says so already. Throws `failed` when its line says
 * otherwise, naming it: a right is not changed in passing.
 */
export function authorizeKey(
  path: string,
  options: { readonly identity: Uint8Array; readonly access: Access; readonly comment: string },
): Promise<boolean> {
  const { identity, access } = options;
  const words = [access === "both" ? "" : access, identityName(identity)];
  const line = [...words, commentText(options.comment)].filter((word) => word !== "").join(" ");
  return editTrustFile(path, (text) => {
    const key = parseAuthorizedKeys(text, { path }).find(identity);
    if (key === null) return withLine(text, line);
    if (isSameGrant(key.grant, grantOfAccess(access))) return null;
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

function restriction(word: string, line: KeyLine, file: KeyFile): Restriction {
  const known = RESTRICTIONS.find((name) => name === word);
  if (known !== undefined) return known;
  const shown = escapeText(word, 64);
  throw badLine(`"${shown}" is neither a known restriction nor an identity`, line, file);
}

/** No restriction means everything; any one means only what is named. */
function grantOf(restrictions: ReadonlySet<Restriction>): Grant {
  if (restrictions.size === 0) return grantOfAccess("both");
  const writeOnce = restrictions.has("write-once"); // the stricter of two wins
  return {
    read: restrictions.has("read"),
    write: writeOnce || restrictions.has("write"),
    writeOnce,
    root: "",
  };
}

function isSameGrant(a: Grant, b: Grant): boolean {
  return a.read === b.read && a.write === b.write && a.writeOnce === b.writeOnce &&
    a.root === b.root;
}

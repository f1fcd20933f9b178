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
import type { Grant } from "./grant.ts";
import { IDENTITY_NAME_CHARS, identityName } from "./identity.ts";
import { badLine, type KeyFile, type KeyLine, keyLines, keyWord } from "./key_line.ts";
import { readTrustFile } from "./trust_file.ts";

const WHAT = "authorized keys";
const RESTRICTIONS = ["read", "write", "write-once"] as const;
type Restriction = typeof RESTRICTIONS[number];

/** The identities of a file and what each may do. */
export class AuthorizedKeys {
  readonly #grants: ReadonlyMap<string, Grant>;

  constructor(grants: ReadonlyMap<string, Grant>) {
    this.#grants = grants;
  }

  /** Identities listed. */
  get size(): number {
    return this.#grants.size;
  }

  /** What this identity may do; null when it is not listed. */
  lookup(identity: Uint8Array): Grant | null {
    return this.#grants.get(identityName(identity)) ?? null;
  }
}

/** Reads the file. Throws `usage` on a line it cannot use, `failed` when there is no file. */
export async function loadAuthorizedKeys(path: string): Promise<AuthorizedKeys> {
  const text = await readTrustFile(path, { what: WHAT, secret: false });
  if (text === null) {
    throw new SftpxError("failed", `Cannot load ${WHAT} "${escapeText(path)}": there is no file`);
  }
  return parseAuthorizedKeys(text, { path });
}

/** Reads the file's text; `path` is for errors. */
export function parseAuthorizedKeys(
  text: string,
  options: { readonly path: string },
): AuthorizedKeys {
  const file: KeyFile = { what: WHAT, path: options.path };
  const grants = new Map<string, Grant>();
  for (const line of keyLines(text)) {
    const restrictions = new Set<Restriction>();
    let name: string | null = null;
    for (const word of line.words) {
      if (word.length === IDENTITY_NAME_CHARS) {
        name = identityName(keyWord(word, line, file));
        break; // the rest is a comment
      }
      restrictions.add(restriction(word, line, file));
    }
    if (name === null) throw badLine("it names no identity", line, file);
    if (grants.has(name)) throw badLine("its identity stands on an earlier line", line, file);
    grants.set(name, grantOf(restrictions));
  }
  return new AuthorizedKeys(grants);
}

function restriction(word: string, line: KeyLine, file: KeyFile): Restriction {
  const known = RESTRICTIONS.find((name) => name === word);
  if (known !== undefined) return known;
  const shown = escapeText(word, 64);
  throw badLine(`"${shown}" is neither a known restriction nor an identity`, line, file);
}

/** No restriction means everything; any one means only what is named. */
function grantOf(restrictions: ReadonlySet<Restriction>): Grant {
  if (restrictions.size === 0) return { read: true, write: true, writeOnce: false };
  const writeOnce = restrictions.has("write-once"); // the stricter of two wins
  return {
    read: restrictions.has("read"),
    write: writeOnce || restrictions.has("write"),
    writeOnce,
  };
}

// What an authenticated peer may do, and by what. A grant only ever shrinks: combining two keeps what
// both allow. Says in plain words what it does not allow.

import { SftpxError } from "../base/errors.ts";

/** Rights under the served root. */
export interface Grant {
  /** May pull. */
  readonly read: boolean;
  /** May push. */
  readonly write: boolean;
  /** May push, and never replaces a file that stands there. */
  readonly writeOnce: boolean;
  /** May push, and replaces a file only by one that begins with all of it; absent for no. */
  readonly appendOnly?: boolean;
  /** Bytes that its holder's transfers may keep there; absent for no bound. */
  readonly quotaBytes?: number;
  /** Bytes of one file that it may push; absent for no bound. */
  readonly maxFileBytes?: number;
  /** Where it holds: a path under the served root with `/`, no `/` at its ends; empty for all of it. */
  readonly root: string;
}

/** What a client has shown to be let in. */
export type Shown = "ticket" | "key";

/** A grant, and what it was given for. */
export interface Admitted<G = Grant> {
  readonly grant: G;
  readonly by: Shown;
  /** Who is charged for what is kept, 32 bytes; absent for the client's own identity. */
  readonly account?: Uint8Array;
}

/** What `--access` may say. */
export type Access =
  | "read"
  | "write"
  | "write-once"
  | "append-only"
  | "read,write-once"
  | "read,append-only"
  | "both";

/** The grant of an access word. */
export function grantOfAccess(access: Access): Grant {
  return {
    read: access === "both" || access.startsWith("read"),
    write: access !== "read",
    writeOnce: access.endsWith("write-once"),
    ...(access.endsWith("append-only") ? { appendOnly: true } : {}),
    root: "",
  };
}

/** The access word of a grant, wherever it holds. */
export function accessOf({ read, write, writeOnce, appendOnly }: Omit<Grant, "root">): Access {
  if (writeOnce) return read ? "read,write-once" : "write-once";
  if (appendOnly) return read ? "read,append-only" : "append-only";
  if (!write) return "read";
  return read ? "both" : "write";
}

/** Refuses to `attempt` where the grant does not allow reading. */
export function requireRead({ grant, by }: Admitted<Rights>, attempt: string): void {
  if (grant.read) return;
  throw refused(attempt, by, grant.write ? "only allows writing" : "allows nothing here");
}

/** Refuses to `attempt` where the grant does not allow writing. */
export function requireWrite({ grant, by }: Admitted<Rights>, attempt: string): void {
  if (grant.write) return;
  throw refused(attempt, by, grant.read ? "only allows reading" : "allows nothing here");
}

type Rights = Pick<Grant, "read" | "write">;

function refused(attempt: string, by: Shown, found: string): SftpxError {
  return new SftpxError("refused", `Cannot ${attempt}: this ${by} ${found}`);
}

/** What both grants allow, under the restrictions of either. */
export function narrowGrant(a: Grant, b: Grant): Grant {
  const root = narrowRoot(a.root, b.root);
  return {
    read: root !== null && a.read && b.read,
    write: root !== null && a.write && b.write,
    writeOnce: a.writeOnce || b.writeOnce,
    ...(a.appendOnly || b.appendOnly ? { appendOnly: true } : {}),
    ...lower("quotaBytes", a, b),
    ...lower("maxFileBytes", a, b),
    root: root ?? a.root,
  };
}

/** The tighter of two bounds; nothing where neither has one. */
function lower(name: "quotaBytes" | "maxFileBytes", a: Grant, b: Grant): Partial<Grant> {
  const bounds = [a[name], b[name]].filter((bound) => bound !== undefined);
  return bounds.length === 0 ? {} : { [name]: Math.min(...bounds) };
}

/** The deeper of two roots, one above the other; null where they share nothing. */
function narrowRoot(a: string, b: string): string | null {
  if (a === "" || b === a || b.startsWith(`${a}/`)) return b;
  return b === "" || a.startsWith(`${b}/`) ? a : null;
}

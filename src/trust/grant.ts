// What an authenticated peer may do. A grant only ever shrinks: combining two keeps what both allow.

/** Rights under the served root. */
export interface Grant {
  /** May pull. */
  readonly read: boolean;
  /** May push. */
  readonly write: boolean;
  /** May push, and never replaces a file that stands there. */
  readonly writeOnce: boolean;
  /** Where it holds: a path under the served root with `/`, no `/` at its ends; empty for all of it. */
  readonly root: string;
}

/** What `serve --access` may say. */
export type Access = "read" | "write" | "write-once" | "both";

/** The grant of an access word. */
export function grantOfAccess(access: Access): Grant {
  return {
    read: access === "read" || access === "both",
    write: access !== "read",
    writeOnce: access === "write-once",
    root: "",
  };
}

/** What both grants allow, under the restrictions of either. */
export function narrowGrant(a: Grant, b: Grant): Grant {
  const root = narrowRoot(a.root, b.root);
  return {
    read: root !== null && a.read && b.read,
    write: root !== null && a.write && b.write,
    writeOnce: a.writeOnce || b.writeOnce,
    root: root ?? a.root,
  };
}

/** The deeper of two roots, one above the other; null where they share nothing. */
function narrowRoot(a: string, b: string): string | null {
  if (a === "" || b === a || b.startsWith(`${a}/`)) return b;
  return b === "" || a.startsWith(`${b}/`) ? a : null;
}

// What an authenticated peer may do. A grant only ever shrinks: combining two keeps what both allow.

/** Rights under the served root. */
export interface Grant {
  /** May pull. */
  readonly read: boolean;
  /** May push. */
  readonly write: boolean;
  /** May push, and never replaces a file that stands there. */
  readonly writeOnce: boolean;
}

/** What `serve --access` may say. */
export type Access = "read" | "write" | "both";

/** The grant of an access word. */
export function grantOfAccess(access: Access): Grant {
  return { read: access !== "write", write: access !== "read", writeOnce: false };
}

/** What both grants allow, under the restrictions of either. */
export function narrowGrant(a: Grant, b: Grant): Grant {
  return {
    read: a.read && b.read,
    write: a.write && b.write,
    writeOnce: a.writeOnce || b.writeOnce,
  };
}

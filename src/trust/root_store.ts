// The runtime's certificate authorities, put out of the way. Deno adds `caCerts` to its own roots
// instead of replacing them, so a CA in DENO_CERT, NODE_EXTRA_CA_CERTS or the system store could
// impersonate any pinned peer (reproduced in the test). Deno reads these variables once, for the
// first TLS or QUIC object, or for its own look at whether there is a newer Deno, half a second after
// a start: this must have run before, and refuses to go on where it has not. It cannot undo `--cert`.

import { devNull } from "node:os";
import process from "node:process";
import { SftpxError } from "../base/errors.ts";
import { readRoots, rootsAreUnread } from "../runtime/runtime.ts";

/** Variables that add a CA. */
const REMOVED = ["DENO_CERT", "NODE_EXTRA_CA_CERTS"] as const;

/** Variables that make the system store the only one, and that an empty file. */
const SET: Readonly<Record<string, string>> = {
  DENO_TLS_CA_STORE: "system",
  SSL_CERT_FILE: devNull,
  SSL_CERT_DIR: "/nonexistent",
};

/** What the first call came to, for the calls after it. */
let outcome: "emptied" | SftpxError | null = null;

/**
 * Leaves the runtime without roots, so that a pinned anchor is the only one. Call it before the
 * first TLS or QUIC object; again does no harm. When it throws, no pin can be relied on and the
 * caller must not connect: `permission` when the environment may not be written, `unsupported` when
 * the runtime has read its roots already. In Bun, which replaces its roots by the pinned one, it
 * changes nothing that matters.
 */
export function emptyRootStore(): void {
  outcome ??= attempt();
  if (outcome !== "emptied") throw outcome;
}

function attempt(): "emptied" | SftpxError {
  try {
    for (const name of REMOVED) delete process.env[name];
    for (const [name, value] of Object.entries(SET)) process.env[name] = value;
    // Only now: a system store that the environment names wrongly would fail to be read just the same.
    if (!rootsAreUnread()) return tooLate();
    readRoots();
    return "emptied";
  } catch (cause) {
    return new SftpxError(
      "permission",
      "Cannot pin the server's identity: the runtime's own authorities could stand in for it, " +
        `and without --allow-env=${[...REMOVED, ...Object.keys(SET)].join(",")} they stay`,
      { cause },
    );
  }
}

function tooLate(): SftpxError {
  return new SftpxError(
    "unsupported",
    "Cannot pin the server's identity: the runtime has read its own authorities already, for a " +
      "download or to look for a newer version; run the command again, with DENO_NO_UPDATE_CHECK=1: " +
      "what was downloaded is there by then",
  );
}

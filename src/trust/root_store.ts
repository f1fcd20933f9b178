// The runtime's certificate authorities, put out of the way. Deno adds `caCerts` to its own roots
// instead of replacing them, so a CA in DENO_CERT, NODE_EXTRA_CA_CERTS or the system store could
// impersonate any pinned peer (reproduced in the test). Deno reads these variables when the first
// TLS or QUIC object is made: this must have run before. It cannot undo `--cert`.

import { devNull } from "node:os";
import process from "node:process";
import { SftpxError } from "../base/errors.ts";

/** Variables that add a CA. */
const REMOVED = ["DENO_CERT", "NODE_EXTRA_CA_CERTS"] as const;

/** Variables that make the system store the only one, and that an empty file. */
const SET: Readonly<Record<string, string>> = {
  DENO_TLS_CA_STORE: "system",
  SSL_CERT_FILE: devNull,
  SSL_CERT_DIR: "/nonexistent",
};

/**
 * Leaves the runtime without roots, so that a pinned anchor is the only one. Call it before the
 * first TLS or QUIC object; again does no harm. Throws `permission` when the environment may not be
 * written: then no pin can be relied on and the caller must not connect. In Bun, which replaces its
 * roots by the pinned one, it changes nothing that matters.
 */
export function emptyRootStore(): void {
  try {
    for (const name of REMOVED) delete process.env[name];
    for (const [name, value] of Object.entries(SET)) process.env[name] = value;
  } catch (cause) {
    throw new SftpxError(
      "permission",
      "Cannot pin the server's identity: the runtime's own authorities could stand in for it, " +
        `and without --allow-env=${[...REMOVED, ...Object.keys(SET)].join(",")} they stay`,
      { cause },
    );
  }
}

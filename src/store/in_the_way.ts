// Which transfer is in the way of one that cannot begin: how the error carries its key, from where claims are
// looked at to the session that may have it make way. No peer's to know.

import { SftpxError } from "../base/errors.ts";

/** A `begin` that is refused since the transfer of this key writes to the place. */
export function busyWith(key: Uint8Array, message: string): SftpxError {
  return new SftpxError("busy", message, { cause: key });
}

/** The key of the transfer that writes to the place, where a `begin` was `busy` for that; else null. */
export function inTheWay({ code, cause }: SftpxError): Uint8Array | null {
  return code === "busy" && cause instanceof Uint8Array ? cause : null;
}

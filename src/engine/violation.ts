// A peer that breaks the protocol: the errors that end its transfer. What is found is said in this
// end's words, so nothing of the peer's needs escaping (I9); an abort alone is in the peer's.

import { SftpxError, toldError } from "../base/errors.ts";
import type { Abort } from "../wire/messages.ts";

/** Something that cannot be true of an honest peer was found. */
export function violation(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot go on with the transfer: ${found}`, { remote: true });
}

/** A message came when it could mean nothing. */
export function outOfPlace(type: string): SftpxError {
  return new SftpxError("protocol", `Cannot go on: the message "${type}" is out of place`, {
    remote: true,
  });
}

/** The peer ended the transfer, and said why. */
export function aborted(message: Abort): SftpxError {
  return toldError(message, "failed");
}

// The last word of a transfer that goes wrong at this end.

import type { SftpxError } from "../base/errors.ts";
import type { TransferChannel } from "./hub.ts";

/** Tells the peer why a transfer ends here; one that is gone learns of it by that. */
export function sayAbort(channel: TransferChannel, error: SftpxError): void {
  try {
    const { code, message } = error;
    channel.send({ type: "abort", transfer: channel.transfer, code, message });
  } catch {
    // The control stream is gone.
  }
}

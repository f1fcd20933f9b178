// How a transfer that goes wrong at this end ends: what its signal stops, and its last word.

import { type ErrorCode, type SftpxError, toSftpxError } from "../base/errors.ts";
import type { TransferChannel } from "./hub.ts";

/** Failures whose words are not ours: a runtime's may name any path of this machine. */
const UNWORDED: ReadonlySet<ErrorCode> = new Set(["internal", "worker"]);

/** What a peer hears of a failure at this end; whoever runs this end is told all of it. */
export function toldPeer(
  { code, message }: SftpxError,
): { readonly code: ErrorCode; readonly message: string } {
  const told = UNWORDED.has(code) ? "Cannot go on: the peer's own program failed" : message;
  return { code, message: told };
}

/** Tells the peer why a transfer ends here; one that is gone learns of it by that. */
export function sayAbort(channel: TransferChannel, error: SftpxError): void {
  try {
    channel.send({ type: "abort", transfer: channel.transfer, ...toldPeer(error) });
  } catch {
    // The control stream is gone.
  }
}

/** Work on a channel, which is closed in any case; the peer is told of what went wrong at this end. */
export async function onChannel<T>(
  channel: TransferChannel,
  work: () => Promise<T>,
  { signal }: { readonly signal: AbortSignal },
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = toSftpxError(signal.aborted ? signal.reason : thrown);
    if (!error.remote) sayAbort(channel, error);
    throw error;
  } finally {
    channel.close();
  }
}

/** Runs `onAbort` once the signal aborts, until it is disposed of. */
export function whenAborted(
  signal: AbortSignal,
  onAbort: (reason: unknown) => void,
): Disposable {
  const listener = () => onAbort(signal.reason);
  signal.addEventListener("abort", listener, { once: true });
  if (signal.aborted) listener();
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", listener) };
}

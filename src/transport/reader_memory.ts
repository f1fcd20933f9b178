// The memory that a reader lends a stream, as a BYOB reader does: from then on the reader's own view is
// dead.

import process from "node:process";

/** Bun's engine copies the memory, which cost a receiver half of its time: there it is taken on trust. */
const DETACHES = process.versions["bun"] === undefined;

/** A view of the same memory, the caller's own being detached. */
export function takenOver(into: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = into;
  return new Uint8Array(DETACHES ? buffer.transfer() : buffer, byteOffset, byteLength);
}

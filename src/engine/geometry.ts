// How a file is cut into chunks. Position alone says what a chunk is, so chunks may travel in any
// order (I7).

/** Chunks of a file; 0 for an empty one. */
export function chunkCount(sizeBytes: number, chunkBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** Bytes of chunk number `chunk`; only the last one may be shorter than `chunkBytes`. */
export function chunkLengthBytes(sizeBytes: number, chunkBytes: number, chunk: number): number {
  return Math.min(chunkBytes, sizeBytes - chunk * chunkBytes);
}

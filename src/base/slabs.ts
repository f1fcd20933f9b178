// Memory for what is kept for long, in small pieces, among much that comes and goes: out of the C
// library's heap, where each piece would stay behind as an island in what is free, which then is of use
// to nobody and cannot be given back; and out of the engine's account, which lets garbage grow by a part
// of all that is held (I8). A slab goes with the last piece of it that is held.

/** A slab of its own for each would be mostly air, and none would ever be given back as a whole. */
const SLAB_BYTES = 1 << 20;
/** What views of any kind may begin at. */
const ALIGN_BYTES = 8;

export class Slabs {
  #slab: SharedArrayBuffer | null = null;
  #usedBytes = 0;

  /** A piece of zeros, aligned for any kind of view. */
  take(bytes: number): Uint8Array<ArrayBufferLike> {
    if (bytes > SLAB_BYTES) return new Uint8Array(bytes);
    if (this.#slab === null || this.#usedBytes + bytes > SLAB_BYTES) {
      // Shared with nobody: such memory alone is in no account. Only what could grow gets pages of the
      // system for itself, of which those that were touched count.
      this.#slab = new SharedArrayBuffer(SLAB_BYTES, { maxByteLength: SLAB_BYTES });
      this.#usedBytes = 0;
    }
    const at = this.#usedBytes;
    this.#usedBytes = Math.ceil((at + bytes) / ALIGN_BYTES) * ALIGN_BYTES;
    return new Uint8Array(this.#slab, at, bytes);
  }

  /** A piece that holds these bytes. */
  keep(bytes: Uint8Array): Uint8Array<ArrayBufferLike> {
    const piece = this.take(bytes.byteLength);
    piece.set(bytes);
    return piece;
  }
}

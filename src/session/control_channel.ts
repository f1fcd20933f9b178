// A control stream as messages: ordered sends, bounded reads, the end of the stream never taken for
// success (I4).

import { concatBytes } from "../base/bytes.ts";
import { SftpxError, toldError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { ControlStream } from "../transport/transport.ts";
import type { Zstd } from "../codec/compress.ts";
import { CONTROL_HEADER_BYTES, ControlDecoder, encodeMessage } from "../wire/control.ts";
import type { Compressed, Message } from "../wire/messages.ts";
import { compressedBytes, decompressed, loadMessageZstd } from "./compressed_message.ts";

const READ_BYTES = 64 * 1024;
/** Until a peer is trusted no more is taken than its next message is likely to need: it may send ahead. */
const FIRST_READ_BYTES = 16 * 1024;
/** What waits goes out together up to so much: a write may take a round trip, whatever it brings. */
const WRITE_BYTES = 64 * 1024;

/** A message that was encoded before it was sent, for a peer that takes it compressed and for any. */
interface ReadyMessage {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly compressed: Uint8Array<ArrayBuffer>;
}

/** Messages that go out as one write. */
interface Batch {
  readonly messages: Uint8Array<ArrayBuffer>[];
  bytes: number;
}

export class ControlChannel {
  readonly #stream: ControlStream;
  readonly #decoder = new ControlDecoder({ limitBytes: LIMITS.unauthenticatedBytes });
  /** What arrived before the first message was whole; then exactly its bytes. */
  #opening: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #opened = false;
  #isLifted = false;
  /** What long messages are compressed with; null where they are not. */
  #compressor: Zstd | null = null;
  readonly #ready = new Map<Message, ReadyMessage>();
  #decompressor: Zstd | null = null;
  #lastBytes = 0;
  #buffer: ArrayBuffer = new ArrayBuffer(READ_BYTES);
  #writes: Promise<void> = Promise.resolve();
  /** Waits for the write before it; takes more until then. */
  #batch: Batch | null = null;
  #unsentBytes = 0;
  #writeError: SftpxError | null = null;

  constructor(stream: ControlStream) {
    this.#stream = stream;
  }

  /** The peer's first message (its hello) as it crossed the wire: what a signature covers. */
  get openingBytes(): Uint8Array<ArrayBuffer> {
    return this.#opening;
  }

  /** Bytes that wait for the transport to take them: a peer that does not read lets them grow. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Bytes of the message that `receive` answered last, as long as it is when nothing compresses it. */
  get lastBytes(): number {
    return this.#lastBytes;
  }

  /** Compresses long messages from here on: the peer takes that. */
  async compress(): Promise<void> {
    this.#compressor = await loadMessageZstd();
  }

  /** Encodes what may be sent soon, while there is time for it; as it is where nothing is compressed. */
  async prepare(
    messages: readonly Message[],
    { compresses }: { readonly compresses: boolean },
  ): Promise<void> {
    const zstd = compresses ? await loadMessageZstd() : null;
    this.#ready.clear();
    for (const message of messages) {
      const plain = encodeMessage(message);
      const compressed = zstd === null
        ? plain
        : compressedBytes(plain, { type: message.type, zstd });
      this.#ready.set(message, { plain, compressed });
    }
  }

  /** The peer is authenticated: only single messages are bounded from here on. */
  lift(): void {
    this.#isLifted = true;
    this.#ready.clear();
    this.#decoder.lift();
  }

  /** Queues a message; answers its bytes. A failed write shows in `flushed` and in later sends. */
  send(message: Message): Uint8Array<ArrayBuffer> {
    if (this.#writeError !== null) throw this.#writeError;
    const bytes = this.#encode(message);
    this.#queue(bytes);
    return bytes;
  }

  /** Settles when everything sent so far was taken by the transport. */
  async flushed(): Promise<void> {
    await this.#writes;
    if (this.#writeError !== null) throw this.#writeError;
  }

  /** The next message, or null at the end of the stream. */
  async receive(): Promise<Message | null> {
    for (;;) {
      const message = this.#decoder.next();
      if (message !== null) {
        this.#cutOpening();
        this.#lastBytes = this.#decoder.lastBytes;
        return message.type === "compressed" ? await this.#decompress(message) : message;
      }
      const mostBytes = this.#isLifted ? READ_BYTES : FIRST_READ_BYTES;
      const read = await this.#stream.read(new Uint8Array(this.#buffer, 0, mostBytes));
      if (read === null) {
        this.#decoder.finish();
        return null;
      }
      if (!this.#opened) this.#opening = concatBytes([this.#opening, read]);
      this.#decoder.push(read);
      this.#buffer = read.buffer;
    }
  }

  /** The next message, which must be of this type; a refusal becomes its error. */
  async expect<T extends Message["type"]>(type: T): Promise<Extract<Message, { type: T }>> {
    const message = await this.receive();
    if (message === null) {
      throw new SftpxError("lost", `Cannot go on: the peer left before its "${type}"`);
    }
    if (message.type === "refuse") throw refusal(message);
    if (message.type !== type) {
      throw new SftpxError("protocol", `Cannot go on: "${message.type}" came for "${type}"`, {
        remote: true,
      });
    }
    return message as Extract<Message, { type: T }>;
  }

  async close(): Promise<void> {
    await this.#writes;
    if (this.#writeError === null) await this.#stream.close().catch(() => {});
  }

  abort(): void {
    this.#stream.abort();
    this.#stream.cancel();
  }

  #queue(bytes: Uint8Array<ArrayBuffer>): void {
    this.#unsentBytes += bytes.byteLength;
    let batch = this.#batch;
    if (batch === null || batch.bytes + bytes.byteLength > WRITE_BYTES) {
      const begun: Batch = { messages: [], bytes: 0 };
      this.#writes = this.#writes.then(() => this.#write(begun));
      this.#batch = batch = begun;
    }
    batch.messages.push(bytes);
    batch.bytes += bytes.byteLength;
  }

  async #write(batch: Batch): Promise<void> {
    if (this.#batch === batch) this.#batch = null;
    const [first, ...more] = batch.messages;
    if (first === undefined) return;
    try {
      await this.#stream.write(more.length === 0 ? first : concatBytes(batch.messages));
    } catch (error) {
      this.#writeError ??= error as SftpxError;
    }
    this.#unsentBytes -= batch.bytes;
  }

  #encode(message: Message): Uint8Array<ArrayBuffer> {
    const ready = this.#ready.get(message);
    if (ready !== undefined) {
      this.#ready.delete(message);
      return this.#compressor === null ? ready.plain : ready.compressed;
    }
    const bytes = encodeMessage(message);
    if (this.#compressor === null) return bytes;
    return compressedBytes(bytes, { type: message.type, zstd: this.#compressor });
  }

  /** Nothing is decompressed for somebody who is not known. */
  async #decompress(compressed: Compressed): Promise<Message> {
    if (!this.#isLifted) {
      throw new SftpxError("protocol", `Cannot go on: "compressed" is out of place`, {
        remote: true,
      });
    }
    this.#decompressor ??= await loadMessageZstd();
    const { message, bytes } = decompressed(compressed, this.#decompressor);
    this.#lastBytes = bytes;
    return message;
  }

  #cutOpening(): void {
    if (this.#opened) return;
    this.#opened = true;
    const bodyBytes = new DataView(this.#opening.buffer).getUint32(2);
    this.#opening = this.#opening.slice(0, CONTROL_HEADER_BYTES + bodyBytes);
  }
}

/** The error a peer's refusal or abort stands for. */
export function refusal(message: { code: string; message: string }): SftpxError {
  return toldError(message, "refused");
}

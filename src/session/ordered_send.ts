// A lane whose writes are cut: each goes out whole before the next one begins, however many are asked for,
// so that the parts of two never mix.

import type { SendStream } from "../transport/transport.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export class OrderedSend implements SendStream {
  readonly #stream: SendStream;
  readonly #write: (bytes: Bytes) => Promise<void>;
  readonly #onAbort: () => void;
  #last: Promise<void> = Promise.resolve();

  /** `write` brings the bytes of one write to `stream`, in as many parts as it likes. */
  constructor(
    stream: SendStream,
    { write, onAbort = () => {} }: {
      readonly write: (bytes: Bytes) => Promise<void>;
      readonly onAbort?: () => void;
    },
  ) {
    this.#stream = stream;
    this.#write = write;
    this.#onAbort = onAbort;
  }

  write(bytes: Bytes): Promise<void> {
    const written = this.#last.then(() => this.#write(bytes));
    this.#last = written.catch(() => {}); // The next one meets it itself.
    return written;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#stream.close();
  }

  abort(): void {
    this.#onAbort();
    this.#stream.abort();
  }
}

// Lanes and control streams over the web streams a runtime's stack offers. Reads go straight into
// the caller's buffer (a BYOB reader); writes go out in order through one writer. A failure of
// either is handed to the connection, which alone knows why it ended.

import type { ControlStream, ReceiveStream, SendStream } from "./transport.ts";

/** Turns what a stream threw into what the caller sees, once the reason is known. */
export type ExplainLoss = (thrown: unknown) => Promise<Error>;

export class WebSendStream implements SendStream {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #explain: ExplainLoss;

  constructor(stream: WritableStream<Uint8Array>, explain: ExplainLoss) {
    this.#writer = stream.getWriter();
    this.#explain = explain;
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#writer.write(bytes);
    } catch (thrown) {
      throw await this.#explain(thrown);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#writer.close();
    } catch (thrown) {
      throw await this.#explain(thrown);
    }
  }

  abort(): void {
    this.#writer.abort().catch(() => {});
  }
}

export class WebReceiveStream implements ReceiveStream {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #explain: ExplainLoss;
  #cancelled = false;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>, explain: ExplainLoss) {
    this.#reader = stream.getReader({ mode: "byob" });
    this.#explain = explain;
  }

  async read(
    into: Uint8Array<ArrayBuffer>,
    { leastBytes = 1 }: { readonly leastBytes?: number } = {},
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    let result;
    try {
      result = await this.#reader.read(into, { min: leastBytes });
    } catch (thrown) {
      throw await this.#explain(thrown);
    }
    // A cancelled reader answers `done`: giving up must not look like the peer's end (I4).
    if (this.#cancelled) throw await this.#explain(new Error("the stream was given up"));
    // What came before an end that was too early stands beside it; the next read meets the end alone.
    return result.done && !result.value?.byteLength ? null : result.value ?? null;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#reader.cancel().catch(() => {});
  }
}

/** Both halves as the one control stream. */
export function controlStream(send: SendStream, receive: ReceiveStream): ControlStream {
  return {
    write: (bytes) => send.write(bytes),
    close: () => send.close(),
    abort: () => send.abort(),
    read: (into, options) => receive.read(into, options),
    cancel: () => receive.cancel(),
  };
}

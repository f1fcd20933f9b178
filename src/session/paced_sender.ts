// Messages of which there may be very many: each leaves in order, and only once the one before it was
// taken by the transport, so that a peer that does not read makes nothing pile up (I8).

import type { Message } from "../wire/messages.ts";
import type { TransferChannel } from "./hub.ts";

export class PacedSender {
  readonly #channel: Pick<TransferChannel, "send" | "flushed">;
  readonly #stopped: AbortSignal;
  #before: Promise<void> = Promise.resolve();

  /** Nothing leaves any more once `stopped` is aborted. */
  constructor(channel: Pick<TransferChannel, "send" | "flushed">, stopped: AbortSignal) {
    this.#channel = channel;
    this.#stopped = stopped;
  }

  /** Sends it in its turn; settles once it was taken. */
  send(message: Message): Promise<void> {
    this.#before = this.#before.then(() => this.#send(message));
    return this.#before;
  }

  /** Settles once all that was to be sent so far was taken. */
  flushed(): Promise<void> {
    return this.#before;
  }

  async #send(message: Message): Promise<void> {
    if (this.#stopped.aborted) return;
    this.#channel.send(message);
    await this.#channel.flushed();
  }
}

// What one end of a session says on its control stream, and the only way there: a peer that reads nothing
// must not make this end hold ever more (I8).

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Message } from "../wire/messages.ts";
import type { ControlChannel } from "./control_channel.ts";

type OutboxControl = Pick<ControlChannel, "send" | "flushed" | "unsentBytes">;

export class Outbox {
  readonly #control: OutboxControl;
  readonly #onUnread: (error: SftpxError) => void;
  /** Of answers that wait for the transport to take them. */
  #answerBytes = 0;

  /** `onUnread` ends the session, whose peer does not read what it is sent. */
  constructor(
    control: OutboxControl,
    { onUnread }: { readonly onUnread: (error: SftpxError) => void },
  ) {
    this.#control = control;
    this.#onUnread = onUnread;
  }

  send(message: Message): void {
    this.#send(message);
  }

  /** Asks the peer, unless much waits to be sent before the question. */
  ask(message: Message): boolean {
    if (this.#control.unsentBytes >= LIMITS.controlMessageBytes) return false;
    this.#send(message);
    return true;
  }

  /**
   * Answers, unless the peer reads none of our answers: they must not pile up. However much else waits: who
   * asks whether this end is there would take it for gone.
   */
  answer(message: Message): boolean {
    if (this.#answerBytes >= LIMITS.controlMessageBytes) return false;
    const { byteLength } = this.#send(message);
    this.#answerBytes += byteLength;
    // What fails shows in what is sent next.
    this.#control.flushed().catch(() => {}).then(() => this.#answerBytes -= byteLength);
    return true;
  }

  #send(message: Message): Uint8Array {
    if (this.#control.unsentBytes > LIMITS.unsentControlBytes) {
      const found = "the peer does not read what it is sent";
      const error = new SftpxError("limit", `Cannot go on: ${found}`, { remote: true });
      this.#onUnread(error);
      throw error;
    }
    return this.#control.send(message);
  }
}

// What one end of a session says on its control stream, and the only way there: a peer that reads nothing
// must not make this end hold ever more (I8).

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Message } from "../wire/messages.ts";
import type { ControlChannel } from "./control_channel.ts";

export class Outbox {
  readonly #control: Pick<ControlChannel, "send" | "unsentBytes">;
  readonly #onUnread: (error: SftpxError) => void;

  /** `onUnread` ends the session, whose peer does not read what it is sent. */
  constructor(
    control: Pick<ControlChannel, "send" | "unsentBytes">,
    { onUnread }: { readonly onUnread: (error: SftpxError) => void },
  ) {
    this.#control = control;
    this.#onUnread = onUnread;
  }

  send(message: Message): void {
    if (this.#control.unsentBytes > LIMITS.unsentControlBytes) {
      const found = "the peer does not read what it is sent";
      const error = new SftpxError("limit", `Cannot go on: ${found}`, { remote: true });
      this.#onUnread(error);
      throw error;
    }
    this.#control.send(message);
  }

  /** Answers at once, unless the peer reads none of our answers: they must not pile up. */
  answer(message: Message): boolean {
    if (this.#control.unsentBytes >= LIMITS.controlMessageBytes) return false;
    this.send(message);
    return true;
  }
}

// Clients of this process that connect once what they walk is all found, so that it is no matter of luck
// what they know by then.

import { EarlyWalk } from "../../src/session/early_walk.ts";
import { Workshop } from "../../src/session/workshop.ts";
import type { Transport } from "../../src/transport/transport.ts";

/** Holds clients of this process back until what they walk is all found, and sees what they announce. */
export class HeldWalks implements Disposable {
  /** Messages that went behind the last proof. */
  announced = 0;
  #found = Promise.withResolvers<void>();
  readonly #undo = new DisposableStack();

  constructor() {
    const { walker } = Workshop.prototype;
    const { announce } = EarlyWalk.prototype;
    this.#undo.defer(() => Object.assign(Workshop.prototype, { walker }));
    this.#undo.defer(() => Object.assign(EarlyWalk.prototype, { announce }));
    const ended = () => this.#found.resolve();
    Workshop.prototype.walker = function (this: Workshop) {
      const inner = walker.call(this);
      return {
        async *walk(...args) {
          yield* inner.walk(...args);
          ended();
        },
      };
    };
    const noted = (count: number) => void (this.announced = count);
    EarlyWalk.prototype.announce = function (this: EarlyWalk, transfer: number) {
      const messages = announce.call(this, transfer);
      noted(messages.length);
      return messages;
    };
  }

  /** Connects once the walk is over. */
  held(transport: Transport): Transport {
    return {
      ...transport,
      connect: async (options) => {
        await this.#found.promise;
        return await transport.connect(options);
      },
    };
  }

  /** For another command. */
  begin(): void {
    this.announced = 0;
    this.#found = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}

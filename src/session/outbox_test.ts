import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { Message } from "../wire/messages.ts";
import { Outbox } from "./outbox.ts";

const PONG: Message = { type: "pong", token: 1 };

/** An outbox whose messages are half as long as what may wait, and wait until `take` is called. */
function scene({ unsentBytes = 0 }: { readonly unsentBytes?: number } = {}) {
  const taken = Promise.withResolvers<void>();
  let sent = 0;
  const control = {
    unsentBytes,
    flushed: () => taken.promise,
    send: () => {
      sent++;
      return new Uint8Array(LIMITS.controlMessageBytes / 2);
    },
  };
  const onUnread = (error: Error) => {
    throw error;
  };
  return { outbox: new Outbox(control, { onUnread }), taken, sent: () => sent };
}

Deno.test("answer() lets no more answers wait than fit, however many are asked for", async () => {
  for (const isTaken of [true, false]) {
    const { outbox, taken, sent } = scene();
    const answered: boolean[] = [];
    for (let asked = 0; asked < 3; asked++) answered.push(outbox.answer(PONG));
    assert.deepEqual(answered, [true, true, false]);
    assert.equal(sent(), 2);
    if (isTaken) taken.resolve();
    else taken.reject(new Error("gone"));
    await taken.promise.catch(() => {});
    await Promise.resolve();
    await Promise.resolve();
    assert.equal(outbox.answer(PONG), true, "those are gone");
  }
});

Deno.test("answer() does not mind what else waits; ask() lets its question be then", () => {
  const most = LIMITS.controlMessageBytes;
  for (const [unsentBytes, isAsked] of [[0, true], [most - 1, true], [most, false]] as const) {
    const { outbox, sent } = scene({ unsentBytes });
    assert.equal(outbox.answer(PONG), true);
    assert.equal(outbox.ask({ type: "ping", token: 1 }), isAsked);
    assert.equal(sent(), isAsked ? 2 : 1);
  }
});

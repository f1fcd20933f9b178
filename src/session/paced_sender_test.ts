import assert from "node:assert/strict";
import type { Message } from "../wire/messages.ts";
import { PacedSender } from "./paced_sender.ts";

const PINGS = [1, 2, 3].map((token): Message => ({ type: "ping", token }));

/** A channel that takes a message when the test says so. */
function channelOf() {
  const sent: Message[] = [];
  const taken: PromiseWithResolvers<void>[] = [];
  return {
    sent,
    taken,
    send: (message: Message) => void sent.push(message),
    flushed: () => {
      const turn = Promise.withResolvers<void>();
      taken.push(turn);
      return turn.promise;
    },
  };
}

Deno.test("each message leaves once the one before it was taken, in order", async () => {
  const channel = channelOf();
  const paced = new PacedSender(channel, new AbortController().signal);
  const [first, second, third] = PINGS.map((message) => paced.send(message));
  await Promise.resolve();
  assert.deepEqual(channel.sent, PINGS.slice(0, 1));
  channel.taken[0]!.resolve();
  await first;
  assert.deepEqual(channel.sent, PINGS.slice(0, 2));
  channel.taken[1]!.resolve();
  await second;
  channel.taken[2]!.resolve();
  await Promise.all([third, paced.flushed()]);
  assert.deepEqual(channel.sent, PINGS);
});

Deno.test("nothing leaves once it is stopped", async () => {
  const channel = channelOf();
  const stop = new AbortController();
  const paced = new PacedSender(channel, stop.signal);
  const [first, second] = PINGS.map((message) => paced.send(message));
  await Promise.resolve();
  stop.abort();
  channel.taken[0]!.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(channel.sent, PINGS.slice(0, 1));
});

Deno.test("a message that cannot be sent fails those behind it", async () => {
  const channel = channelOf();
  const paced = new PacedSender(channel, new AbortController().signal);
  const [first, second] = PINGS.map((message) => paced.send(message));
  await Promise.resolve();
  channel.taken[0]!.reject(new Error("lost"));
  await assert.rejects(first!, /lost/);
  await assert.rejects(second!, /lost/);
  await assert.rejects(paced.flushed(), /lost/);
  assert.deepEqual(channel.sent, PINGS.slice(0, 1));
});

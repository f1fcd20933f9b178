import assert from "node:assert/strict";
import { Mailbox } from "./mailbox.ts";

Deno.test("take() answers items in order, whether they came before or after", async () => {
  const mailbox = new Mailbox<number>();
  mailbox.put(1);
  const taken = [mailbox.take(), mailbox.take(), mailbox.take()];
  mailbox.put(2);
  mailbox.put(3);
  assert.deepEqual(await Promise.all(taken), [1, 2, 3]);
});

Deno.test("take() answers items that are falsy", async () => {
  const mailbox = new Mailbox<number | string>();
  mailbox.put(0);
  mailbox.put("");
  assert.deepEqual([await mailbox.take(), await mailbox.take()], [0, ""]);
});

Deno.test("close() lets what is queued be taken, then answers null, also those who wait", async () => {
  const mailbox = new Mailbox<number>();
  mailbox.put(1);
  mailbox.close();
  mailbox.put(2);
  assert.deepEqual([await mailbox.take(), await mailbox.take()], [1, null]);
  const waiting = new Mailbox<number>();
  const taken = waiting.take();
  waiting.close();
  assert.equal(await taken, null);
});

Deno.test("fail() rejects those who wait and those who come, after what is queued", async () => {
  const error = new Error("gone");
  const mailbox = new Mailbox<number>();
  mailbox.put(1);
  mailbox.fail(error);
  assert.equal(await mailbox.take(), 1);
  await assert.rejects(mailbox.take(), error);
  const waiting = new Mailbox<number>();
  const taken = waiting.take();
  waiting.fail(error);
  await assert.rejects(taken, error);
});

Deno.test("the first end counts", async () => {
  const mailbox = new Mailbox<number>();
  mailbox.close();
  mailbox.fail(new Error("late"));
  assert.equal(await mailbox.take(), null);
});

Deno.test("drain() hands back what nobody took, and ends", async () => {
  const mailbox = new Mailbox<number>();
  mailbox.put(1);
  mailbox.put(2);
  assert.deepEqual(mailbox.drain(), [1, 2]);
  mailbox.put(3);
  assert.equal(await mailbox.take(), null);
});

Deno.test("a mailbox knows what it holds, and no more than that", async () => {
  const box = new Mailbox<string>();
  box.put("a", 3);
  box.put("b", 4);
  assert.equal(box.heldBytes, 7);
  assert.equal(await box.take(), "a");
  assert.equal(box.heldBytes, 4);
  assert.equal(await box.take(), "b");
  const taken = box.take();
  box.put("c", 5);
  assert.equal(box.heldBytes, 0, "somebody waited for it");
  assert.equal(await taken, "c");
  box.put("d", 6);
  assert.deepEqual(box.drain(), ["d"]);
  assert.equal(box.heldBytes, 0);
});

Deno.test("whoever waits may be told to wait no more, and takes nothing from the others", async () => {
  const box = new Mailbox<number>();
  const [first, second] = [box.take(), box.take()];
  box.withdraw(first);
  assert.equal(await first, null);
  box.put(1);
  assert.equal(await second, 1);
  box.withdraw(second);
  box.put(2);
  assert.equal(await box.take(), 2, "what was taken is not put back");
});

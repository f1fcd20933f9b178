import assert from "node:assert/strict";
import { ToldTexts } from "./told_texts.ts";

Deno.test("tell() answers the attempt that told a text first", () => {
  const told = new ToldTexts();
  assert.deepEqual([told.tell("a", 0), told.tell("b", 0), told.tell("a", 0)], [0, 0, 0]);
  assert.deepEqual([told.tell("a", 3), told.tell("c", 3), told.tell("c", 4)], [0, 3, 3]);
  assert.deepEqual([told.tell("", 5), told.tell("", 6)], [5, 5]);
});

Deno.test("tell() knows a hundred thousand texts apart, in few bytes however long they are", () => {
  const told = new ToldTexts();
  const texts = 100_000;
  const pad = "x".repeat(500);
  const tellAll = (attempt: number) => {
    let first = 0;
    for (let i = 0; i < texts; i++) {
      if (told.tell(`${pad}/${i.toString(36)}`, attempt) === attempt) first++;
    }
    return first;
  };
  assert.equal(tellAll(0), texts);
  assert.equal(tellAll(1), 0);
  for (let i = 0; i < texts; i++) assert.equal(told.tell(`${i}`, 2), 2);
  assert.ok(told.heldBytes <= 2 * texts * 48, `${told.heldBytes} bytes`);
});

Deno.test("texts beyond the bound are told again, those below it are not", () => {
  const told = new ToldTexts({ mostTexts: 1000 });
  for (let i = 0; i < 3000; i++) assert.equal(told.tell(`${i}`, 0), 0);
  assert.deepEqual([told.tell("999", 1), told.tell("1000", 1), told.tell("1000", 2)], [0, 1, 2]);
  assert.ok(told.heldBytes <= 24 * 2048);
});

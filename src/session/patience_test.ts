import assert from "node:assert/strict";
import { atMost } from "./patience.ts";

/** Longer than any test may run: a timer left behind would show as a leak. */
const LONG_MS = 600_000;

Deno.test("atMost() ends with the promise, and leaves no timer", async () => {
  await atMost(Promise.resolve(), LONG_MS);
});

Deno.test("atMost() ends without a promise that never settles", async () => {
  await atMost(new Promise(() => {}), 1);
});

Deno.test("atMost() rejects as the promise does, and leaves no timer", async () => {
  await assert.rejects(atMost(Promise.reject(new Error("gone")), LONG_MS), /gone/);
});

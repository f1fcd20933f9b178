import assert from "node:assert/strict";
import { mannersOf, styled } from "./style.ts";

function env(variables: Record<string, string>) {
  return (name: string) => variables[name];
}

Deno.test("mannersOf() has colour and animation on a terminal only", () => {
  assert.deepEqual(mannersOf(true, env({ TERM: "xterm" })), { color: true, animate: true });
  assert.deepEqual(mannersOf(false, env({ TERM: "xterm" })), { color: false, animate: false });
});

Deno.test("mannersOf() honours NO_COLOR unless it is empty, and a dumb terminal", () => {
  assert.deepEqual(mannersOf(true, env({ NO_COLOR: "1" })), { color: false, animate: true });
  assert.deepEqual(mannersOf(true, env({ NO_COLOR: "" })), { color: true, animate: true });
  assert.deepEqual(mannersOf(true, env({ TERM: "dumb" })), { color: false, animate: false });
});

Deno.test("styled() leaves text alone without colour, and puts styles back", () => {
  assert.equal(styled("a", "error", false), "a");
  assert.equal(styled("a", "good", true), "\x1b[32ma\x1b[0m");
  assert.equal(styled("", "good", true), "");
});

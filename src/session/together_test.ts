import assert from "node:assert/strict";
import { together } from "./together.ts";

/** Something that tells when it is given back. */
function thing(name: string, closed: string[]): AsyncDisposable & { readonly name: string } {
  return { name, [Symbol.asyncDispose]: async () => void await closed.push(name) };
}

Deno.test("together() answers all that started, in their order", async () => {
  const closed: string[] = [];
  const [a, none, b] = await together([
    Promise.resolve(thing("a", closed)),
    Promise.resolve(null),
    Promise.resolve(thing("b", closed)),
  ]);
  assert.deepEqual([a.name, none, b.name, closed], ["a", null, "b", []]);
});

Deno.test("together() gives back what started when one fails, however late it started", async () => {
  const closed: string[] = [];
  const late = Promise.withResolvers<AsyncDisposable>();
  const all = together([
    Promise.resolve(thing("early", closed)),
    Promise.reject(new Error("no luck")),
    late.promise,
  ]);
  late.resolve(thing("late", closed));
  await assert.rejects(all, /no luck/);
  assert.deepEqual(closed, ["early", "late"]);
});

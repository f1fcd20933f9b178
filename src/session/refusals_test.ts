import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { type Refusal, Refusals } from "./refusals.ts";

const BUSY = { code: "busy", message: "too many" } as const;
const REFUSED = { code: "refused", message: "unknown" } as const;

function told(everyMs = 60_000) {
  const lines: string[] = [];
  const arrived = Promise.withResolvers<void>();
  const onRefusal = ({ address, code, count }: Refusal) => {
    lines.push(`${address} ${code} ${count}`);
    if (lines.length > 1) arrived.resolve();
  };
  return { lines, more: arrived.promise, refusals: new Refusals({ everyMs, onRefusal }) };
}

Deno.test("the first of an address is told at once, all others in one line with their number", () => {
  const { lines, refusals } = told();
  for (let n = 0; n < 1000; n++) refusals.add(BUSY, `192.0.2.1:${n}`);
  refusals.add(REFUSED, "192.0.2.1:7");
  refusals.add(BUSY, "[::ffff:192.0.2.1]:8");
  refusals.add(BUSY, "192.0.2.2:1");
  const first = ["192.0.2.1:0 busy 1", "192.0.2.1:7 refused 1", "192.0.2.2:1 busy 1"];
  assert.deepEqual(lines, first);
  refusals[Symbol.dispose]();
  assert.deepEqual(lines, [...first, "[::ffff:192.0.2.1]:8 busy 1000"]);
});

Deno.test("what follows is told once its time is over", async () => {
  const { lines, more, refusals } = told(5);
  refusals.add(BUSY, "192.0.2.1:1");
  refusals.add(BUSY, "192.0.2.1:2");
  refusals.add(BUSY, "192.0.2.1:3");
  await more;
  assert.deepEqual(lines, ["192.0.2.1:1 busy 1", "192.0.2.1:3 busy 2"]);
  refusals[Symbol.dispose]();
});

Deno.test("a flood from many addresses is so many lines, and one for all others", () => {
  const { lines, refusals } = told();
  for (let n = 0; n < 5000; n++) refusals.add(BUSY, `10.0.${n >> 8}.${n & 255}:1`);
  assert.equal(lines.length, LIMITS.refusalLines);
  refusals[Symbol.dispose]();
  assert.deepEqual(lines.slice(LIMITS.refusalLines), [`* busy ${5000 - LIMITS.refusalLines}`]);
});

Deno.test("a server that stopped tells nothing more, of no address", () => {
  const { lines, refusals } = told();
  refusals.add(BUSY, "192.0.2.1:1");
  refusals.add(BUSY, "192.0.2.1:2");
  refusals[Symbol.dispose]();
  const all = ["192.0.2.1:1 busy 1", "192.0.2.1:2 busy 1"];
  assert.deepEqual(lines, all);
  for (let n = 0; n < 100; n++) refusals.add(BUSY, `192.0.2.1:${n}`);
  refusals.add(REFUSED, "192.0.2.9:1");
  assert.deepEqual(lines, all);
});

Deno.test("each known key behind one address has a line of its own, strangers share one", () => {
  const lines: string[] = [];
  const onRefusal = ({ identity, message, count }: Refusal) => {
    lines.push(`${identity} ${message} ${count}`);
  };
  const refusals = new Refusals({ everyMs: 60_000, onRefusal });
  const expired = { code: "refused", message: "expired" } as const;
  refusals.add({ ...REFUSED, identity: "a" }, "192.0.2.1:1");
  refusals.add({ ...expired, identity: "b" }, "192.0.2.1:2");
  refusals.add(REFUSED, "192.0.2.1:3");
  refusals.add(REFUSED, "192.0.2.1:4");
  assert.deepEqual(lines, ["a unknown 1", "b expired 1", "null unknown 1"]);
  refusals[Symbol.dispose]();
  assert.deepEqual(lines.slice(3), ["null unknown 1"]);
});

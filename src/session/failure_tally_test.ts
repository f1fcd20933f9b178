import assert from "node:assert/strict";
import { FailureTally } from "./failure_tally.ts";
import type { SessionEvent } from "./options.ts";

Deno.test("nothing failed is no error; all failed is the first cause; some failed is partial", () => {
  const events: SessionEvent[] = [];
  const tally = new FailureTally((event) => void events.push(event));
  assert.equal(tally.error({ files: 0 }), null);
  tally.add({ path: "a", code: "permission", message: "first", remote: false });
  tally.note({ code: "io", message: "second", remote: false });
  const all = tally.error({ files: 0 });
  assert.deepEqual([all?.code, all?.message], ["permission", "first"]);
  const some = tally.error({ files: 1 });
  assert.equal(some?.code, "partial");
  assert.match(some.message, /2 entries failed.*first/);
  assert.equal(tally.count, 2);
  assert.equal(events.length, 1, "one is told elsewhere");
});

Deno.test("a peer's words are made safe where they are told and where they are quoted", () => {
  const tally = new FailureTally(() => {});
  const safe = tally.note({ code: "io", message: "\u001b[2J", remote: true });
  assert.ok(!safe.includes("\u001b"));
  assert.ok(!tally.error({ files: 0 })?.message.includes("\u001b"));
});

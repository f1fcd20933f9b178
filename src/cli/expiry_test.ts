import assert from "node:assert/strict";
import { parseExpiry } from "./expiry.ts";

Deno.test("parseExpiry() names both forms for what is neither", () => {
  const both = /(ms, s, m, h or d), or the last day as YYYY-MM-DD$/;
  for (const text of ["yesterday", "90", "31.12.2031", "2031/12/31", ""]) {
    assert.throws(() => parseExpiry(text), { code: "usage", message: both }, text);
  }
  assert.throws(() => parseExpiry("90"), { message: /"--expires 90": it has no unit/ });
});

Deno.test("parseExpiry() reads so long from now, and the end of a day", () => {
  assert.deepEqual(parseExpiry("90d"), { kind: "after", ms: 90 * 86_400_000 });
  assert.equal(parseExpiry("2031-12-31").kind, "at");
});

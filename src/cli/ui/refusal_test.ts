import assert from "node:assert/strict";
import { refusalAdvice } from "./refusal.ts";

Deno.test("refusalAdvice() sends nobody for a ticket because of a link", () => {
  for (
    const message of [
      'Cannot read "a/b": it leads through a link',
      'Cannot send "l/a": "l" is a link',
    ]
  ) assert.equal(refusalAdvice(message), "Name it by the place that the link leads to.");
  assert.match(refusalAdvice('Cannot read "a": it leads out of the root') ?? "", /is served\.$/);
  assert.equal(
    refusalAdvice(
      'Cannot place link "a": its target is absolute; the receiving side makes it with --links keep',
    ),
    null,
  );
});

Deno.test("refusalAdvice() leaves to the table what a ticket or a key would allow", () => {
  for (
    const message of [
      "Cannot accept ticket: it has expired",
      "Cannot delete: the grant is not to read, write and replace",
      'Cannot place "it leads through a link": the grant is write-once',
      "Cannot receive: this ticket only allows reading",
    ]
  ) assert.equal(refusalAdvice(message), undefined, message);
});

import assert from "node:assert/strict";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { TicketClaim } from "./ticket_claim.ts";

const PURPOSE = new Uint8Array(32);

interface End {
  readonly code: ErrorCode | null;
  readonly committed?: boolean;
  readonly moved?: boolean;
  readonly wireBytes?: number;
}

/** What a transfer that ended so makes of its use. */
function settled({ code, committed = false, moved = false, wireBytes = 0 }: End): string[] {
  const done: string[] = [];
  const claim = new TicketClaim(() => ({
    spend: () => void done.push("spend"),
    pause: () => void done.push("pause"),
    release: () => void done.push("release"),
  }));
  claim.take(PURPOSE);
  if (moved) claim.moved();
  const error = code === null ? null : new SftpxError(code, "test");
  claim.settle({ root: committed ? "root" : null, error, wireBytes });
  return done;
}

const ENDS: readonly [string, End, "spend" | "pause" | "release"][] = [
  ["that committed", { code: null, committed: true, moved: true }, "spend"],
  ["that committed in part", { code: "partial", committed: true, moved: true }, "spend"],
  ["that moved something and was lost", { code: "lost", moved: true }, "pause"],
  ["that moved something and was ended by its peer", { code: "failed", moved: true }, "pause"],
  ["that moved something and was refused", { code: "refused", moved: true }, "pause"],
  ["that was lost with parts that are kept", { code: "lost", wireBytes: 1 }, "pause"],
  ["that was interrupted with parts that are kept", { code: "interrupted", wireBytes: 1 }, "pause"],
  ["that failed before anything was in place", { code: "no_space", wireBytes: 1 }, "release"],
  ["that was lost before anything moved", { code: "lost" }, "release"],
  ["that was refused", { code: "refused" }, "release"],
];

for (const [what, end, wanted] of ENDS) {
  Deno.test(`a transfer ${what} makes its ticket's use ${wanted}`, () => {
    assert.deepEqual(settled(end), [wanted]);
  });
}

Deno.test("a transfer without a counted use settles nothing, nor does one that never took one", () => {
  const uncounted = new TicketClaim(() => null);
  uncounted.take(PURPOSE);
  uncounted.settle({ root: "root", error: null, wireBytes: 1 });
  const refused = new TicketClaim(() => {
    throw new SftpxError("refused", "test");
  });
  assert.throws(() => refused.take(PURPOSE), { code: "refused" });
  refused.settle({ root: null, error: new SftpxError("refused", "test"), wireBytes: 0 });
});

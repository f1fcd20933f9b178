import assert from "node:assert/strict";
import { formatFingerprint, generateIdentity } from "../../trust/identity.ts";
import { changedLines, questionLines } from "./identity.ts";
import { textWidth } from "./width.ts";

const HOST = { hostname: "::1", port: 4443 };

Deno.test("questionLines() fits a narrow terminal and shows the whole identity", async () => {
  const { publicKey } = await generateIdentity();
  const lines = questionLines({ host: HOST, claimed: publicKey }, { color: false });
  assert.match(lines[0] ?? "", /\[::1\]:4443 is not known/);
  const shown = lines.join(" ").replace(/\s+/g, " ");
  assert.ok(shown.includes(formatFingerprint(publicKey)), shown);
  for (const line of lines) assert.ok(textWidth(line) <= 80, line);
});

Deno.test("changedLines() tells a false claim of the known identity from another one", async () => {
  const [known, claimed] = [await generateIdentity(), await generateIdentity()];
  const change = { host: HOST, known: known.publicKey, file: "hosts", line: 7, commands: ["do"] };
  const text = (claim: Uint8Array | null) =>
    changedLines({ ...change, claimed: claim }, { color: false }).join("\n");
  assert.match(text(claimed.publicKey), /hosts line 7 says/);
  assert.match(text(claimed.publicKey), /now says that it is/);
  assert.match(text(known.publicKey), /claims the same, and cannot prove it/);
  assert.match(text(null), /proves another one/);
  assert.match(text(null), /\n {2}do$/);
});

import assert from "node:assert/strict";
import { familiarHint } from "./familiar_flags.ts";
import { FLAGS } from "./flags.ts";

Deno.test("familiarHint() says what letters together ask for, each once", () => {
  const whole = "directories go whole with modes and times, without a flag";
  for (const written of ["-a", "-r", "-rpt", "-ravn", "--recursive", "--times"]) {
    assert.equal(familiarHint(written, "send"), whole, written);
  }
  assert.equal(
    familiarHint("-azP", "get"),
    "directories go whole with modes and times and what shrinks is compressed and progress is shown " +
      "and a port stands in the URL, without a flag",
  );
});

Deno.test("familiarHint() is silent of other words, and where nothing travels", () => {
  for (const written of ["-x", "-ax", "-archive.tar", "-v", "-qv", "-", "--", "--a", "", "-a5"]) {
    assert.equal(familiarHint(written, "send"), null, written);
  }
  for (const command of ["ls", "serve", "keys", null] as const) {
    assert.equal(familiarHint("-a", command), null);
  }
});

Deno.test("familiarHint() says of no flag of a transfer that it is not needed", () => {
  for (const { name, commands } of FLAGS) {
    const isTransfers = (commands as readonly string[]).some((at) => at === "send" || at === "get");
    if (isTransfers) assert.equal(familiarHint(`--${name}`, "send"), null, name);
  }
});

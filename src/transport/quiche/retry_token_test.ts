import assert from "node:assert/strict";
import { encodeUtf8, fromHex } from "../../base/bytes.ts";
import { RetryTokens } from "./retry_token.ts";

const ORIGIN = { host: "192.0.2.1", port: 4000 };
const ORIGINAL = fromHex("8394c8f03e515708");
const OWN = fromHex("00112233445566778899aabbccddeeff");
const CLAIM = { origin: ORIGIN, ownId: OWN, nowMs: 1000 };

Deno.test("a token brings back the id its bearer began with, as long as it lives", () => {
  const tokens = new RetryTokens({ lifeMs: 500 });
  const token = tokens.issue(ORIGINAL, CLAIM);
  const at = (nowMs: number) => tokens.check(token, { ...CLAIM, nowMs });
  assert.deepEqual(at(1000), { kind: "good", originalId: ORIGINAL });
  assert.deepEqual(at(1500), { kind: "good", originalId: ORIGINAL });
  assert.deepEqual(at(1501), { kind: "bad" });
});

Deno.test("a token keeps moments of a process that has run for long", () => {
  const tokens = new RetryTokens({ lifeMs: 500 });
  const nowMs = 2 ** 40 + 12345.678;
  const token = tokens.issue(ORIGINAL, { ...CLAIM, nowMs });
  const kindAt = (nowMs: number) => tokens.check(token, { ...CLAIM, nowMs }).kind;
  assert.deepEqual([kindAt(nowMs + 499), kindAt(nowMs + 502)], ["good", "bad"]);
});

Deno.test("a token is no other address's, port's, connection id's or process's", () => {
  const tokens = new RetryTokens({ lifeMs: 500 });
  const token = tokens.issue(ORIGINAL, CLAIM);
  const others = {
    address: { ...CLAIM, origin: { ...ORIGIN, host: "192.0.2.2" } },
    port: { ...CLAIM, origin: { ...ORIGIN, port: 4001 } },
    id: { ...CLAIM, ownId: fromHex("ff112233445566778899aabbccddeeff") },
    shorter: { ...CLAIM, ownId: OWN.subarray(1) },
  };
  for (const [what, claim] of Object.entries(others)) {
    assert.equal(tokens.check(token, claim).kind, "bad", what);
  }
  assert.equal(new RetryTokens({ lifeMs: 500 }).check(token, CLAIM).kind, "bad");
});

Deno.test("a token with any bit changed, cut or drawn out is not taken", () => {
  const tokens = new RetryTokens({ lifeMs: 500 });
  const token = tokens.issue(ORIGINAL, CLAIM);
  for (let bit = 0; bit < 8 * token.length; bit++) {
    const changed = token.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.notEqual(tokens.check(changed, CLAIM).kind, "good", `bit ${bit}`);
  }
  for (let length = 0; length < token.length; length++) {
    assert.notEqual(tokens.check(token.subarray(0, length), CLAIM).kind, "good", `${length}`);
  }
  const longer = new Uint8Array([...token, 0]);
  assert.equal(tokens.check(longer, CLAIM).kind, "bad");
});

Deno.test("what another server gave out is as good as none", () => {
  const tokens = new RetryTokens({ lifeMs: 500 });
  for (
    const foreign of ["", "sftpx-retry/2\0 and something", "anything at all that is long enough"]
  ) {
    assert.equal(tokens.check(encodeUtf8(foreign), CLAIM).kind, "foreign");
  }
});

Deno.test("a token is read where it lies in its packet", () => {
  const tokens = new RetryTokens({ lifeMs: 500 });
  const token = tokens.issue(ORIGINAL, CLAIM);
  const packet = new Uint8Array(token.length + 20);
  packet.set(token, 7);
  const inside = packet.subarray(7, 7 + token.length);
  assert.deepEqual(tokens.check(inside, CLAIM), { kind: "good", originalId: ORIGINAL });
});

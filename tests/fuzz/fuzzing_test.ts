import assert from "node:assert/strict";
import { SftpxError } from "../../src/base/errors.ts";
import { findingLines, fuzz } from "./fuzzing.ts";
import { mutatedBytes, mutatedText, randomOf, shownBytes, smallerBytes } from "./mutation.ts";
import { outcomeOf } from "./outcome.ts";
import { Tally, valueTarget } from "./target.ts";

const SEEDS = [new Uint8Array(40).fill(1), new Uint8Array(9).fill(2)];

/** Has a fault that only a zero byte behind a one shows. */
const faulty = valueTarget({
  name: "faulty",
  make: (random) => mutatedBytes(random, SEEDS),
  show: shownBytes,
  smaller: smallerBytes,
  check: (bytes) => {
    if (bytes.some((byte, at) => byte === 1 && bytes[at + 1] === 0)) throw new TypeError("found");
    return "taken";
  },
});

Deno.test("a fault is found, made small, and found again by its seed", async () => {
  const found = await fuzz(faulty, { seed: 1, forMs: 60_000, most: 10_000 });
  assert.ok(found.failure !== null);
  assert.match(found.failure.said, /2 bytes 0100\nTypeError: found/);
  const again = await fuzz(faulty, { seed: found.failure.seed, forMs: 60_000, most: 1 });
  assert.equal(again.failure?.seed, found.failure.seed);
  const lines = findingLines(found);
  assert.ok(
    lines.includes(`FAILED: deno task fuzz --only faulty --seed ${found.failure.seed} --cases 1`),
  );
});

Deno.test("what is slow each time is a finding", async () => {
  let checks = 0;
  const slow = valueTarget({
    name: "slow",
    make: () => 0,
    show: String,
    check: () => {
      const end = performance.now() + 1_050;
      while (performance.now() < end);
      return `check ${++checks}`;
    },
  });
  const { failure } = await fuzz(slow, { seed: 1, forMs: 60_000, most: 1 });
  assert.match(failure?.said ?? "", /it took \d+ ms/);
  assert.equal(checks, 3);
});

Deno.test("a seed is a case, and neighbouring seeds are other ones", () => {
  const cases = Array.from({ length: 200 }, (_, seed) => mutatedText(randomOf(seed), ["abcdefgh"]));
  assert.deepEqual(cases[7], mutatedText(randomOf(7), ["abcdefgh"]));
  assert.ok(new Set(cases).size > 100);
});

Deno.test("only an SftpxError that shows no controls is a refusal", () => {
  const refuse = (thrown: unknown) => () =>
    outcomeOf(() => {
      throw thrown;
    });
  assert.equal(refuse(new SftpxError("protocol", "no"))().refused?.code, "protocol");
  assert.throws(refuse(new TypeError("x")), TypeError);
  assert.throws(refuse(new RangeError("x")), RangeError);
  assert.throws(refuse(new SftpxError("internal", "x")), SftpxError);
  assert.throws(refuse(new SftpxError("protocol", "a\u001bb")), /shows controls/);
});

Deno.test("a tally counts what became of the cases", () => {
  const tally = new Tally();
  tally.add("taken");
  tally.add("refused", 2);
  assert.equal(String(tally), "refused 2, taken 1");
});

import assert from "node:assert/strict";
import { plainArguments, refuseUnknown } from "./arguments.ts";

Deno.test("sizes may have units, and arrive as bytes", () => {
  assert.deepEqual(plainArguments(["--bytes", "64MiB", "--quick", "--file-bytes=4KiB"]), [
    "--bytes",
    "67108864",
    "--quick",
    "--file-bytes=4096",
  ]);
  assert.deepEqual(plainArguments(["--bytes", "5", "--repeat", "3", "--seconds", "0.5"]), [
    ...["--bytes", "5", "--repeat", "3", "--seconds", "0.5"],
  ]);
});

Deno.test("several numbers are each looked at, and nothing is a number where it means something", () => {
  const args = [
    ...["--files", "2000,20000", "--lanes", "1,4", "--rtt", "0.2,50", "--mbit", "100,0"],
    ...["--network-threads", "0"],
  ];
  assert.deepEqual(plainArguments(args), args);
  for (const wrong of [["--lanes", "1,x"], ["--lanes", "0"], ["--files", "1,"], ["--rate", "x"]]) {
    assert.throws(() => plainArguments(wrong), { name: "RangeError" }, String(wrong));
  }
});

Deno.test("an amount that is none is refused with its flag", () => {
  for (
    const args of [
      ["--bytes", "64MB/s"],
      ["--bytes", "0"],
      ["--bytes=1.5"],
      ["--bytes=NaN"],
      ["--repeat", "two"],
      ["--repeat", "-1"],
      ["--seconds", "0"],
      ["--minutes", ""],
    ]
  ) {
    assert.throws(() => plainArguments(args), {
      name: "RangeError",
      message: new RegExp(`Cannot use "${args[0]!.split("=")[0]} `),
    }, String(args));
  }
});

Deno.test("what is for somebody else is left alone", () => {
  const args = ["--only", "x", "--paths", "50ms", "--", "--bytes", "much"];
  assert.deepEqual(plainArguments(args), args);
});

Deno.test("what no benchmark reads is refused", () => {
  assert.throws(() => refuseUnknown("--rates", "rates"), /Cannot use "--rates"/);
  assert.throws(() => refuseUnknown("pipes"), /Cannot take "pipes"/);
});

import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { parseRaw, wantsJson } from "./raw_arguments.ts";

function usage(text: RegExp) {
  return (error: unknown) =>
    error instanceof SftpxError && error.code === "usage" && text.test(error.message);
}

Deno.test("parseRaw() takes a value after a space and after an equals sign", () => {
  for (const args of [["send", "--timeout", "3s"], ["send", "--timeout=3s"]]) {
    const raw = parseRaw(args);
    assert.deepEqual(raw.flags.get("timeout"), ["3s"]);
    assert.deepEqual(raw.positionals, ["send"]);
  }
});

Deno.test("parseRaw() keeps an equals sign in a value", () => {
  assert.deepEqual(parseRaw(["--identity=a=b"]).flags.get("identity"), ["a=b"]);
});

Deno.test("parseRaw() takes flags before, between and after positional arguments", () => {
  const raw = parseRaw(["--json", "send", "a", "-q", "b", "--atomic"]);
  assert.deepEqual(raw.positionals, ["send", "a", "b"]);
  assert.deepEqual([...raw.flags.keys()].sort(), ["atomic", "json", "quiet"]);
});

Deno.test("parseRaw() reads short flags alone and in a cluster", () => {
  assert.deepEqual([...parseRaw(["-qv"]).flags.keys()].sort(), ["quiet", "verbose"]);
  assert.ok(parseRaw(["-h"]).flags.has("help"));
  assert.ok(parseRaw(["-V"]).flags.has("version"));
});

Deno.test("parseRaw() passes everything after -- as it is", () => {
  const raw = parseRaw(["send", "--json", "--", "--quiet", "-x", "--", "true"]);
  assert.deepEqual(raw.positionals, ["send", "--quiet", "-x", "--", "true"]);
  assert.ok(!raw.flags.has("quiet"));
});

Deno.test("parseRaw() leaves files named true, false, 007 and 1e3 alone", () => {
  const raw = parseRaw([
    "send",
    "--json",
    "true",
    "--no-ticket",
    "false",
    "007",
    "1e3",
    "-q",
    "true",
  ]);
  assert.deepEqual(raw.positionals, ["send", "true", "false", "007", "1e3", "true"]);
  assert.deepEqual(parseRaw(["--identity", "true"]).flags.get("identity"), ["true"]);
  assert.deepEqual(parseRaw(["--workers", "007"]).flags.get("workers"), ["007"]);
});

Deno.test("parseRaw() keeps a lone dash and an empty argument as positional", () => {
  assert.deepEqual(parseRaw(["send", "-", ""]).positionals, ["send", "-", ""]);
});

Deno.test("parseRaw() refuses an unknown flag and names the nearest", () => {
  assert.throws(() => parseRaw(["--josn"]), usage(/"--josn".*did you mean "--json"/));
  assert.throws(() => parseRaw(["--chunksize=1MiB"]), usage(/"--chunksize".*"--chunk-size"/));
  assert.throws(() => parseRaw(["--frobnicate"]), usage(/goes after "--"/));
  assert.throws(() => parseRaw(["-x"]), usage(/"-x"/));
  assert.throws(() => parseRaw(["--no-json"]), usage(/"--no-json"/));
});

Deno.test("parseRaw() suggests no flag that the command does not have", () => {
  assert.throws(() => parseRaw(["send", "--frob"]), usage(/"--frob": .*goes after "--"$/));
  assert.throws(() => parseRaw(["keys", "--frob"]), usage(/did you mean "--from"/));
  assert.throws(() => parseRaw(["--frob"]), usage(/did you mean "--from"/));
  assert.throws(() => parseRaw(["send", "--josn"]), usage(/did you mean "--json"/));
});

Deno.test("parseRaw() says to users of scp and rsync what is so without a flag", () => {
  for (const written of ["-a", "-av", "-p", "--archive"]) {
    const text = new RegExp(
      `"${written}": .*name, directories go whole with modes and times, with`,
    );
    assert.throws(() => parseRaw(["send", written, "d", "@"]), usage(text));
  }
  const both = /"-avz": .*times and what shrinks is compressed, without a flag$/;
  assert.throws(() => parseRaw(["get", "-avz", "@", "d"]), usage(both));
  assert.throws(() => parseRaw(["send", "--progress"]), usage(/progress is shown, without/));
  assert.throws(() => parseRaw(["send", "-P"]), usage(/is shown and a port stands in the URL/));
});

Deno.test("parseRaw() refuses names that reach into objects", () => {
  for (
    const arg of [
      "--__proto__=1",
      "--constructor",
      "--json.x",
      "--toString",
      "--_=1",
      "--_",
      "-_",
      "-q_",
      "--a.b=1",
    ]
  ) {
    assert.throws(() => parseRaw([arg, "x"]), usage(/no flag has that name/), arg);
  }
});

Deno.test("parseRaw() refuses a flag without its value", () => {
  for (const args of [["--timeout"], ["--timeout="], ["--timeout", "--json"], ["--timeout", ""]]) {
    assert.throws(
      () => parseRaw(args),
      usage(/"--timeout": its value D is missing/),
      args.join(" "),
    );
  }
});

Deno.test("parseRaw() refuses a value after a boolean flag", () => {
  assert.throws(() => parseRaw(["--json=true"]), usage(/"--json" takes no value/));
  assert.throws(() => parseRaw(["-q=1"]), usage(/Cannot read/));
  assert.throws(() => parseRaw(["-q5"]), usage(/Cannot read "-q5"/));
});

Deno.test("parseRaw() refuses a flag given twice unless it is a list", () => {
  assert.throws(() => parseRaw(["--timeout", "1s", "--timeout=2s"]), usage(/more than once/));
  assert.deepEqual(parseRaw(["--advertise", "a", "--advertise=b"]).flags.get("advertise"), [
    "a",
    "b",
  ]);
  assert.ok(parseRaw(["--json", "--json"]).flags.has("json"));
});

Deno.test("parseRaw() shows neither a ticket nor a control character of an unknown flag", () => {
  assert.throws(() => parseRaw([`--sftpx1${"a".repeat(40)}`]), (error: Error) => {
    assert.doesNotMatch(error.message, /aaaa/);
    return true;
  });
  assert.throws(() => parseRaw(["--\x1b[31m"]), usage(/\\u\{1b\}/));
});

Deno.test("wantsJson() sees --json in a command line that is wrong otherwise", () => {
  assert.ok(wantsJson(["send", "--bogus", "--json"]));
  assert.ok(wantsJson(["--json=yes"]));
  assert.ok(!wantsJson(["send", "--", "--json"]));
  assert.ok(!wantsJson(["send", "--jsonx"]));
});

Deno.test("parseRaw() keeps the order among the flags of what travels", () => {
  const raw = parseRaw([
    "send",
    "--exclude=*.o",
    "--include",
    "a",
    "--json",
    "--exclude-from",
    "-",
    "--exclude",
    "b=c",
    "--include-from=f",
    "--include=-x",
  ]);
  assert.deepEqual(raw.filters, [
    { flag: "exclude", text: "*.o" },
    { flag: "include", text: "a" },
    { flag: "exclude-from", text: "-" },
    { flag: "exclude", text: "b=c" },
    { flag: "include-from", text: "f" },
    { flag: "include", text: "-x" },
  ]);
  assert.deepEqual(raw.flags.get("include"), ["a", "-x"]);
  assert.deepEqual(raw.positionals, ["send"]);
});

Deno.test("parseRaw() keeps the order of more flags than one digit counts", () => {
  const args = Array.from(
    { length: 120 },
    (_, index) => `--${index % 2 === 0 ? "include" : "exclude"}=${index}`,
  );
  const { filters } = parseRaw(args);
  assert.deepEqual(filters.map(({ text }) => text), args.map((_, index) => String(index)));
});

Deno.test("parseRaw() reads -nv as two flags", () => {
  assert.deepEqual([...parseRaw(["-nv"]).flags.keys()].sort(), ["dry-run", "verbose"]);
});

import assert from "node:assert/strict";
import { assertQuick } from "../../tests/quickest.ts";
import { jsonKeyLines, tomlKeyLines } from "./config_lines.ts";

const never = (key: string) => assert.fail(`${key} told as a duplicate`);

Deno.test("tomlKeyLines() finds keys, headers and dotted keys", () => {
  const lines = tomlKeyLines(
    ["# timeout = 1", "", "timeout = '1s' # lanes = 2", "[host.a]", "url = 'x'", "[ host . 'b' ]"]
      .concat(["  url='y'", "host.c.url = 1", "[[list]]", '"quoted key" = 1']).join("\n"),
  );
  for (
    const [path, line] of [
      ["timeout", 3],
      ["host.a", 4],
      ["host.a.url", 5],
      ["host.b", 6],
      ["host.b.url", 7],
      ["list.quoted key", 10],
    ] as const
  ) assert.equal(lines.of(path.split(".")), line, path);
});

Deno.test("tomlKeyLines() is misled by no string, array or comment", () => {
  const lines = tomlKeyLines([
    'a = """', // 1
    "b = 1", // 2
    '[host.x]\\"""', // 3
    'c = 2""""', // 4
    "d = [ # e = 1 ]", // 5
    "  \"e = 3\", 'f = 4',", // 6
    "]", // 7
    "f = '''", // 8
    "g = \\'''", // 9
    'g = "# \\" [" # "', // 10
    "h = { i = 1, j = [1, 2] }", // 11
    "k = 1", // 12
  ].join("\n"));
  const found = ["a", "d", "f", "g", "h", "k"].map((key) => lines.of([key]));
  assert.deepEqual(found, [1, 5, 8, 10, 11, 12]);
  // What stands in a value has the line of the key around it, or none.
  assert.equal(lines.of(["h", "i"]), 11);
  for (const key of ["b", "c", "e", "host"]) assert.equal(lines.of([key]), 1, key);
});

Deno.test("tomlKeyLines() counts lines that end in CR LF", () => {
  const lines = tomlKeyLines("a = 1\r\n\r\nb = 2\r\n[host.x]\r\nurl = 3\r\n");
  assert.deepEqual([lines.of(["b"]), lines.of(["host", "x", "url"])], [3, 5]);
});

Deno.test("jsonKeyLines() finds keys at every depth and is misled by no value", () => {
  const lines = jsonKeyLines(
    [
      '{ "a": "b",',
      '  "b": ["c", {"d": 1}, "e"],',
      '  "host": {',
      '    "x": {"url":',
      '      "u"},',
    ].concat([
      '    "\\u0079": {"url": "{\\"z\\": 1}"}',
      "  }, ",
      '"last":null}',
    ]).join("\n"),
    never,
  );
  for (
    const [path, line] of [
      ["a", 1],
      ["b", 2],
      ["host", 3],
      ["host.x", 4],
      ["host.x.url", 4],
      ["host.y.url", 6],
      ["last", 8],
    ] as const
  ) assert.equal(lines.of(path.split(".")), line, path);
});

Deno.test("jsonKeyLines() tells of a key that stands twice in one object only", () => {
  const twice: [string, number][] = [];
  jsonKeyLines('{"a": 1,\n"b": {"a": 1},\n"a": 2}', (key, line) => twice.push([key, line]));
  assert.deepEqual(twice, [["a", 3]]);
});

Deno.test("keys far too deep take no time, and have the line of the one around them", () => {
  const deep = "a.".repeat(100_000);
  const json = `{"x": 1,\n${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`.replace(
    "\n{",
    '\n"a":{',
  );
  // With a list of the keys around it for each key, it takes minutes.
  assertQuick(() => {
    const lines = tomlKeyLines(`x = 1\n${deep}b = 1\n[${deep}b]\n`);
    assert.equal(lines.of(["a", "a"]), 2);
    assert.equal(jsonKeyLines(json, never).of(["a", "a"]), 2);
  }, { withinMs: 5_000 });
});

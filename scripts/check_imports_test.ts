import assert from "node:assert/strict";
import { checkSources, importsOf } from "./check_imports.ts";

function problems(sources: Record<string, string>): string[] {
  return checkSources(new Map(Object.entries(sources))).map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

Deno.test("importsOf() finds every form of import, and none in a comment", () => {
  const text = [
    'import { a } from "./a.ts";',
    "import {",
    "  b,",
    '} from "./b.ts";',
    'import type { C } from "./c.ts";',
    'export { d } from "./d.ts";',
    'export * from "./e.ts";',
    'export type { F } from "./f.ts";',
    'import "./g.ts";',
    'const h = await import("./h.ts");',
    '// import { x } from "./x.ts";',
    ' * import { y } from "./y.ts";',
    'export const text = "from";',
    'type Z = import("./z.ts").Z;',
  ].join("\n");
  const found = importsOf(text);
  assert.deepEqual(
    found.map(({ specifier }) => specifier).sort(),
    ["a", "b", "c", "d", "e", "f", "g", "h", "z"].map((name) => `./${name}.ts`),
  );
  assert.deepEqual(
    found.filter(({ typeOnly }) => typeOnly).map(({ specifier }) => specifier),
    ["./c.ts", "./f.ts"],
  );
});

Deno.test("checkSources() allows the directions of the design", () => {
  assert.deepEqual(
    problems({
      "mod.ts": 'import { main } from "./src/cli/main.ts";',
      "src/cli/a.ts": 'import { b } from "../session/b.ts";',
      "src/session/b.ts": 'import { c } from "../engine/c.ts";\nimport "./d.ts";',
      "src/engine/c.ts":
        'import { w } from "../wire/w.ts";\nimport type { S } from "../store/s.ts";',
      "workers/chunk.ts": 'import { h } from "../src/codec/h.ts";',
      "tests/e2e/a_test.ts": 'import { x } from "../../src/wire/w.ts";',
      "src/transport/t_test.ts": 'import { x } from "../trust/identity.ts";',
    }),
    [],
  );
});

Deno.test("checkSources() refuses every wrong direction", () => {
  const wrong: [string, string][] = [
    ["src/base/a.ts", "../wire/b.ts"],
    ["src/wire/a.ts", "../engine/b.ts"],
    ["src/engine/a.ts", "../session/b.ts"],
    ["src/engine/a.ts", "../store/b.ts"],
    ["src/store/a.ts", "../session/b.ts"],
    ["src/codec/a.ts", "../store/b.ts"],
    ["src/trust/a.ts", "../transport/b.ts"],
    ["src/session/a.ts", "../cli/b.ts"],
    ["src/session/a.ts", "../../workers/b.ts"],
    ["src/cli/a.ts", "../../mod.ts"],
    ["src/cli/a.ts", "../../scripts/b.ts"],
    ["src/cli/a.ts", "../engine/b.ts"],
    ["src/cli/a.ts", "../../elsewhere/b.ts"],
    ["src/nowhere/a.ts", "../base/b.ts"],
    ["workers/a.ts", "../src/session/b.ts"],
  ];
  for (const [path, specifier] of wrong) {
    for (const text of [`import { x } from "${specifier}";`, `await import("${specifier}");`]) {
      assert.equal(problems({ [path]: text }).length, 1, `${path} ${text}`);
    }
  }
});

Deno.test("checkSources() lets a room take types where only types are allowed", () => {
  const path = "src/engine/a.ts";
  assert.deepEqual(problems({ [path]: 'import type { X } from "../pool/messages.ts";' }), []);
  assert.equal(problems({ [path]: 'import { type X } from "../pool/messages.ts";' }).length, 1);
});

Deno.test("checkSources() lets one file import a dependency, and tests too", () => {
  const text = 'import { encode } from "cborg";';
  assert.deepEqual(problems({ "src/wire/a.ts": text, "src/wire/a_test.ts": text }), []);
  assert.deepEqual(problems({ "src/wire/a.ts": text, "src/wire/b.ts": text }), [
    'src/wire/b.ts: imports "cborg", which is src/wire/a.ts\'s to import',
  ]);
  const node = 'import { join } from "node:path";';
  assert.deepEqual(problems({ "src/wire/a.ts": node, "src/wire/b.ts": node }), []);
});

Deno.test("checkSources() refuses a dependency that deno.json does not name", () => {
  for (const specifier of ["npm:x@1", "jsr:@std/x", "https://x/y.ts"]) {
    assert.match(
      problems({ "src/wire/a.ts": `import { x } from "${specifier}";` })[0] ?? "",
      /named in deno\.json/,
    );
  }
});

Deno.test("checkSources() refuses names that say nothing", () => {
  for (
    const name of ["utils", "string_util", "common", "test_helpers", "lane_manager", "helper.d"]
  ) {
    assert.equal(problems({ [`src/base/${name}.ts`]: "" }).length, 1, name);
  }
  assert.deepEqual(problems({ "src/base/commonly.ts": "", "src/cli/commands.ts": "" }), []);
});

Deno.test("checkSources() refuses default exports", () => {
  assert.match(
    problems({ "src/base/a.ts": "export default 1;" })[0] ?? "",
    /line 1: default export/,
  );
});

Deno.test("checkSources() keeps the runtime's own API to the files that wrap it", () => {
  const text = "Deno.cwd();";
  assert.equal(problems({ "src/store/a.ts": text }).length, 1);
  assert.deepEqual(
    problems({
      "src/runtime/a.ts": text,
      "src/transport/deno_quic.ts": text,
      "src/store/a_test.ts": text,
      "src/store/b.ts": '// Deno.cwd()\nconst text = "Deno.cwd";',
    }),
    [],
  );
});

Deno.test("checkSources() lets only cli/ print and exit", () => {
  for (const text of ["console.log(1);", "process.exit(1);"]) {
    assert.equal(problems({ "src/session/a.ts": text }).length, 1);
    assert.deepEqual(problems({ "src/cli/a.ts": text, "scripts/a.ts": text }), []);
  }
});

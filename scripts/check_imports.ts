// The import rule as a program: rooms import in one direction, every dependency is imported in exactly
// one file, and a few shapes the house does not have are refused. Reads sources as text; exits 1 with
// one line a problem.

import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path/posix";
import process from "node:process";

/** Which rooms a room may import from, besides itself. Tests beside a source are free. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ["base"],
  engine: ["base", "wire"],
  codec: ["base", "runtime"],
  runtime: ["base"],
  trust: ["base", "runtime"],
  transport: ["base", "runtime"],
  pool: ["base", "wire", "codec", "runtime"],
  store: ["base", "wire", "codec", "runtime"],
  session: [
    "base",
    "wire",
    "engine",
    "codec",
    "runtime",
    "trust",
    "transport",
    "pool",
    "store",
  ],
  cli: ["base", "codec", "runtime", "trust", "transport", "pool", "session"],
  workers: ["base", "wire", "codec", "runtime", "transport", "pool", "store"],
};

/** Which rooms a room may take types from besides: the seams that their own room declares. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  engine: ["pool", "store"],
};

/** Rooms that look at all others, and that no room looks at. */
const OUTSIDE: readonly string[] = ["mod", "scripts", "tests"];

/** Where a runtime's own global may be named: everything else runs on `node:` modules. */
const RUNTIME_FILES = /^(src\/runtime\/|src\/transport\/deno_\w+\.ts$|scripts\/|tests\/|mod\.ts$)/;
/** Who may print or end the process. */
const VOICES = /^(src\/cli\/|scripts\/|tests\/|mod\.ts$)/;
const TEST_FILE = /(_test|\/_conformance)\.ts$/;
const VAGUE_NAME = /(^|_)(utils?|common|helpers?|managers?)(_|\.|$)/;

/** `import ... from "x"` and `export ... from "x"`; statements begin a line. */
const FROM = /^[ \t]*(?:import|export)\b(?!\s*\()[^;"'`]*?\bfrom\s*["']([^"'\n]+)["']/gm;
/** `import "x"`, for what it does. */
const BARE = /^[ \t]*import\s*["']([^"'\n]+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"'\n]+)["']/g;
const COMMENT_LINE = /^\s*(\/\/|\/?\*)/;
const QUOTED = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\\n]|\\.)*`/g;

/** One broken rule. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Checks sources by path relative to the repository's root. */
export function checkSources(sources: ReadonlyMap<string, string>): readonly Problem[] {
  const problems: Problem[] = [];
  const importers = new Map<string, string[]>();
  for (const [path, text] of sources) {
    for (const { specifier, typeOnly } of importsOf(text)) {
      const problem = importProblem(path, specifier, typeOnly);
      if (problem !== null) problems.push({ path, message: problem });
      if (isDependency(specifier) && !isOutside(path)) {
        importers.set(specifier, [...importers.get(specifier) ?? [], path]);
      }
    }
    for (const message of shapeProblems(path, text)) problems.push({ path, message });
  }
  for (const [specifier, paths] of importers) {
    const [first, ...others] = [...new Set(paths)].sort();
    for (const path of others) {
      problems.push({ path, message: `imports "${specifier}", which is ${first}'s to import` });
    }
  }
  return problems;
}

/** Every import of a source. */
export function importsOf(text: string): readonly { specifier: string; typeOnly: boolean }[] {
  const code = text.split("\n").map((line) => COMMENT_LINE.test(line) ? "" : line).join("\n");
  const found = [FROM, BARE, DYNAMIC].flatMap((form) => [...code.matchAll(form)]);
  return found.map((match) => ({
    specifier: match[1] ?? "",
    typeOnly: /^\s*(import|export)\s+type\b/.test(match[0]),
  }));
}

function importProblem(path: string, specifier: string, typeOnly: boolean): string | null {
  if (!specifier.startsWith(".")) {
    if (specifier.startsWith("node:") || isDependency(specifier)) return null;
    return `imports "${specifier}": dependencies are named in deno.json`;
  }
  const from = roomOf(path);
  const target = normalize(join(dirname(path), specifier));
  const to = roomOf(target);
  if (to === null) return `imports "${specifier}", which is outside every room`;
  if (from === to || isOutside(path)) return null;
  if (from === null) return "stands outside every room";
  if (OUTSIDE.includes(to)) return `imports "${specifier}": no room looks at ${to}`;
  if (ROOMS[from]?.includes(to) || (typeOnly && TYPES[from]?.includes(to))) return null;
  return `imports "${specifier}": ${from} does not look at ${to}`;
}

function shapeProblems(path: string, text: string): readonly string[] {
  const problems: string[] = [];
  const name = path.split("/").at(-1) ?? "";
  if (VAGUE_NAME.test(name)) problems.push("has a name that says nothing");
  const guarded = !TEST_FILE.test(path);
  text.split("\n").forEach((line, index) => {
    if (COMMENT_LINE.test(line)) return;
    const code = line.replace(QUOTED, '""').replace(/\/\/.*$/, "");
    const at = `line ${index + 1}`;
    if (/^\s*export\s+default\b/.test(code)) problems.push(`${at}: default export`);
    if (guarded && /\bDeno\.\w/.test(code) && !RUNTIME_FILES.test(path)) {
      problems.push(`${at}: a runtime's own API outside runtime/`);
    }
    if (guarded && /\bconsole\.\w|\bprocess\.exit\b/.test(code) && !VOICES.test(path)) {
      problems.push(`${at}: only cli/ prints or exits`);
    }
  });
  return problems;
}

/** The room a path is in: `src/NAME/...` is NAME, `mod.ts` is mod, else the top directory. */
function roomOf(path: string): string | null {
  const [top = "", second = ""] = path.split("/");
  if (path === "mod.ts") return "mod";
  const room = top === "src" ? second : top;
  return room in ROOMS || OUTSIDE.includes(room) ? room : null;
}

function isOutside(path: string): boolean {
  return TEST_FILE.test(path) || OUTSIDE.includes(roomOf(path) ?? "");
}

function isDependency(specifier: string): boolean {
  return !/^(\.|node:|npm:|jsr:|https?:|file:|data:)/.test(specifier);
}

/** Reads every source of the tree. */
async function readSources(root: string): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for (const top of ["src", "workers", "scripts", "tests"]) {
    const names = await readdir(join(root, top), { recursive: true }).catch(() => []);
    for (const name of names.filter((item) => item.endsWith(".ts")).sort()) {
      const path = join(top, name.replaceAll("\\", "/"));
      sources.set(path, await readFile(join(root, path), "utf8"));
    }
  }
  const door = await readFile(join(root, "mod.ts"), "utf8").catch(() => null);
  if (door !== null) sources.set("mod.ts", door);
  return sources;
}

async function run(): Promise<number> {
  const problems = checkSources(await readSources("."));
  for (const { path, message } of problems) console.error(`${path}: ${message}`);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) run().then((code) => process.exit(code));

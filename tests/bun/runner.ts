// Runs unit tests under Bun: what they test asks which runtime it is on, and there is no `Deno` here,
// only a way to declare tests put in the place of `Deno.test` while a file is loaded.
// A test that asks for more of Deno, or for its QUIC, is for Deno alone, as are files that start their
// runtime again; a source that asks for Deno unguarded fails its test.
// Started by scripts/test_bun.ts: bun tests/bun/runner.ts [--verbose] FILE...

import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

type TestBody = (context: TestContext) => unknown;

/** A test or a step of one. */
interface TestCase {
  readonly name: string;
  readonly ignore?: boolean;
  readonly fn: TestBody;
}

/** What a test is given: steps, awaited where they stand. */
interface TestContext {
  step(first: string | TestCase, body?: TestBody): Promise<boolean>;
}

interface Counts {
  passed: number;
  failed: number;
  ignored: number;
  denoOnly: number;
}

/** What a test ended with: nothing, what it fails with, or that it is not for Bun. */
interface Verdict {
  readonly failures: readonly string[];
  readonly isDenoOnly: boolean;
}

/** What of Bun is used; nothing imports it. */
interface BunGlobal {
  plugin(plugin: { readonly name: string; setup(build: BunBuild): void }): void;
}

interface BunBuild {
  onLoad(
    constraints: { readonly filter: RegExp },
    load: (args: { readonly path: string }) => Promise<{ contents: string; loader: "ts" }>,
  ): void;
}

/** A file that starts its own runtime does so with Deno's arguments. */
const STARTS_ITSELF = /\bexecPath\b/;
/** Where a test's own text is, in a stack. */
const TEST_PLACE = /_test\.ts|_conformance\.ts|_fixture\.ts|\/tests\/|\/testing\//;
/** The one name that a test file finds instead; `Deno` itself stays absent. */
const DECLARE = "sftpxDeclareTest";

async function main(args: readonly string[]): Promise<number> {
  const isVerbose = args.includes("--verbose");
  const counts: Counts = { passed: 0, failed: 0, ignored: 0, denoOnly: 0 };
  replaceDeclarations();
  for (const given of args.filter((arg) => !arg.startsWith("--"))) {
    const file = relative(process.cwd(), resolve(given));
    const tests = await declaredBy(file);
    if (tests === null && isVerbose) console.log(`for Deno alone: ${file}`);
    for (const test of tests ?? []) await runTest(test, { file, counts, isVerbose });
  }
  const { passed, failed, ignored, denoOnly } = counts;
  console.log(
    `units | ${passed} passed | ${failed} failed | ${ignored} ignored, ${denoOnly} for Deno`,
  );
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** Has every file that declares tests do so by our name. */
function replaceDeclarations(): void {
  const { Bun } = globalThis as unknown as { readonly Bun: BunGlobal };
  Bun.plugin({
    name: "tests",
    setup: (build) =>
      build.onLoad({ filter: /_(test|conformance)\.ts$/ }, async ({ path }) => {
        const contents = await readFile(path, "utf8");
        return { contents: contents.replaceAll("Deno.test(", `${DECLARE}(`), loader: "ts" };
      }),
  });
}

/** Loads a file and answers the tests that it declares; null where it is for Deno alone. */
async function declaredBy(file: string): Promise<readonly TestCase[] | null> {
  if (STARTS_ITSELF.test(await readFile(file, "utf8"))) return null;
  const declared: TestCase[] = [];
  const scope = globalThis as Record<string, unknown>;
  scope[DECLARE] = (first: string | TestCase, second?: TestBody | object, third?: TestBody) => {
    declared.push(caseOf(first, second, third));
  };
  try {
    await import(pathToFileURL(resolve(file)).href);
  } catch (thrown) {
    if (asksForDeno(thrown)) return null;
    throw thrown;
  }
  return declared;
}

/** Whether a test itself, not what it tests, wants what only Deno has. */
function asksForDeno(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  if (thrown.message.includes("this runtime is not Deno")) return true;
  const place = thrown.stack?.split("\n").find((line) => /^\s+at /.test(line)) ?? "";
  return thrown instanceof ReferenceError && /\bDeno\b/.test(thrown.message) &&
    TEST_PLACE.test(place);
}

/** The ways there are to declare one: a name, options or both, and a body at the end or in them. */
function caseOf(
  first: string | TestCase,
  second?: TestBody | object,
  third?: TestBody,
): TestCase {
  const named = typeof first === "string" ? { name: first } : first;
  const body = third ?? (typeof second === "function" ? second as TestBody : undefined);
  const options = typeof second === "object" ? second : {};
  const fn = body ?? (typeof first === "string" ? undefined : first.fn);
  if (fn === undefined) throw new TypeError(`Cannot run "${named.name}": it has no body`);
  return { ...options, ...named, fn };
}

async function runTest(
  test: TestCase,
  options: { readonly file: string; readonly counts: Counts; readonly isVerbose: boolean },
): Promise<void> {
  const { file, counts, isVerbose } = options;
  if (test.ignore === true) {
    counts.ignored++;
    return;
  }
  const { failures, isDenoOnly } = await attempt(test, test.name);
  for (const failure of failures) console.log(`FAILED ${file}: ${failure}`);
  if (failures.length > 0) counts.failed++;
  else if (!isDenoOnly) counts.passed++;
  else {
    counts.denoOnly++;
    if (isVerbose) console.log(`for Deno alone: ${file}: ${test.name}`);
  }
}

/** Runs a test or step; a step that fails fails its test, and what comes after it runs all the same. */
async function attempt(test: TestCase, path: string): Promise<Verdict> {
  const failures: string[] = [];
  let isDenoOnly = false;
  const context: TestContext = {
    step: async (first, body) => {
      const step = caseOf(first, body);
      if (step.ignore === true) return true;
      const found = await attempt(step, `${path} ... ${step.name}`);
      failures.push(...found.failures);
      isDenoOnly ||= found.isDenoOnly;
      return found.failures.length === 0;
    },
  };
  try {
    await test.fn(context);
  } catch (thrown) {
    if (asksForDeno(thrown)) isDenoOnly = true;
    else failures.push(`${path}\n${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  }
  return { failures, isDenoOnly };
}

main(process.argv.slice(2)).then((code) => process.exit(code));

// `deno task test:bun`: the tool under Bun, from the same sources and packages. First the unit tests of
// what asks the runtime or the system, in Bun itself; then the e2e suite, with `bun mod.ts` as the tool.
// Bun is SFTPX_BUN or the `bun` of PATH. Ends with one line of counts; arguments name e2e files instead.

import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bunWith } from "../tests/e2e/command.ts";
import { bunProgram } from "../tests/e2e/stacks.ts";
import { runTask } from "../tests/task_arguments.ts";
import { TEST_FLAGS } from "./test_flags.ts";

const REPOSITORY = fileURLToPath(new URL("../", import.meta.url));
/** Rooms and files whose units the runtime can change; the others compute, and compute the same. */
const UNITS = [
  "src/base",
  "src/codec",
  "src/runtime",
  "src/transport",
  "src/trust",
  "src/pool/compare_test.ts",
  "src/pool/holes_test.ts",
  "src/pool/land_test.ts",
  "src/pool/part_files_test.ts",
  "src/pool/reread_test.ts",
  "src/store/disk_test.ts",
  "src/store/links_test.ts",
  "src/store/modes_test.ts",
  "src/store/names_test.ts",
  "src/store/walk_test.ts",
  "tests/conformance/transport_test.ts",
];
/** Starts every runtime itself, whatever SFTPX_CMD names. */
const NOT_E2E = ["tests/e2e/interop_test.ts", "tests/e2e/binary_test.ts"];

/** A test that waits for ever is a failed one, not a hung gate. */
const MOST_MS = 15 * 60_000;

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Run extends Counts {
  readonly code: number;
}

async function main(args: readonly string[]): Promise<number> {
  const bun = bunProgram();
  if (bun === null) {
    console.error("Cannot run Bun: no bun in PATH, nor named by SFTPX_BUN (npm has it as `bun`)");
    return 1;
  }
  const runs = args.length === 0 ? [await units(bun), await suite(bun, ["tests/e2e"])] : [
    await suite(bun, args),
  ];
  const passed = runs.reduce((sum, run) => sum + run.passed, 0);
  const failed = runs.reduce((sum, run) => sum + run.failed, 0);
  // A run that ended without its counts is a failure too.
  const broken = runs.filter((run) => run.code !== 0 && run.failed === 0).length;
  console.log(`under Bun | ${passed} passed | ${failed + broken} failed`);
  return failed + broken === 0 && passed > 0 ? 0 : 1;
}

async function units(bun: string): Promise<Run> {
  const files = (await Promise.all(UNITS.map(testsIn))).flat();
  return await counted([bun, "tests/bun/runner.ts", ...files], {});
}

/** The test files of a place, or the file itself. */
async function testsIn(place: string): Promise<string[]> {
  if (place.endsWith(".ts")) return [place];
  const names = await readdir(join(REPOSITORY, place), { recursive: true });
  return names.filter((name) => name.endsWith("_test.ts")).map((name) => join(place, name)).sort();
}

async function suite(bun: string, places: readonly string[]): Promise<Run> {
  const without = `--ignore=${NOT_E2E.join(",")}`;
  const command = bunWith(bun).map((word) => `"${word}"`).join(" ");
  // The gate checks types, once; here they would be checked for each run.
  const words = [process.execPath, "test", ...TEST_FLAGS, "--no-check", without, ...places];
  // Its tests look for quiche too, each file in an isolate of its own.
  return await counted(words, { SFTPX_CMD: command, SFTPX_ADDON_COPY: "1" });
}

/** Runs something that ends with a line of counts, and shows what it says. */
function counted(
  [program = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: REPOSITORY,
      env: { ...process.env, ...env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: MOST_MS,
    });
    let output = "";
    child.stdout.on("data", (bytes: Uint8Array) => {
      process.stdout.write(bytes);
      output += new TextDecoder().decode(bytes);
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, ...countsOf(output) }));
  });
}

/** The last counts in a text, `12 passed (3 steps) | 0 failed`; zeros where there are none. */
export function countsOf(output: string): Counts {
  const [, passed = "0", failed = "0"] =
    [...output.matchAll(/\| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/g)].at(-1) ?? [];
  return { passed: Number(passed), failed: Number(failed) };
}

if (import.meta.main) {
  runTask(import.meta.url, main).then((code) => process.exitCode = code);
}

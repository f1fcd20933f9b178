// `deno task compile`: the tool as one file made by `deno compile`, dist/sftpx, with its workers, its
// packages and the permissions of the set `sftpx`. What was made is run before it is kept.
//
//   deno run -A scripts/compile.ts [--target linux-x64|...|all]... [--out DIRECTORY]

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { addonsInside, describedInside, packagesProblem } from "./binary_addons.ts";
import { binaryName, ownPlatform, readArguments, type Wanted } from "./binary_platform.ts";
import { describedBinary, provenVersion } from "./binary_proof.ts";
import { V8_FLAGS } from "./v8_flags.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What is loaded by a URL or from beside a script, which `deno compile` does not see. */
const INCLUDED = [
  "workers/chunk.ts",
  "workers/store.ts",
  "workers/transport.ts",
  "node_modules/blake3/dist/wasm/nodejs/blake3_js_bg.wasm",
];
/** As `unstable` of deno.json, which a binary does not read. */
const UNSTABLE = ["--unstable-net", "--unstable-worker-options"];

/** Makes every binary wanted; answers the exit code. */
export function compile(args: readonly string[]): number {
  const read = readArguments(args);
  if (typeof read === "string") return failed(read, 2);
  const directory = resolve(read.directory ?? join(ROOT, "dist"));
  const uninstalled = packagesProblem(ROOT);
  if (uninstalled !== null) return failed(`Cannot compile: ${uninstalled}`);
  for (const one of read.wanted) {
    const problem = compileOne(one, directory);
    if (problem !== null) return failed(problem);
  }
  return 0;
}

/** Answers what went wrong, with nothing left behind. */
function compileOne({ platform, isNamed }: Wanted, directory: string): string | null {
  const attempt = `Cannot compile for ${platform.name}`;
  if (platform.name !== ownPlatform()?.name && process.env["DENORT_BIN"]) {
    return `${attempt}: DENORT_BIN names a runtime base of this machine's platform`;
  }
  mkdirSync(directory, { recursive: true });
  const work = mkdtempSync(join(directory, ".compile-"));
  try {
    const name = binaryName("sftpx", platform, isNamed);
    const made = join(work, name);
    const target = isNamed ? platform.denoTarget : null;
    const result = spawnSync(process.execPath, [...compileArguments({ outfile: made, target })], {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
    if (result.status !== 0 || !existsSync(made)) {
      return `${attempt}: ${reasonIn(result.error?.message ?? result.stderr)}`;
    }
    const problem = provenVersion(made, platform);
    if (problem !== null) {
      const hint = process.env["DENORT_BIN"] ? "; is DENORT_BIN a denort, not a deno?" : "";
      return `${attempt}: ${problem}${hint}`;
    }
    renameSync(made, join(directory, name));
    console.log(describedBinary(join(directory, name), platform));
    const inside = addonsInside({ root: ROOT, platform, own: ownPlatform() });
    for (const line of describedInside(inside, "deno")) console.log(line);
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Arguments of `deno`; paths are relative to the checkout. */
export function compileArguments(
  { outfile, target }: { readonly outfile: string; readonly target: string | null },
): readonly string[] {
  return [
    "compile",
    "--permission-set=sftpx",
    "--no-prompt",
    "--no-check", // The gate's business.
    ...UNSTABLE,
    V8_FLAGS,
    "--frozen",
    "--cached-only",
    ...INCLUDED.flatMap((path) => ["--include", path]),
    ...target === null ? [] : ["--target", target],
    "--output",
    outfile,
    "mod.ts",
  ];
}

/** One line from what `deno compile` said on its standard error. */
export function reasonIn(said: string): string {
  const base = /denort-[\w.-]+?\.zip/.exec(said)?.[0];
  if (/Setting up base binary/.test(said) || (base !== undefined && /error/.test(said))) {
    return `Deno's runtime base (${
      base ?? "denort"
    }) could not be downloaded. Go online, or name a ` +
      "denort of the same version by DENORT_BIN, or use `deno task compile:bun`";
  }
  const lines = said.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return lines.find((line) => line.startsWith("error:"))?.slice("error:".length).trim() ??
    lines.at(-1) ?? "deno compile made no file";
}

function failed(problem: string, code = 1): number {
  console.error(problem);
  return code;
}

if (import.meta.main) process.exitCode = compile(process.argv.slice(2));

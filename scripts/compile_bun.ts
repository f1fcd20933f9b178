// `deno task compile:bun`: the tool as one file that needs nothing else, dist/sftpx-bun, made by
// `bun build --compile`. Bun is SFTPX_BUN or the `bun` of PATH. What it made is run before it is kept.
//
//   deno run -A scripts/compile_bun.ts [--target linux-x64|...|all]... [--out DIRECTORY]

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from "node:fs";
import { renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  addonFile,
  ADDONS,
  addonsInside,
  describedInside,
  type Inside,
  installedPackage,
  loaderText,
  packagesProblem,
} from "./binary_addons.ts";
import { binaryName, ownPlatform, readArguments, type Wanted } from "./binary_platform.ts";
import { describedBinary, provenVersion } from "./binary_proof.ts";
import type { BundleJob } from "./bundle_bun.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ENTRYPOINTS = ["mod.ts", "workers/chunk.ts", "workers/store.ts", "workers/transport.ts"];
const BUNDLER = fileURLToPath(new URL("./bundle_bun.ts", import.meta.url));

/** Makes every binary wanted; answers the exit code. */
export function compileBun(args: readonly string[]): number {
  const read = readArguments(args);
  if (typeof read === "string") return failed(read, 2);
  const directory = resolve(read.directory ?? join(ROOT, "dist"));
  const bun = bunPath();
  if (bun === null) {
    return failed("Cannot compile: no bun in PATH, nor named by SFTPX_BUN (npm has it as `bun`)");
  }
  const uninstalled = packagesProblem(ROOT);
  if (uninstalled !== null) return failed(`Cannot compile: ${uninstalled}`);
  for (const one of read.wanted) {
    const problem = compileOne(one, { directory, bun });
    if (problem !== null) return failed(problem);
  }
  return 0;
}

/** Answers what went wrong, with nothing left behind. */
function compileOne(
  { platform, isNamed }: Wanted,
  { directory, bun }: { readonly directory: string; readonly bun: string },
): string | null {
  mkdirSync(directory, { recursive: true });
  const work = mkdtempSync(join(directory, ".compile-"));
  try {
    const name = binaryName("sftpx-bun", platform, isNamed);
    const made = join(work, name);
    const isOwn = platform.name === ownPlatform()?.name;
    const { job, inside } = bundleJob({ platform, outfile: made, bun: isOwn ? bun : null });
    const result = spawnSync(bun, [BUNDLER], {
      cwd: work, // A bunfig.toml or .env of the user's is none of this build's.
      input: JSON.stringify(job),
      encoding: "utf8",
      maxBuffer: 64 << 20,
    });
    if (result.status !== 0 || !existsSync(made)) {
      const said = result.error?.message ?? (result.stderr.trim() || result.stdout.trim());
      return `Cannot compile for ${platform.name}: ${said || "bun made no file"}`;
    }
    chmodSync(made, 0o755);
    const problem = provenVersion(made, platform);
    if (problem !== null) return `Cannot compile for ${platform.name}: ${problem}`;
    renameSync(made, join(directory, name));
    console.log(describedBinary(join(directory, name), platform));
    for (const line of describedInside(inside, "bun")) console.log(line);
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What Bun is told to do, and what will be inside. */
export function bundleJob(
  { platform, outfile, bun }: Pick<Wanted, "platform"> & {
    readonly outfile: string;
    /** The runtime to put it into; null to have it fetched. */
    readonly bun: string | null;
  },
): { readonly job: BundleJob; readonly inside: Inside } {
  const replaced: Record<string, string> = {};
  const place = { root: ROOT, platform, own: ownPlatform() };
  for (const addon of ADDONS) {
    const file = addonFile(addon, place);
    const loader = packageFile(addon.name, addon.loader);
    if (loader !== null) replaced[loader] = loaderText(addon, { platform, file });
  }
  const wasm = packageFile("blake3", "dist/wasm/nodejs/blake3_js.js");
  if (wasm !== null) replaced[wasm] = withWasmInside(wasm);
  return {
    job: {
      entrypoints: ENTRYPOINTS.map((path) => join(ROOT, path)),
      outfile,
      target: platform.bunTarget,
      executablePath: bun,
      mapped: mappedSpecifiers(),
      replaced,
    },
    inside: addonsInside(place),
  };
}

/**
 * The names that only `deno.json` knows. A package's own name Bun finds by itself, but for `blake3`,
 * whose module for bundlers names a file that does not exist.
 */
export function mappedSpecifiers(): Readonly<Record<string, string>> {
  const { imports } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  const mapped: Record<string, string> = {};
  for (const [specifier, target] of Object.entries(imports as Record<string, string>)) {
    if (target.startsWith("./")) mapped[specifier] = join(ROOT, target);
    const [, name = "", path] = /^npm:((?:@[^/]+\/)?[^@/]+)@[^/]+\/(.+)$/.exec(target) ?? [];
    if (path === undefined || specifier === `${name}/${path}`) continue;
    const file = packageFile(name, path);
    if (file !== null) mapped[specifier] = file;
  }
  const blake3 = packageFile("blake3", "dist/index.js");
  return blake3 === null ? mapped : { ...mapped, blake3 };
}

/** `blake3` reads its WASM from beside its script, which in a binary nothing is. */
function withWasmInside(script: string): string {
  const bytes = readFileSync(join(script, "..", "blake3_js_bg.wasm"));
  const text = readFileSync(script, "utf8");
  const inside = text.replace(
    /const path = .*__dirname.*;\nconst bytes = .*readFileSync\(path\);/,
    () => `const bytes = Buffer.from("${bytes.toString("base64")}", "base64");`,
  );
  if (inside === text) throw new TypeError("blake3 no longer reads its WASM as it did");
  return inside;
}

function packageFile(name: string, path: string): string | null {
  const installed = installedPackage(ROOT, name);
  if (installed === null) return null;
  const file = join(installed, path);
  return existsSync(file) ? realpathSync(file) : null;
}

/** The program itself: what a package manager leaves in PATH may be a script around it. */
function bunPath(): string | null {
  const given = process.env["SFTPX_BUN"] || "bun";
  const { status, stdout } = spawnSync(given, ["-p", "process.execPath"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

function failed(problem: string, code = 1): number {
  console.error(problem);
  return code;
}

if (import.meta.main) process.exitCode = compileBun(process.argv.slice(2));

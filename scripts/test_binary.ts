// `deno task test:binary`: the e2e suite with the one binary as the tool: SFTPX_BINARY, else the one of
// `deno task compile:bun`, made anew. Arguments name test files instead of all.

import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ownPlatform } from "./binary_platform.ts";
import { provenVersion } from "./binary_proof.ts";
import { compileBun } from "./compile_bun.ts";
import { TEST_FLAGS } from "./test_flags.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Starts every runtime itself, whatever SFTPX_CMD names. */
const IGNORED = "--ignore=tests/e2e/interop_test.ts";

async function main(args: readonly string[]): Promise<number> {
  const given = process.env["SFTPX_BINARY"];
  const platform = ownPlatform();
  if (!given && compileBun([]) !== 0) return 1;
  const binary = given ? resolve(given) : join(ROOT, "dist", "sftpx-bun");
  // What is left from another build would fail one test at a time.
  const problem = platform === null ? "no binary is made for it" : provenVersion(binary, platform);
  if (problem !== null) {
    console.error(`Cannot test "${binary}": ${problem}`);
    return 1;
  }
  const places = args.length === 0 ? ["tests/e2e"] : args;
  // The gate checks types, once.
  return await runTests(binary, [...TEST_FLAGS, "--no-check", IGNORED, ...places]);
}

function runTests(binary: string, args: readonly string[]): Promise<number> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, ["test", ...args], {
      cwd: ROOT,
      env: {
        ...process.env,
        SFTPX_CMD: `"${binary}"`,
        SFTPX_BINARY: binary,
        // The tests look for quiche too, each file in an isolate of its own.
        SFTPX_ADDON_COPY: "1",
      },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("close", (code) => settle(code ?? 1));
  });
}

if (import.meta.main) {
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}

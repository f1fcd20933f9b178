// Builds the zstd-napi addon in this checkout's node_modules, as its install script would. Best
// effort: the addon is an accelerator, so whatever happens is told and the exit code is 0.
//
//   deno run -A scripts/build_zstd.ts

import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The newest node-gyp that still builds it with the Node.js of stable Linux distributions. */
const NODE_GYP = "node-gyp@11";

if (import.meta.main) console.log(buildZstd());

/** Builds the addon unless it is there; answers what was done, in one line. */
export function buildZstd(): string {
  const installed = fileURLToPath(new URL("../node_modules/zstd-napi", import.meta.url));
  if (!existsSync(installed)) return "zstd-napi: not installed; node:zlib compresses";
  const directory = realpathSync(installed);
  if (existsSync(join(directory, "build", "Release", "binding.node"))) {
    return "zstd-napi: built before";
  }
  const prefix = nodePrefix();
  if (prefix === null) return "zstd-napi: not built, no Node.js headers; node:zlib compresses";
  const { status, error, stderr } = spawnSync("npx", ["--yes", NODE_GYP, "rebuild"], {
    cwd: directory,
    env: { ...Deno.env.toObject(), npm_config_nodedir: prefix },
    encoding: "utf8",
  });
  if (status === 0) return "zstd-napi: built";
  const reason = error?.message ?? stderr.trim().split("\n").at(-1) ?? "";
  return `zstd-napi: not built (${reason}); node:zlib compresses`;
}

// Where the headers of the `node` on PATH are: PREFIX/bin/node has PREFIX/include/node.
function nodePrefix(): string | null {
  const { status, stdout } = spawnSync("node", ["-p", "process.execPath"], { encoding: "utf8" });
  if (status !== 0) return null;
  const prefix = dirname(dirname(realpathSync(stdout.trim())));
  return existsSync(join(prefix, "include", "node", "node_api.h")) ? prefix : null;
}

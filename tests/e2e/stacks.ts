// The QUIC stacks that this program has and the runtimes it has them on, as commands: what the interop
// matrix is made of. One that is not on this machine says why.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { QUICHE_RUNS } from "../quiche_addon.ts";
import { bunWith, denoWith } from "./command.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

/** What a binary is made of, besides packages. */
const SOURCES = ["mod.ts", "deno.json", "src", "workers"];

/** Not raced against TLS over TCP. */
const QUIC = ["--transport", "quic"];

/** One stack on one runtime. */
export interface Stack {
  readonly name: string;
  /** Starts the tool there. */
  readonly command: readonly string[];
  /** Flags that choose the stack. */
  readonly flags: readonly string[];
  /** What it calls itself in a summary. */
  readonly transport: string;
}

/** Every stack that is here, and for each of the others why it is not. */
export function stacks(): { readonly here: readonly Stack[]; readonly missing: readonly string[] } {
  const bun = bunProgram();
  const binary = process.env["SFTPX_BINARY"] || join(REPOSITORY, "dist", "sftpx-bun");
  const here: Stack[] = [
    { name: "Deno QUIC", command: denoWith("-A"), flags: QUIC, transport: "deno-quic" },
  ];
  if (!QUICHE_RUNS) return { here, missing: ["quiche: no addon here"] };
  here.push({
    name: "quiche on Deno",
    command: denoWith("-A"),
    flags: [...QUIC, "--quic", "npm"],
    transport: "quiche",
  });
  const missing: string[] = [];
  if (bun === null) missing.push("quiche on Bun: no bun in PATH, nor named by SFTPX_BUN");
  else {
    here.push({ name: "quiche on Bun", command: bunWith(bun), flags: QUIC, transport: "quiche" });
  }
  const problem = binaryProblem(binary, { isNamed: Boolean(process.env["SFTPX_BINARY"]) });
  if (problem === null) {
    here.push({ name: "the binary", command: [binary], flags: QUIC, transport: "quiche" });
  } else missing.push(`the binary: ${problem}`);
  return { here, missing };
}

/** Bun as SFTPX_BUN names it, else the one of PATH; null for none. */
export function bunProgram(): string | null {
  const given = process.env["SFTPX_BUN"];
  if (given) return given;
  const places = (process.env["PATH"] ?? "").split(delimiter).filter((place) => place !== "");
  return places.map((place) => join(place, "bun")).find((path) => existsSync(path)) ?? null;
}

/** Why a binary is not taken: it does not run here, or what it holds are not the sources of today. */
function binaryProblem(
  binary: string,
  { isNamed }: { readonly isNamed: boolean },
): string | null {
  if (!existsSync(binary) || spawnSync(binary, ["--version"]).status !== 0) {
    return "no dist/sftpx-bun that runs, nor one named by SFTPX_BINARY";
  }
  const isOld = statSync(binary).mtimeMs < newestMs(SOURCES.map((path) => join(REPOSITORY, path)));
  return isOld && !isNamed
    ? "dist/sftpx-bun is older than the sources; deno task compile:bun"
    : null;
}

/** When the newest of these files, and of those in these directories, was last written. */
function newestMs(paths: readonly string[]): number {
  return Math.max(
    0,
    ...paths.map((path) => {
      const stat = statSync(path);
      if (stat.isDirectory()) return newestMs(readdirSync(path).map((name) => join(path, name)));
      return /(?<!_test)\.(ts|json)$/.test(path) ? stat.mtimeMs : 0;
    }),
  );
}

// What is run as the tool, and in which environment.

import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** What this process was started with must not leak into a test. */
const FOREIGN = /^(SFTPX_|DENO_(?!DIR|COVERAGE)|NODE_|NO_COLOR|FORCE_COLOR|SSL_CERT|XDG_)/;

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

/** What `deno run` says while another one has its packages in hand; the tool never does. */
export const OF_DENO = /^.*Blocking.* waiting for file lock on .*\r?\n/gm;

/** The command under test. */
export function toolCommand(): readonly string[] {
  const given = process.env["SFTPX_CMD"];
  if (given) return splitWords(given);
  const config = join(REPOSITORY, "deno.json");
  return [process.execPath, "run", "-A", "--config", config, join(REPOSITORY, "mod.ts")];
}

/** Whether the tool is run from its sources by Deno, whose own flags some tests set. */
export function isRunByDeno(): boolean {
  return !process.env["SFTPX_CMD"];
}

/** `deno run` of the sources with the permissions named, and no others. */
export function denoWith(...permissions: readonly string[]): readonly string[] {
  const config = join(REPOSITORY, "deno.json");
  return [process.execPath, "run", ...permissions, "--config", config, join(REPOSITORY, "mod.ts")];
}

/** The sources under Bun, as the launcher starts them. */
export function bunWith(bun: string): readonly string[] {
  return [bun, "--config=/dev/null", "--no-env-file", "--no-install", join(REPOSITORY, "mod.ts")];
}

/** This process's environment without what changes the tool's behaviour. */
export function ownEnvironment(): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !FOREIGN.test(name)) own[name] = value;
  }
  return own;
}

/** Words of a command line, with quotes as a shell has them; nothing is expanded. */
function splitWords(text: string): readonly string[] {
  return [...text.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2")
  );
}

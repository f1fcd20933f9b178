// The permission sets that README documents, read out of it: what is tested is what is written there.

import { execFile } from "node:child_process";
import * as fs from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Commands that have a set of their own. */
export const SET_COMMANDS = [
  "send",
  "get",
  "ls",
  "serve",
  "status",
  "clean",
  "ticket",
  "keys",
  "init",
] as const;

export type SetCommand = typeof SET_COMMANDS[number];

/** What README's words in capitals stand for in one run. */
export type Places = Readonly<Record<string, string>>;

/** One thing that is granted: `write` of `/srv/inbox`. */
export interface Granted {
  readonly permission: string;
  readonly what: string;
}

const README = new URL("../../README.md", import.meta.url);

/** The checkout, which README calls SFTPX. */
export const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Every set as README has it, with the places put in. */
export class PermissionSets {
  readonly #lines: ReadonlyMap<string, readonly string[]>;
  readonly #variables: string;

  private constructor(lines: ReadonlyMap<string, readonly string[]>, variables: string) {
    this.#lines = lines;
    this.#variables = variables;
  }

  static async read(): Promise<PermissionSets> {
    const text = await fs.readFile(README, "utf8");
    const section = /^## Permissions$(.*?)^## /ms.exec(text)?.[1] ?? "";
    const blocks = [...section.matchAll(/^```$(.*?)^```$/gms)].map(([, block]) => block!.trim());
    const [sets = "", variables = ""] = blocks;
    const lines = new Map(
      sets.split("\n").map((line) => {
        const [command = "", ...flags] = line.split(/\s+/);
        return [command, flags];
      }),
    );
    return new PermissionSets(lines, variables);
  }

  get commands(): readonly string[] {
    return [...this.#lines.keys()];
  }

  /** All that a command is granted. */
  of(command: SetCommand, places: Places): readonly Granted[] {
    const flags = this.#lines.get(command);
    if (flags === undefined) throw new Error(`README has no permission set for ${command}`);
    return flags.flatMap((flag) => {
      const [, permission = "", list = ""] = /^--allow-([a-z]+)=(.+)$/.exec(flag) ?? [];
      if (permission === "") throw new Error(`README: ${flag} is not a flag with a scope`);
      const words = list.replace("VARS", this.#variables).split(",");
      return words.map((word) => ({ permission, what: placed(word, places) }));
    });
  }
}

/** Where Deno keeps what it fetched: below HOME, unless it is told. */
export async function denoDirectory(): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["info", "--json"], { env: { ...process.env } });
  return (JSON.parse(stdout) as { denoDir: string }).denoDir;
}

/** Deno's flags for what is granted. */
export function flagsOf(granted: readonly Granted[]): readonly string[] {
  return [...Map.groupBy(granted, ({ permission }) => permission)].map(([permission, all]) =>
    `--allow-${permission}=${all.map(({ what }) => what).join(",")}`
  );
}

function placed(word: string, places: Places): string {
  return places[word] ?? word;
}

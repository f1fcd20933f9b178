import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMAND_NAMES } from "./commands.ts";
import { completions } from "./completions.ts";
import type { FlagSpec } from "./flag_spec.ts";
import { FLAGS } from "./flags.ts";

const TABLE: readonly FlagSpec[] = FLAGS;
const SHELLS = ["bash", "zsh", "fish"] as const;

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

/** Tells what bash offers for the last of the words of each case. */
const ASK = `
. "$1"
cd "$2"
shift 2
for asked in "$@"; do
  IFS='|' read -r -a COMP_WORDS <<< "$asked|"
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _sftpx
  (IFS='|'; printf '%s\\n' "\${COMPREPLY[*]}")
done
`;

/** Asks for lines with `|` between the words; a last `|` is a word not yet begun. */
async function offeredByBash(lines: readonly string[]): Promise<readonly (readonly string[])[]> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-completions-"));
  try {
    const script = join(directory, "completions");
    await writeFile(script, completions("bash"));
    await writeFile(join(directory, "a file"), "");
    await writeFile(join(directory, "*"), "");
    const { stdout, stderr } = spawnSync(
      "bash",
      ["--norc", "-c", ASK, "ask", script, directory, ...lines],
      { encoding: "utf8" },
    );
    assert.equal(stderr, "");
    return stdout.slice(0, -1).split("\n").map((line) => line.split("|").filter(Boolean));
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("completions() offers every command and every flag with an effect, in every shell", () => {
  for (const shell of SHELLS) {
    const script = completions(shell);
    for (const name of COMMAND_NAMES) assert.match(script, new RegExp(`\\b${name}\\b`), shell);
    for (const flag of TABLE.filter(({ commands }) => commands.length > 0)) {
      const form = new RegExp(shell === "fish" ? `-l ${flag.name} ` : `--${flag.name}\\b`);
      assert.equal(form.test(script), flag.later !== "all", `${shell} ${flag.name}`);
    }
  }
});

Deno.test({
  name: "completions() for bash offers what fits where the word stands",
  ignore: !isInstalled("bash"),
  async fn() {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["sftpx|se", ["serve", "send"]],
      ["sftpx|--v", ["--version"]],
      ["sftpx|send|--comp", ["--compress"]],
      ["sftpx|send|--compress|", ["auto", "none", "zstd"]],
      ["sftpx|send|--compress|=", ["auto", "none", "zstd"]],
      ["sftpx|send|--compress|=|z", ["zstd"]],
      ["sftpx|serve|--access|w", ["write", "write-once"]],
      ["sftpx|--json|keys|a", ["authorize"]],
      ["sftpx|keys|trust|", []],
      ["sftpx|--timeout|3s|ticket|r", ["revoke"]],
      ["sftpx|--timeout|=|3s|ticket|r", ["revoke"]],
      ["sftpx|ticket|list|", []],
      ["sftpx|completions|", ["bash", "zsh", "fish"]],
      ["sftpx|help|st", ["status"]],
      ["sftpx|send|a", ["a file"]],
      ["sftpx|send|--identity|a", ["a file"]],
      ["sftpx|send|--pin|a", []],
      ["sftpx|send|*", ["*"]],
      ["sftpx|ls|a", []],
      ["sftpx|send|--bwl", ["--bwlimit"]],
    ];
    const offered = await offeredByBash(cases.map(([line]) => line));
    assert.equal(offered.length, cases.length);
    cases.forEach(([line, wanted], index) => {
      assert.deepEqual([...offered[index] ?? []].sort(), [...wanted].sort(), line);
    });
  },
});

Deno.test({
  name: "completions() for bash offers the files of a directory whatever their names",
  ignore: !isInstalled("bash"),
  async fn() {
    const [offered = []] = await offeredByBash(["sftpx|send|"]);
    assert.deepEqual([...offered].sort(), ["*", "a file", "completions"]);
  },
});

Deno.test({
  name: "completions() for fish offers what fits where the word stands",
  ignore: !isInstalled("fish"),
  fn() {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["sftpx se", ["send", "serve"]],
      ["sftpx send --compress ", ["auto", "none", "zstd"]],
      ["sftpx serve --access w", ["write", "write-once"]],
      ["sftpx keys a", ["authorize"]],
      ["sftpx completions ", ["bash", "fish", "zsh"]],
      ["sftpx send --atom", ["--atomic"]],
    ];
    for (const [line, wanted] of cases) {
      const { stdout, stderr } = spawnSync(
        "fish",
        ["--no-config", "-c", "source; complete -C $argv[1]", line],
        { input: completions("fish"), encoding: "utf8" },
      );
      const words = stdout.trimEnd().split("\n").map((text) => text.split("\t")[0]);
      assert.deepEqual([stderr, words.sort()], ["", wanted], line);
    }
  },
});

for (const shell of SHELLS) {
  Deno.test({
    name: `completions() for ${shell} are read by ${shell} without a complaint`,
    ignore: !isInstalled(shell),
    fn() {
      const { status, stderr } = spawnSync(shell, ["-n"], {
        input: completions(shell),
        encoding: "utf8",
      });
      assert.deepEqual([status, stderr], [0, ""]);
    },
  });
}

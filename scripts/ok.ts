// The one gate: format, lint, the import rule, types, documentation, tests with coverage, and a
// publish that is only tried. One line a step; stops at the first that fails and shows what it said.
// `ok.ts STEP...` runs only the steps named.

import { spawn } from "node:child_process";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { TEST_FLAGS } from "./test_flags.ts";

/** One step of the gate. */
interface Step {
  readonly name: string;
  /** Arguments of `deno`, run one after the other. */
  readonly commands: readonly (readonly string[])[];
  /** What to say beside the step's name, from what it printed. */
  readonly note?: (output: string) => string;
}

const ROOMS = ["src", "workers", "scripts", "tests"];

function steps(coverage: string, present: readonly string[]): readonly Step[] {
  return [
    { name: "fmt", commands: [["fmt", "--check", ...present]] },
    { name: "lint", commands: [["lint", ...present]] },
    { name: "imports", commands: [["run", "-A", "scripts/check_imports.ts"]] },
    { name: "check", commands: [["check", ...present]] },
    { name: "doc", commands: [["doc", "--lint", "mod.ts"]] },
    {
      name: "test",
      commands: [
        ["test", ...TEST_FLAGS, "--quiet", `--coverage=${coverage}`, ...present],
        ["coverage", "--quiet", "--include=/(src|workers)/", "--exclude=_test\\.ts$", coverage],
      ],
      note: (output) => `${testsPassed(output)}, ${linesCovered(output)}`,
    },
    { name: "publish", commands: [["publish", "--dry-run", "--allow-dirty", "--quiet"]] },
  ];
}

async function gate(wanted: readonly string[]): Promise<number> {
  const coverage = await mkdtemp(join(tmpdir(), "sftpx-coverage-"));
  try {
    const all = steps(coverage, await existing([...ROOMS, "mod.ts"]));
    const unknown = wanted.filter((name) => !all.some((step) => step.name === name));
    if (unknown.length > 0) {
      console.error(`no step "${unknown[0]}"; steps are ${all.map((step) => step.name).join(" ")}`);
      return 2;
    }
    for (const step of all) {
      if (wanted.length > 0 && !wanted.includes(step.name)) continue;
      if (!await passes(step)) return 1;
    }
    return 0;
  } finally {
    await rm(coverage, { recursive: true, force: true });
  }
}

async function passes(step: Step): Promise<boolean> {
  const startMs = Date.now();
  let output = "";
  for (const args of step.commands) {
    const result = await deno(args);
    output += result.output;
    if (result.code === 0) continue;
    console.error(result.output);
    console.log(`${step.name.padEnd(8)} FAILED: deno ${args.join(" ")}`);
    return false;
  }
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  const note = step.note === undefined ? "" : `  ${step.note(output)}`;
  console.log(`${step.name.padEnd(8)} ok ${seconds} s${note}`);
  return true;
}

function deno(args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], {
      env: { ...process.env, NO_COLOR: "1", SFTPX_ADDON_COPY: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => chunks.push(text));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output: chunks.join("") }));
  });
}

function testsPassed(output: string): string {
  return /(\d+ passed[^|]*)\|/.exec(output)?.[1]?.trim() ?? "tests passed";
}

/** The table's last row: `| All files | branches | functions | lines |`, in percent. */
function linesCovered(output: string): string {
  const row = output.split("\n").find((line) => /All files/.test(line)) ?? "";
  const [branches, functions, lines] = row.match(/\d+(?:\.\d+)?/g) ?? [];
  if (branches === undefined) return "coverage unknown";
  const parts = [`${branches}% of branches`, functions && `${functions}% of functions`];
  if (lines !== undefined) parts.push(`${lines}% of lines`);
  return parts.filter(Boolean).join(", ");
}

async function existing(paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (await access(path).then(() => true, () => false)) found.push(path);
  }
  return found;
}

if (import.meta.main) gate(process.argv.slice(2)).then((code) => process.exit(code));

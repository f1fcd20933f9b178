import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const TASKS = ["fuzz", "guards", "kill", "soak"];

for (const task of TASKS) {
  Deno.test(`the task ${task} tells its flags, and refuses others in a line`, async () => {
    const help = await ended(task, "--help");
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`^\`deno task ${task} \\[--`));
    assert.doesNotMatch(help.stdout, /\/\/|import/);
    const wrong = await ended(task, "--nothing");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^Unknown option '--nothing'.*\n$/);
  });
}

async function ended(task: string, flag: string) {
  const file = fileURLToPath(new URL(`${task}/main.ts`, import.meta.url));
  const args = ["run", "-A", "--no-check", file, flag];
  try {
    const { stdout, stderr } = await promisify(execFile)(Deno.execPath(), args);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

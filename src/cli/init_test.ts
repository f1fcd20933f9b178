import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import type { CommandContext } from "./context.ts";
import { runInit } from "./init.ts";
import { JsonLines } from "./json.ts";
import { Terminal } from "./ui/terminal.ts";

function contextIn(home: string, { json = false }: { json?: boolean } = {}) {
  const stdout = new Recorder();
  const stderr = new Recorder();
  const nowMs = new TestClock().now;
  const env = (name: string) => name === "SFTPX_HOME" ? home : undefined;
  const context: CommandContext = {
    stdout,
    terminal: new Terminal({ output: stderr, nowMs, env, quiet: false, verbose: true }),
    json: json ? new JsonLines(stdout, nowMs) : null,
    env,
    nowMs,
    signal: new AbortController().signal,
  };
  return { context, stdout, stderr };
}

const OUTPUT = { json: false, quiet: false, verbose: false, notes: [] };

Deno.test("runInit() makes an identity once and prints its name alone", async () => {
  const home = await mkdtemp(join(tmpdir(), "sftpx-init-"));
  try {
    const first = contextIn(join(home, "new"));
    const command = { name: "init", output: OUTPUT, identityPath: null } as const;
    assert.equal(await runInit(command, first.context), 0);
    assert.match(first.stdout.text, /^[a-z2-7]{52}\n$/);
    assert.equal((await stat(join(home, "new", "identity"))).mode & 0o077, 0);
    const again = contextIn(join(home, "new"));
    await runInit(command, again.context);
    assert.equal(again.stdout.text, first.stdout.text);
  } finally {
    await rm(home, { recursive: true });
  }
});

Deno.test("runInit() prints one JSON line with --json, and takes --identity", async () => {
  const home = await mkdtemp(join(tmpdir(), "sftpx-init-"));
  try {
    const identityPath = join(home, "mine");
    const { context, stdout } = contextIn("/nonexistent", { json: true });
    await runInit({ name: "init", output: OUTPUT, identityPath }, context);
    const [line, ...rest] = stdout.jsonLines();
    assert.deepEqual(rest, []);
    assert.equal(line?.["event"], "identity");
    assert.match(String(line?.["identity"]), /^[a-z2-7]{52}$/);
    assert.ok((await stat(identityPath)).isFile());
  } finally {
    await rm(home, { recursive: true });
  }
});

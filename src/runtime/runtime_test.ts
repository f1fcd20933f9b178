import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { cores, env, hasFfi, mayRead, mayReadPackage, runtimeVersion } from "./runtime.ts";

Deno.test("cores() counts at least one", () => {
  assert.ok(Number.isInteger(cores()) && cores() >= 1);
});

Deno.test("runtimeVersion() names the runtime", () => {
  assert.equal(runtimeVersion(), `deno ${Deno.version.deno}`);
});

Deno.test("env() reads a variable that is set and answers undefined for one that is not", () => {
  process.env.SFTPX_RUNTIME_TEST = "on";
  try {
    assert.equal(env("SFTPX_RUNTIME_TEST"), "on");
  } finally {
    delete process.env.SFTPX_RUNTIME_TEST;
  }
  assert.equal(env("SFTPX_RUNTIME_TEST"), undefined);
});

Deno.test("without permission every question is answered no, and nothing throws", () => {
  const url = new URL("./runtime.ts", import.meta.url).href;
  const script = `import {env, hasFfi, mayRead, mayReadPackage} from ${JSON.stringify(url)};
    console.log(JSON.stringify([env("HOME") ?? null, hasFfi(), mayRead("/"),
      mayReadPackage(${JSON.stringify(url)}), mayReadPackage(null)]));`;
  assert.equal(runBare(script), "[null,false,false,false,false]");
});

Deno.test("with permission the same questions are answered yes", () => {
  assert.equal(hasFfi(), true);
  assert.equal(mayRead(fileURLToPath(import.meta.url)), true);
  assert.equal(mayReadPackage(import.meta.url), true);
  assert.equal(mayReadPackage(null), false);
  assert.equal(mayReadPackage("node:zlib"), false);
});

Deno.test("spawnWorker() names the flag where the script may not be read, and starts nothing", () => {
  const url = new URL("./runtime.ts", import.meta.url).href;
  const script = `import {spawnWorker} from ${JSON.stringify(url)};
    try {
      spawnWorker(new URL("file:///worker.ts"), { name: "w" });
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  assert.match(runBare(script), /^permission Cannot start the worker .*--allow-read$/);
});

// Runs a script in a process of its own, with no permission and no terminal.
function runBare(script: string): string {
  const directory = Deno.makeTempDirSync();
  try {
    const path = join(directory, "bare.ts");
    Deno.writeTextFileSync(path, script);
    const output = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--no-config", path],
      stdin: "null",
    }).outputSync();
    const text = new TextDecoder();
    assert.equal(output.code, 0, text.decode(output.stderr));
    return text.decode(output.stdout).trim();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { compileArguments } from "./compile.ts";
import { V8_FLAGS } from "./v8_flags.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

Deno.test("every way to start sftpx by Deno tells V8 the same", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  assert.ok(tasks.sftpx.includes(` ${V8_FLAGS} `), "deno task sftpx");
  assert.ok(tasks.demo.includes(` ${V8_FLAGS} `), "deno task demo");
  assert.ok(read("scripts/sftpx").includes(` ${V8_FLAGS} `), "scripts/sftpx");
  assert.ok(compileArguments({ outfile: "o", target: null }).includes(V8_FLAGS), "the binary");
});

Deno.test("V8 knows what it is told", async () => {
  const args = ["eval", V8_FLAGS, "console.log('runs')"];
  const command = new Deno.Command(Deno.execPath(), { args, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  assert.equal(new TextDecoder().decode(stdout).trim(), "runs");
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.ok(success);
});

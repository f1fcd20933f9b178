import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { spawnSync } from "node:child_process";
import { VERSION } from "../src/session/agent.ts";
import { headerProblem, provenVersion } from "./binary_proof.ts";
import { binaryName, ownPlatform, PLATFORMS, readArguments } from "./binary_platform.ts";
import { compileArguments, reasonIn } from "./compile.ts";

const CONFIG = JSON.parse(readFileSync(new URL("../deno.json", import.meta.url), "utf8"));

Deno.test("the arguments of deno compile hold the permissions, the workers and what is unstable", () => {
  const args = compileArguments({ outfile: "dist/sftpx", target: null });
  assert.equal(args[0], "compile");
  assert.ok(args.includes("--permission-set=sftpx") && "sftpx" in CONFIG.permissions);
  for (const name of CONFIG.unstable) assert.ok(args.includes(`--unstable-${name}`), name);
  const included = args.filter((_, at) => args[at - 1] === "--include");
  const workers = readdirSync(new URL("../workers", import.meta.url)).map((name) =>
    `workers/${name}`
  );
  for (const worker of workers) assert.ok(included.includes(worker), worker);
  assert.deepEqual(args.slice(-3), ["--output", "dist/sftpx", "mod.ts"]);
  assert.ok(!args.includes("--target") && !args.includes("-A") && !args.includes("--allow-all"));
});

Deno.test("a target is handed to deno compile by its own name", () => {
  const args = compileArguments({ outfile: "o", target: "aarch64-apple-darwin" });
  assert.equal(args[args.indexOf("--target") + 1], "aarch64-apple-darwin");
});

Deno.test("a runtime base that could not be downloaded is told as that, with what can be done", () => {
  const said = `Compile mod.ts to dist/sftpx
Download https://example.org/release/v9.9.9/denort-x86_64-unknown-linux-gnu.zip
error: Writing deno compile executable to temporary file 'dist/sftpx.tmp'

Caused by:
    0: Setting up base binary.
    1: error sending request for url: client error (Connect): dns error`;
  const reason = reasonIn(said);
  assert.match(reason, /runtime base \(denort-x86_64-unknown-linux-gnu\.zip\) could not be/);
  assert.match(reason, /DENORT_BIN.*compile:bun/);
});

Deno.test("any other failure of deno compile is told in its own words", () => {
  const said = 'Check mod.ts\nerror: Module not found "file:///gone.ts".\n    at mod.ts:1\n';
  assert.equal(reasonIn(said), 'Module not found "file:///gone.ts".');
  assert.equal(reasonIn(""), "deno compile made no file");
});

Deno.test("--target takes every platform by its names here, at Deno's and at Bun's", () => {
  for (const platform of PLATFORMS) {
    for (const name of [platform.name, platform.denoTarget, platform.bunTarget]) {
      const read = { wanted: [{ platform, isNamed: true }], directory: null };
      assert.deepEqual(readArguments(["--target", name]), read);
      assert.deepEqual(readArguments([`--target=${name}`]), read);
    }
  }
  const all = readArguments(["--target", "all", "--out", "here"]);
  assert.ok(typeof all !== "string");
  assert.deepEqual(all.wanted.map((one) => one.platform), PLATFORMS);
  assert.equal(all.directory, "here");
  const own = { wanted: [{ platform: ownPlatform(), isNamed: false }], directory: null };
  assert.deepEqual(readArguments([]), own);
});

Deno.test("an unknown platform or argument is refused by name", () => {
  assert.match(String(readArguments(["--target", "plan9-x64"])), /"plan9-x64"; there are linux-/);
  assert.match(String(readArguments(["--tarjet", "x"])), /unknown argument "--tarjet"/);
  assert.match(String(readArguments(["--target"])), /--target takes a value/);
});

Deno.test("binaries are named by their platform only where one was asked for", () => {
  const [linux, windows] = [wanted("linux-arm64"), wanted("windows-x64")];
  assert.equal(binaryName("sftpx", linux, false), "sftpx");
  assert.equal(binaryName("sftpx", linux, true), "sftpx-linux-arm64");
  assert.equal(binaryName("sftpx-bun", windows, true), "sftpx-bun-windows-x64.exe");
});

Deno.test("a file's first bytes tell whether it is a program for its platform", () => {
  const elf = header((view) => {
    view.setUint32(0, 0x7f454c46);
    view.setUint16(18, 62, true);
  });
  const machO = header((view) => {
    view.setUint32(0, 0xfeedfacf, true);
    view.setUint32(4, 0x0100000c, true);
  });
  const portable = header((view) => {
    view.setUint16(0, 0x4d5a);
    view.setUint32(60, 128, true);
    view.setUint32(128, 0x50450000);
    view.setUint16(132, 0x8664, true);
  });
  const fitting = { "linux-x64": elf, "macos-arm64": machO, "windows-x64": portable };
  for (const platform of PLATFORMS) {
    for (const [name, bytes] of Object.entries(fitting)) {
      assert.equal(headerProblem(bytes, platform) === null, name === platform.name, name);
    }
    assert.notEqual(headerProblem(new Uint8Array(0), platform), null);
    assert.notEqual(headerProblem(new Uint8Array(4096), platform), null);
  }
});

Deno.test("a script in place of a binary is refused, whatever it prints", () => {
  using scratch = new ScratchDirectory();
  const path = join(scratch.path, "sftpx");
  writeFileSync(path, `#!/bin/sh\necho sftpx ${VERSION}\n`, { mode: 0o755 });
  const platform = ownPlatform();
  assert.ok(platform !== null);
  assert.match(provenVersion(path, platform) ?? "", /not a program for/);
});

Deno.test("a program of this platform that is not the tool is refused, as plain deno is", () => {
  const platform = ownPlatform();
  assert.ok(platform !== null);
  const problem = provenVersion(process.execPath, platform);
  assert.match(problem ?? "", /answers --version with "deno .*" instead of "sftpx /);
});

Deno.test("deno compile with plain deno as its runtime base fails and leaves nothing", () => {
  using scratch = new ScratchDirectory();
  const args = ["run", "-A", script("compile.ts"), "--out", scratch.path];
  const { status, stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, DENORT_BIN: process.execPath, NO_COLOR: "1" },
    encoding: "utf8",
  });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^Cannot compile for \S+: .*is DENORT_BIN a denort, not a deno\?$/m);
  assert.deepEqual(readdirSync(scratch.path), []);
});

Deno.test("DENORT_BIN is refused for another platform, which nobody here could run", () => {
  const other = PLATFORMS.find((platform) => platform.name !== ownPlatform()?.name);
  const args = ["run", "-A", script("compile.ts"), "--target", other?.name ?? ""];
  const { status, stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, DENORT_BIN: process.execPath, NO_COLOR: "1" },
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /DENORT_BIN names a runtime base of this machine's platform/);
});

function wanted(name: string) {
  const platform = PLATFORMS.find((one) => one.name === name);
  assert.ok(platform !== undefined);
  return platform;
}

function header(fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(256);
  fill(new DataView(bytes.buffer));
  return bytes;
}

function script(name: string): string {
  return join(dirname(fileURLToPath(import.meta.url)), name);
}

class ScratchDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "sftpx-compile-"));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  type Addon,
  addonFile,
  ADDONS,
  addonsInside,
  describedInside,
  loaderText,
  packagesProblem,
} from "./binary_addons.ts";
import { ownPlatform, type Platform, PLATFORMS } from "./binary_platform.ts";
import { bundleJob, mappedSpecifiers } from "./compile_bun.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

Deno.test("every specifier of deno.json that is no package's own name is mapped to a file", () => {
  const { imports } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  const mapped = mappedSpecifiers();
  for (const [specifier, target] of Object.entries(imports as Record<string, string>)) {
    const isOwnName = target.replace(/^npm:((?:@[^/]+\/)?[^@/]+)@[^/]+/, "$1") === specifier;
    assert.ok(isOwnName || specifier in mapped, specifier);
  }
  for (const [specifier, file] of Object.entries(mapped)) assert.ok(existsSync(file), specifier);
});

Deno.test("the bundle begins with mod.ts, and every worker is a module of its own", () => {
  const { job } = bundleJob({ platform: platform("linux-x64"), outfile: "o", bun: null });
  assert.deepEqual(job.entrypoints.map((path) => path.slice(ROOT.length)), [
    "mod.ts",
    "workers/chunk.ts",
    "workers/store.ts",
    "workers/transport.ts",
  ]);
  const made = [
    ...readFileSync(join(ROOT, "mod.ts"), "utf8").matchAll(/"\.\/(workers\/\w+\.ts)"/g),
  ];
  const workers = job.entrypoints.slice(1).map((path) => path.slice(ROOT.length));
  assert.deepEqual(made.map((match) => match[1]), workers);
});

Deno.test("every loader that computes names is replaced, and blake3 reads no file", () => {
  const { job } = bundleJob({ platform: platform("linux-x64"), outfile: "o", bun: null });
  const replaced = Object.entries(job.replaced);
  for (const { name, loader } of ADDONS) {
    const end = join("node_modules", name, loader);
    assert.ok(replaced.some(([path]) => path.endsWith(end)), name);
  }
  const wasm = replaced.find(([path]) => path.endsWith("blake3_js.js"))?.[1] ?? "";
  assert.match(wasm, /const bytes = Buffer\.from\("AGFzbQ/);
  assert.doesNotMatch(wasm, /readFileSync|__dirname/);
});

Deno.test("a loader names one file, in the shape that its importer expects", () => {
  const [quic, hash] = [addonNamed("@matrixai/quic"), addonNamed("@napi-rs/blake-hash")];
  const on = { platform: platform("linux-x64"), file: '/a "b"/c.node' };
  assert.equal(loaderText(hash, on), 'module.exports = require("/a \\"b\\"/c.node");\n');
  assert.match(loaderText(quic, on), /__esModule[^]*exports\.default = require\("/);
});

Deno.test("a loader without its addon throws, and says for which platform", () => {
  for (const addon of ADDONS) {
    const text = loaderText(addon, { platform: platform("linux-arm64"), file: null });
    assert.throws(() => new Function(text)(), (error: Error) => {
      return error.message.includes(addon.name) && error.message.includes("linux-arm64");
    });
  }
});

Deno.test("an addon is taken from the package of its platform, and what was built here stays here", () => {
  using checkout = new Checkout();
  checkout.write("@matrixai/quic-darwin-arm64/package.json", '{"main":"quic.node"}');
  checkout.write("@matrixai/quic-darwin-arm64/quic.node", "");
  checkout.write(
    ".deno/node_modules/@napi-rs/blake-hash-win32-x64-msvc/package.json",
    '{"main":"b.node"}',
  );
  checkout.write(".deno/node_modules/@napi-rs/blake-hash-win32-x64-msvc/b.node", "");
  checkout.write("zstd-napi/build/Release/binding.node", "");
  const own = platform("linux-x64");
  const found = (name: string, on: string) =>
    addonFile(addonNamed(name), { root: checkout.root, platform: platform(on), own });
  assert.match(found("@matrixai/quic", "macos-arm64") ?? "", /quic-darwin-arm64.quic\.node$/);
  assert.equal(found("@matrixai/quic", "macos-x64"), null);
  assert.match(found("@napi-rs/blake-hash", "windows-x64") ?? "", /win32-x64-msvc.b\.node$/);
  assert.equal(found("@napi-rs/blake-hash", "linux-x64"), null);
  assert.match(found("zstd-napi", "linux-x64") ?? "", /binding\.node$/);
  assert.equal(found("zstd-napi", "linux-arm64"), null);
});

Deno.test("of every addon it is told whether a binary has it, and what does its work there if not", () => {
  using checkout = new Checkout();
  checkout.write("@matrixai/quic-darwin-arm64/package.json", '{"main":"quic.node"}');
  checkout.write("@matrixai/quic-darwin-arm64/quic.node", "");
  const told = (on: string, runtime: "deno" | "bun") => {
    const place = { root: checkout.root, platform: platform(on), own: platform("linux-x64") };
    return describedInside(addonsInside(place), runtime);
  };
  assert.deepEqual(told("macos-arm64", "deno"), [
    "  with     @matrixai/quic",
    "  without  @napi-rs/blake-hash: blake3-jit hashes",
    "  without  zstd-napi: node:zlib compresses",
  ]);
  assert.equal(
    told("linux-arm64", "deno")[0],
    "  without  @matrixai/quic: --quic npm cannot be had",
  );
  assert.match(told("linux-arm64", "bun")[0] ?? "", /without {2}@matrixai\/quic: .*moves no files/);
});

Deno.test("a checkout whose packages are not installed is said to be one, with what installs them", () => {
  using checkout = new Checkout();
  assert.match(packagesProblem(checkout.root) ?? "", /run `deno install`/);
  checkout.write("zstd-napi/package.json", "{}");
  assert.equal(packagesProblem(checkout.root), null);
});

Deno.test("here the addons of this platform are found, where it has any", () => {
  const own = ownPlatform();
  if (own?.name !== "linux-x64") return;
  const { inside } = bundleJob({ platform: own, outfile: "o", bun: null });
  const names = inside.addons.map(({ name }) => name);
  assert.ok(names.includes("@matrixai/quic") && names.includes("@napi-rs/blake-hash"));
});

Deno.test("without a bun that runs nothing is made, and it says where to get one", () => {
  using checkout = new Checkout();
  const { status, stderr } = compileWith("/nonexistent/bun", checkout.root);
  assert.equal(status, 1);
  assert.match(stderr, /^Cannot compile: no bun in PATH, nor named by SFTPX_BUN/);
  assert.deepEqual(readdirSync(checkout.root), []);
});

Deno.test({
  name: "a bun that claims to have made a binary is not believed, and leaves nothing",
  ignore: process.platform === "win32", // its stand-in is a shell script
  fn: () => {
    const cases: readonly [string, RegExp][] = [
      ["exit 0", /bun made no file/],
      ["echo said >&2; exit 3", /: said$/m],
      [`printf '#!/bin/sh\\necho sftpx' > "$out"`, /not a program for/],
      [`cp "$(command -v ls)" "$out"`, /answers --version with ".*" instead of "sftpx /],
    ];
    for (const [deed, expected] of cases) {
      using checkout = new Checkout();
      const bun = join(checkout.root, "bun");
      const out = `out=$(sed 's/.*"outfile":"\\([^"]*\\)".*/\\1/')`;
      const script = `#!/bin/sh\n[ "$1" != -p ] || { echo "$0"; exit 0; }\n${out}\n${deed}\n`;
      writeFileSync(bun, script, { mode: 0o755 });
      const { status, stderr } = compileWith(bun, join(checkout.root, "made"));
      assert.equal(status, 1, deed);
      assert.match(stderr, expected, deed);
      assert.deepEqual(readdirSync(join(checkout.root, "made")), [], deed);
    }
  },
});

function compileWith(bun: string, out: string) {
  const args = ["run", "-A", join(ROOT, "scripts", "compile_bun.ts"), "--out", out];
  return spawnSync(process.execPath, args, {
    env: { ...process.env, SFTPX_BUN: bun, NO_COLOR: "1" },
    encoding: "utf8",
  });
}

function platform(name: string): Platform {
  const found = PLATFORMS.find((one) => one.name === name);
  assert.ok(found !== undefined);
  return found;
}

function addonNamed(name: string): Addon {
  const found = ADDONS.find((one) => one.name === name);
  assert.ok(found !== undefined);
  return found;
}

/** A directory with packages, for as long as a test. */
class Checkout implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "sftpx-addons-"));

  write(name: string, text: string): void {
    const path = join(this.root, "node_modules", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

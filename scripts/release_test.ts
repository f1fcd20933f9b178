import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadHash } from "../src/codec/hash.ts";
import { VERSION } from "../src/session/agent.ts";
import { binaryName, ownPlatform, PLATFORMS } from "./binary_platform.ts";
import { isAllowed, licencesOf, thirdPartyText } from "./licences.ts";
import { binariesIn, release, releaseDirectory } from "./release.ts";

Deno.test("a release holds each binary under its version and platform, with sums of every file", async () => {
  using checkout = new Checkout();
  checkout.write("dist/sftpx-linux-arm64", "one");
  checkout.write("dist/sftpx-bun-windows-x64.exe", "two");
  const names = await release({ directory: checkout.path("dist"), root: checkout.path() });
  assert.deepEqual(names, [
    "LICENSE.txt",
    "SIZES.txt",
    "THIRD-PARTY.txt",
    `sftpx-${VERSION}-linux-arm64-deno`,
    `sftpx-${VERSION}-windows-x64-bun.exe`,
    "BLAKE3SUMS",
    "SHA256SUMS",
  ]);
  assert.deepEqual(readdirSync(checkout.path("dist/release")).sort(), [...names].sort());
  const hash = await loadHash({ without: [] });
  const [sha256, blake3] = [checkout.sums("SHA256SUMS"), checkout.sums("BLAKE3SUMS")];
  assert.deepEqual([...sha256.keys()], names.slice(0, -2));
  assert.deepEqual([...blake3.keys()], names.slice(0, -2));
  for (const name of names.slice(0, -2)) {
    const bytes = readFileSync(checkout.path("dist/release", name));
    assert.equal(sha256.get(name), createHash("sha256").update(bytes).digest("hex"), name);
    assert.equal(blake3.get(name), Buffer.from(hash.digest(bytes)).toString("hex"), name);
  }
  assert.match(checkout.read("dist/release/SIZES.txt"), /-arm64-deno +3 bytes/);
});

Deno.test("the BLAKE3 sums are those of b3sum", async () => {
  using checkout = new Checkout();
  checkout.write("dist/sftpx-linux-x64", "");
  await release({ directory: checkout.path("dist"), root: checkout.path() });
  const sum = checkout.sums("BLAKE3SUMS").get(`sftpx-${VERSION}-linux-x64-deno`);
  assert.equal(sum, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
});

Deno.test("the same binaries make the same release, whatever an earlier one left", async () => {
  using checkout = new Checkout();
  for (const platform of PLATFORMS) {
    checkout.write(`dist/${binaryName("sftpx", platform, true)}`, platform.name);
  }
  const make = () => release({ directory: checkout.path("dist"), root: checkout.path() });
  const first = await make();
  const texts = first.map((name) => checkout.read(`dist/release/${name}`));
  checkout.write("dist/release/left-over", "x");
  assert.deepEqual(await make(), first);
  assert.deepEqual(first.map((name) => checkout.read(`dist/release/${name}`)), texts);
  assert.ok(!readdirSync(checkout.path("dist/release")).includes("left-over"));
});

Deno.test("a binary without a platform in its name is this machine's, one with it goes before", () => {
  using checkout = new Checkout();
  const own = ownPlatform();
  assert.ok(own !== null);
  checkout.write(`dist/${binaryName("sftpx-bun", own, false)}`, "plain");
  const sources = () => binariesIn(checkout.path("dist")).map(({ source }) => source);
  assert.deepEqual(sources(), [binaryName("sftpx-bun", own, false)]);
  checkout.write(`dist/${binaryName("sftpx-bun", own, true)}`, "named");
  assert.deepEqual(sources(), [binaryName("sftpx-bun", own, true)]);
});

Deno.test("a release of nothing is refused, and makes no directory", async () => {
  using checkout = new Checkout();
  checkout.write("dist/notes.txt", "no binary");
  const attempt = release({ directory: checkout.path("dist"), root: checkout.path() });
  await assert.rejects(attempt, /Cannot release: .* holds no binary/);
  assert.deepEqual(readdirSync(checkout.path("dist")), ["notes.txt"]);
});

Deno.test("a tag that is not the version of the sources releases nothing", () => {
  assert.equal(releaseDirectory(["here", "--tag", `v${VERSION}`]), "here");
  assert.equal(releaseDirectory(["--tag", `v${VERSION}`, "here"]), "here");
  assert.equal(releaseDirectory(["here"]), "here");
  for (const tag of [["v0.0.0"], [VERSION], []]) {
    assert.throws(() => releaseDirectory(["--tag", ...tag]), /the sources are version/);
  }
});

Deno.test("an argument that is not one of a release's is refused, not taken for a directory", () => {
  for (const args of [["--help"], ["--tga", `v${VERSION}`], ["here", "there"]]) {
    assert.throws(() => releaseDirectory(args), /is not of \[DIRECTORY\] \[--tag TAG\]/);
  }
});

Deno.test("the licences of all that imports lead to are told, with their texts", () => {
  using checkout = new Checkout();
  checkout.install(
    "direct",
    { license: "MIT", dependencies: { inner: "1.0.0" } },
    "Text of direct",
  );
  checkout.install("inner", { license: "(WTFPL OR ISC)" }, "Text of inner");
  checkout.install("unrelated", { license: "Proprietary" }, "");
  checkout.map({ direct: "npm:direct@1.0.0/some/file.js" });
  const packages = licencesOf(checkout.path());
  assert.deepEqual(packages.map(({ name }) => name), ["direct", "inner"]);
  const text = thirdPartyText(packages);
  assert.match(text, /^direct 1\.0\.0 {2}MIT$/m);
  assert.match(text, /direct 1\.0\.0\n\nText of direct\n/);
  assert.match(text, /inner 1\.0\.0\n\nText of inner\n/);
});

Deno.test("an addon's package for a platform is under its owner's text, and only where it is here", () => {
  using checkout = new Checkout();
  const optionalDependencies = { "addon-here": "1.0.0", "addon-elsewhere": "1.0.0" };
  checkout.install("addon", { license: "MIT", optionalDependencies }, "Text of addon");
  checkout.install("addon-here", { license: "MIT" }, "");
  checkout.map({ addon: "npm:addon@1.0.0" });
  const packages = licencesOf(checkout.path());
  assert.deepEqual(packages.map(({ name, text }) => [name, text]), [
    ["addon", "Text of addon"],
    ["addon-here", "Text of addon"],
  ]);
});

Deno.test("a licence that is missing, not allowed or without its text stops a release", () => {
  const cases: readonly [Record<string, unknown>, string, RegExp][] = [
    [{}, "Some text", /direct@1\.0\.0: licence "" is not allowed/],
    [{ license: "GPL-3.0-only" }, "Some text", /licence "GPL-3\.0-only" is not allowed/],
    [{ license: "MIT" }, "", /direct@1\.0\.0: its MIT licence has no text/],
    [{ license: "MIT", dependencies: { gone: "1" } }, "Some text", /gone: not installed/],
  ];
  for (const [json, text, expected] of cases) {
    using checkout = new Checkout();
    checkout.install("direct", json, text);
    checkout.map({ direct: "npm:direct@1.0.0" });
    assert.throws(() => licencesOf(checkout.path()), expected);
  }
});

Deno.test("of a choice of licences one has to be allowed, of several all", () => {
  assert.ok(isAllowed("MIT") && isAllowed("(GPL-3.0-only OR MIT)") && isAllowed("MIT AND ISC"));
  assert.ok(!isAllowed("") && !isAllowed("GPL-3.0-only") && !isAllowed("MIT AND GPL-3.0-only"));
  assert.ok(!isAllowed("GPL-3.0-only AND (MIT OR ISC)"));
});

Deno.test("everything that is installed here may be passed on", () => {
  const packages = licencesOf(fileURLToPath(new URL("..", import.meta.url)));
  const names = packages.map(({ name }) => name);
  for (const name of ["@matrixai/quic", "@napi-rs/blake-hash", "blake3", "deno-std", "zstd-napi"]) {
    assert.ok(names.includes(name), name);
  }
  for (const { name, text } of packages) assert.ok(text.length > 100, name);
});

/** A small checkout with packages of its own, for as long as a test. */
class Checkout implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "sftpx-release-"));

  constructor() {
    this.write("LICENSE", "Our own");
    this.map({});
  }

  path(...parts: readonly string[]): string {
    return join(this.#path, ...parts);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  map(imports: Record<string, string>): void {
    this.write("deno.json", JSON.stringify({ imports }));
  }

  install(name: string, json: Record<string, unknown>, licenceText: string): void {
    const at = join("node_modules", name);
    this.write(join(at, "package.json"), JSON.stringify({ name, version: "1.0.0", ...json }));
    if (licenceText !== "") this.write(join(at, "LICENSE"), licenceText);
  }

  sums(name: string): ReadonlyMap<string, string> {
    const lines = this.read(join("dist", "release", name)).trimEnd().split("\n");
    return new Map(
      lines.map((line) => line.split("  ") as [string, string]).map(([a, b]) => [b, a]),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true });
  }
}

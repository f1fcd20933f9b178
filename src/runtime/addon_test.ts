import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { addonPlatform, openAddon } from "./addon.ts";
import { isDeno } from "./runtime.ts";

const PACKAGE = import.meta.resolve("@napi-rs/blake-hash");
const FILE = `../blake-hash-${addonPlatform()}/blake.${addonPlatform()}.node`;
const isInstalled = existsSync(join(dirname(fileURLToPath(PACKAGE)), FILE));

Deno.test("openAddon() opens an addon past its package's loader", {
  ignore: !isDeno() || !isInstalled,
}, () => {
  const opened = openAddon(() => PACKAGE, FILE) as { blake3(bytes: Uint8Array): Uint8Array };
  assert.equal(opened.blake3(new Uint8Array(0)).length, 32);
});

Deno.test("openAddon() asks where a package is only where that can be told", () => {
  let asked = 0;
  const resolve = () => {
    asked++;
    throw new TypeError("a binary knows no packages");
  };
  assert.equal(openAddon(resolve, FILE), null);
  assert.equal(asked, isDeno() ? 1 : 0);
});

Deno.test("openAddon() has nothing where a file is missing or is no addon", () => {
  const directory = mkdtempSync(join(tmpdir(), "sftpx-addon-"));
  try {
    const entry = pathToFileURL(join(directory, "index.js")).href;
    assert.equal(openAddon(() => entry, "missing.node"), null);
    writeFileSync(join(directory, "text.node"), "not an addon");
    assert.equal(openAddon(() => entry, "text.node"), null);
    assert.equal(openAddon(() => "npm:elsewhere", "text.node"), null);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

// The native addons that a binary carries: which file of which package, for which platform. Their own
// loaders compute names at run time, which a bundler cannot follow; what replaces them names one file.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Platform } from "./binary_platform.ts";

/** One addon's package. */
export interface Addon {
  /** The package that is imported. */
  readonly name: string;
  /** The loader that is replaced, inside its package. */
  readonly loader: string;
  /** The package that holds the file: itself, or one a platform. */
  readonly holder: (platform: Platform) => string;
  /** The file, inside the package that holds it; null for the one that its package.json names. */
  readonly file: string | null;
  /** Where the binding stands in what the loader exports. */
  readonly exports: "module.exports" | "exports.default";
  /** What does its work where it is missing. */
  readonly instead: string;
}

export const ADDONS: readonly Addon[] = [
  {
    name: "@matrixai/quic",
    loader: "dist/native/quiche.js",
    holder: (platform) => `@matrixai/quic-${nodeName(platform)}`,
    file: null,
    exports: "exports.default",
    instead: "no QUIC of its own: it moves no files between machines",
  },
  {
    name: "@napi-rs/blake-hash",
    loader: "index.js",
    holder: (platform) => `@napi-rs/blake-hash-${nodeName(platform)}${abiOf(platform)}`,
    file: null,
    exports: "module.exports",
    instead: "blake3-jit hashes",
  },
  {
    name: "zstd-napi",
    loader: "binding.js",
    holder: () => "zstd-napi",
    file: join("build", "Release", "binding.node"),
    exports: "module.exports",
    instead: "node:zlib compresses",
  },
];

/** Where a package is installed; null where it is not. */
export function installedPackage(root: string, name: string): string | null {
  const direct = join(root, "node_modules", name);
  if (existsSync(direct)) return direct;
  const inside = join(root, "node_modules", ".deno", "node_modules", name);
  return existsSync(inside) ? inside : null;
}

/** The addon's file for a platform; null where it is not installed here. */
export function addonFile(
  addon: Addon,
  { root, platform, own }: { root: string; platform: Platform; own: Platform | null },
): string | null {
  const holder = addon.holder(platform);
  // What is built on this machine is for this machine.
  if (holder === addon.name && platform.name !== own?.name) return null;
  const installed = installedPackage(root, holder);
  if (installed === null) return null;
  const path = join(installed, addon.file ?? mainOf(installed));
  return existsSync(path) ? path : null;
}

/** The text of the loader that is bundled: one file by name, or the reason why there is none. */
export function loaderText(addon: Addon, { platform, file }: {
  readonly platform: Platform;
  readonly file: string | null;
}): string {
  if (file === null) {
    const reason = `${addon.name} has no addon for ${platform.name} in this binary`;
    return `throw new Error(${JSON.stringify(reason)});\n`;
  }
  const isModule = addon.exports === "exports.default"
    ? `Object.defineProperty(exports, "__esModule", { value: true });\n`
    : "";
  return `${isModule}${addon.exports} = require(${JSON.stringify(file)});\n`;
}

function mainOf(directory: string): string {
  const { main } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return typeof main === "string" ? main : "index.js";
}

/** As Node.js and its packages call it. */
function nodeName({ os, cpu }: Platform): string {
  const system = { linux: "linux", macos: "darwin", windows: "win32" }[os];
  return `${system}-${cpu}`;
}

function abiOf({ os }: Platform): string {
  return { linux: "-gnu", macos: "", windows: "-msvc" }[os];
}

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
  /** What does its work where it is missing, by the runtime that a binary has inside. */
  readonly instead: Readonly<Record<"deno" | "bun", string>>;
}

/** What of the addons a binary has inside. */
export interface Inside {
  readonly addons: readonly Addon[];
  readonly missing: readonly Addon[];
}

export const ADDONS: readonly Addon[] = [
  {
    name: "@matrixai/quic",
    loader: "dist/native/quiche.js",
    holder: (platform) => `@matrixai/quic-${nodeName(platform)}`,
    file: null,
    exports: "exports.default",
    instead: {
      deno: "--quic npm cannot be had",
      bun: "no QUIC of its own: it moves no files between machines",
    },
  },
  {
    name: "@napi-rs/blake-hash",
    loader: "index.js",
    holder: (platform) => `@napi-rs/blake-hash-${nodeName(platform)}${abiOf(platform)}`,
    file: null,
    exports: "module.exports",
    instead: both("blake3-jit hashes"),
  },
  {
    name: "zstd-napi",
    loader: "binding.js",
    holder: () => "zstd-napi",
    file: join("build", "Release", "binding.node"),
    exports: "module.exports",
    instead: both("node:zlib compresses"),
  },
];

/** Which addons a binary for a platform gets: those that are installed here for it. */
export function addonsInside(
  { root, platform, own }: { root: string; platform: Platform; own: Platform | null },
): Inside {
  const isThere = (addon: Addon) => addonFile(addon, { root, platform, own }) !== null;
  return {
    addons: ADDONS.filter((addon) => isThere(addon)),
    missing: ADDONS.filter((addon) => !isThere(addon)),
  };
}

/** A line for each addon: what is inside, and what does the work of one that is not. */
export function describedInside(inside: Inside, runtime: "deno" | "bun"): readonly string[] {
  return [
    ...inside.addons.map((addon) => `  with     ${addon.name}`),
    ...inside.missing.map((addon) => `  without  ${addon.name}: ${addon.instead[runtime]}`),
  ];
}

/** Why nothing can be compiled from this checkout; null where it can. */
export function packagesProblem(root: string): string | null {
  const names = ADDONS.map((addon) => addon.name);
  return names.some((name) => installedPackage(root, name) !== null)
    ? null
    : "its packages are not installed here; run `deno install`";
}

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

function both(text: string): Readonly<Record<"deno" | "bun", string>> {
  return { deno: text, bun: text };
}

/** As Node.js and its packages call it. */
function nodeName({ os, cpu }: Platform): string {
  const system = { linux: "linux", macos: "darwin", windows: "win32" }[os];
  return `${system}-${cpu}`;
}

function abiOf({ os }: Platform): string {
  return { linux: "-gnu", macos: "", windows: "-msvc" }[os];
}

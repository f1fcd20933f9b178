// The platforms that binaries are made for: what each is called here, by Deno, by Bun and in the names
// of files. Knows nothing about how one is made.

import process from "node:process";

/** Where a binary runs; C library of Linux systems: glibc. */
export interface Platform {
  /** As in names of files, `linux-x64`. */
  readonly name: string;
  readonly os: "linux" | "macos" | "windows";
  readonly cpu: "x64" | "arm64";
  /** Deno's `--target`. */
  readonly denoTarget: string;
  /** Bun's `--target`; on x64 the one that runs on every CPU. */
  readonly bunTarget: string;
}

export const PLATFORMS: readonly Platform[] = [
  {
    name: "linux-x64",
    os: "linux",
    cpu: "x64",
    denoTarget: "x86_64-unknown-linux-gnu",
    bunTarget: "bun-linux-x64-baseline",
  },
  {
    name: "linux-arm64",
    os: "linux",
    cpu: "arm64",
    denoTarget: "aarch64-unknown-linux-gnu",
    bunTarget: "bun-linux-arm64",
  },
  {
    name: "macos-x64",
    os: "macos",
    cpu: "x64",
    denoTarget: "x86_64-apple-darwin",
    bunTarget: "bun-darwin-x64-baseline",
  },
  {
    name: "macos-arm64",
    os: "macos",
    cpu: "arm64",
    denoTarget: "aarch64-apple-darwin",
    bunTarget: "bun-darwin-arm64",
  },
  {
    name: "windows-x64",
    os: "windows",
    cpu: "x64",
    denoTarget: "x86_64-pc-windows-msvc",
    bunTarget: "bun-windows-x64-baseline",
  },
  {
    name: "windows-arm64",
    os: "windows",
    cpu: "arm64",
    denoTarget: "aarch64-pc-windows-msvc",
    bunTarget: "bun-windows-arm64",
  },
];

const SYSTEMS: Readonly<Record<string, Platform["os"]>> = {
  linux: "linux",
  darwin: "macos",
  win32: "windows",
};

/** By its name here or at Deno's or Bun's; null for one that is not in the table. */
export function platformNamed(name: string): Platform | null {
  return PLATFORMS.find((platform) =>
    [platform.name, platform.denoTarget, platform.bunTarget].includes(name)
  ) ?? null;
}

/** The one this machine is; null where no binary is made for it. */
export function ownPlatform(): Platform | null {
  return platformNamed(`${SYSTEMS[process.platform] ?? process.platform}-${process.arch}`);
}

/** `sftpx`, with the platform's name where one was asked for, and `.exe` where that is usual. */
export function binaryName(stem: string, platform: Platform, isNamed: boolean): string {
  const suffix = platform.os === "windows" ? ".exe" : "";
  return `${stem}${isNamed ? `-${platform.name}` : ""}${suffix}`;
}

/** One binary to be made. */
export interface Wanted {
  readonly platform: Platform;
  /** Whether it was asked for by name, and so bears it. */
  readonly isNamed: boolean;
}

/** What a command line of a compile script asks for. */
export interface CompileArguments {
  readonly wanted: readonly Wanted[];
  /** Where binaries go; null for `dist/`. */
  readonly directory: string | null;
}

/**
 * Reads `--target NAME`, as often as wanted, or `--target all`, and `--out DIRECTORY`. Without a target
 * it is this machine's own platform. Answers a text where that cannot be done.
 */
export function readArguments(args: readonly string[]): CompileArguments | string {
  const names: string[] = [];
  let directory: string | null = null;
  for (let at = 0; at < args.length; at += 1) {
    const [flag, given] = (args[at] ?? "").split("=", 2);
    if (flag !== "--target" && flag !== "--out") return `unknown argument "${args[at]}"`;
    if (given === undefined) at += 1;
    const value = given ?? args[at];
    if (value === undefined) return `${flag} takes a value`;
    if (flag === "--target") names.push(value);
    else directory = value;
  }
  const wanted = names.length === 0 ? ownWanted() : wantedByName(names);
  return typeof wanted === "string" ? wanted : { wanted, directory };
}

function ownWanted(): readonly Wanted[] | string {
  const platform = ownPlatform();
  if (platform !== null) return [{ platform, isNamed: false }];
  return `no binary is made for ${process.platform} ${process.arch}`;
}

function wantedByName(names: readonly string[]): readonly Wanted[] | string {
  const wanted: Wanted[] = [];
  for (const name of names.includes("all") ? PLATFORMS.map((item) => item.name) : names) {
    const platform = platformNamed(name);
    if (platform === null) {
      const known = PLATFORMS.map((item) => item.name).join(", ");
      return `unknown platform "${name}"; there are ${known}`;
    }
    wanted.push({ platform, isNamed: true });
  }
  return wanted;
}

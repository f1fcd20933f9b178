// Whether a file that a compiler left is the tool: never believed for an exit code. One for this
// machine is run, in an empty directory, and has to say which version it is; another one at least has
// to begin as programs of its platform do.

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VERSION } from "../src/session/agent.ts";
import { ownPlatform, type Platform } from "./binary_platform.ts";

/** A program that opens a prompt instead waits for ever. */
const PATIENCE_MS = 20_000;
const HEADER_BYTES = 4096;
const STARTS = 5;

/** Null where the file is the tool, else what was found instead. */
export function provenVersion(path: string, platform: Platform): string | null {
  const header = headerProblem(headerOf(path), platform);
  if (header !== null) return header;
  return platform.name === ownPlatform()?.name ? versionProblem(path) : null;
}

/** Milliseconds that `--version` takes, the median of some runs; null for another platform's binary. */
export function startupMs(path: string, platform: Platform): number | null {
  if (platform.name !== ownPlatform()?.name) return null;
  const times = Array.from({ length: STARTS }, () => {
    const startMs = performance.now();
    spawnSync(path, ["--version"], { stdio: "ignore", timeout: PATIENCE_MS });
    return performance.now() - startMs;
  });
  return times.toSorted((a, b) => a - b)[STARTS >> 1] ?? null;
}

function versionProblem(path: string): string | null {
  const empty = mkdtempSync(join(tmpdir(), "sftpx-proof-"));
  try {
    const { error, stdout, stderr, status } = spawnSync(path, ["--version"], {
      cwd: empty,
      env: { HOME: empty },
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
      timeout: PATIENCE_MS,
    });
    const wanted = `sftpx ${VERSION}`;
    if (stdout.trim() === wanted && status === 0) return null;
    const said = (error?.message ?? (stdout.trim() || stderr.trim())).split("\n")[0] ?? "";
    return `the file made answers --version with "${said}" instead of "${wanted}"`;
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
}

function headerOf(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(HEADER_BYTES);
    return bytes.subarray(0, readSync(file, bytes, 0, HEADER_BYTES, 0));
  } finally {
    closeSync(file);
  }
}

/** What speaks against a file's first bytes: ELF, Mach-O or PE, and for which CPU. */
export function headerProblem(header: Uint8Array, { os, cpu, name }: Platform): string | null {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const wrong = `the file made is not a program for ${name}`;
  if (view.byteLength < 64) return wrong;
  switch (os) {
    case "linux": {
      const isElf = view.getUint32(0) === 0x7f454c46;
      return isElf && view.getUint16(18, true) === { x64: 62, arm64: 183 }[cpu] ? null : wrong;
    }
    case "macos": {
      const isMachO = view.getUint32(0, true) === 0xfeedfacf;
      const wanted = { x64: 0x01000007, arm64: 0x0100000c }[cpu];
      return isMachO && view.getUint32(4, true) === wanted ? null : wrong;
    }
    case "windows": {
      const at = view.getUint16(0) === 0x4d5a ? view.getUint32(60, true) : view.byteLength;
      if (at + 6 > view.byteLength || view.getUint32(at) !== 0x50450000) return wrong;
      return view.getUint16(at + 4, true) === { x64: 0x8664, arm64: 0xaa64 }[cpu] ? null : wrong;
    }
  }
}

/** A binary in one line: where it is, how large, and how soon it answers where it can be run. */
export function describedBinary(path: string, platform: Platform): string {
  const size = `${(statSync(path).size / 1e6).toFixed(1)} MB`;
  const ms = startupMs(path, platform);
  return [path, size, ...ms === null ? [] : [`--version in ${Math.round(ms)} ms`]].join("  ");
}

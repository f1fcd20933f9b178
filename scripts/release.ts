// `deno task release`: what is published beside the binaries of dist/, into dist/release: each under a
// name that says version and platform, sums, licences, sizes. The same binaries give the same files.
//
//   deno run -A scripts/release.ts [DIRECTORY] [--tag TAG]

import { createHash } from "node:crypto";
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadHash } from "../src/codec/hash.ts";
import { VERSION } from "../src/session/agent.ts";
import { binaryName, ownPlatform, PLATFORMS } from "./binary_platform.ts";
import { licencesOf, thirdPartyText } from "./licences.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const RUNTIMES = [{ stem: "sftpx", runtime: "deno" }, { stem: "sftpx-bun", runtime: "bun" }];

/** One binary of a release. */
export interface Released {
  /** As it is published. */
  readonly name: string;
  /** As it was compiled. */
  readonly source: string;
}

/** Writes `DIRECTORY/release`; answers its files, sums last. Throws where there is nothing to release. */
export async function release(
  { directory, root = ROOT }: { readonly directory: string; readonly root?: string },
): Promise<readonly string[]> {
  const released = binariesIn(directory);
  if (released.length === 0) {
    throw new Error(`Cannot release: "${directory}" holds no binary; run deno task compile`);
  }
  const licences = thirdPartyText(licencesOf(root));
  const out = join(directory, "release");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  for (const { name, source } of released) copyFileSync(join(directory, source), join(out, name));
  copyFileSync(join(root, "LICENSE"), join(out, "LICENSE.txt"));
  writeFileSync(join(out, "THIRD-PARTY.txt"), licences);
  writeFileSync(join(out, "SIZES.txt"), sizesText(out, released.map(({ name }) => name)));
  const names = readdirSync(out).sort();
  const sums = await sumsOf(out, names);
  writeFileSync(
    join(out, "BLAKE3SUMS"),
    sums.map(({ blake3, name }) => `${blake3}  ${name}\n`).join(""),
  );
  writeFileSync(
    join(out, "SHA256SUMS"),
    sums.map(({ sha256, name }) => `${sha256}  ${name}\n`).join(""),
  );
  return [...names, "BLAKE3SUMS", "SHA256SUMS"];
}

/** What of a directory is a binary of ours; one without a platform in its name is for this machine. */
export function binariesIn(directory: string): readonly Released[] {
  const released: Released[] = [];
  const own = ownPlatform();
  for (const platform of PLATFORMS) {
    for (const { stem, runtime } of RUNTIMES) {
      const named = binaryName(stem, platform, true);
      const plain = platform.name === own?.name ? binaryName(stem, platform, false) : named;
      const source = [named, plain].find((name) => existsSync(join(directory, name)));
      if (source === undefined) continue;
      const suffix = platform.os === "windows" ? ".exe" : "";
      released.push({ name: `sftpx-${VERSION}-${platform.name}-${runtime}${suffix}`, source });
    }
  }
  return released;
}

function sizesText(directory: string, names: readonly string[]): string {
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name) => {
    const bytes = statSync(join(directory, name)).size;
    return `${name.padEnd(width)}  ${String(bytes).padStart(11)} bytes  ${megabytes(bytes)} MB\n`;
  }).join("");
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1).padStart(6);
}

async function sumsOf(
  directory: string,
  names: readonly string[],
): Promise<readonly { name: string; sha256: string; blake3: string }[]> {
  const hash = await loadHash({ without: [] });
  const sums = [];
  for (const name of names) {
    const [sha256, blake3] = [createHash("sha256"), hash.hasher()];
    for await (const bytes of createReadStream(join(directory, name))) {
      sha256.update(bytes);
      blake3.update(bytes);
    }
    const digest = [...blake3.digest()].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    sums.push({ name, sha256: sha256.digest("hex"), blake3: digest });
  }
  return sums;
}

/** Reads `[DIRECTORY] [--tag TAG]`; a tag has to be the version's. Throws at anything else. */
export function releaseDirectory(args: readonly string[]): string {
  const at = args.indexOf("--tag");
  const tag = at < 0 ? null : args[at + 1] ?? "";
  if (tag !== null && tag !== `v${VERSION}`) {
    throw new Error(`Cannot release "${tag}": the sources are version ${VERSION}`);
  }
  const others = args.filter((_, index) => at < 0 || index < at || index > at + 1);
  const strange = others.find((word) => word.startsWith("-")) ?? others[1];
  if (strange !== undefined) {
    throw new Error(`Cannot release: "${strange}" is not of [DIRECTORY] [--tag TAG]`);
  }
  return others[0] ?? join(ROOT, "dist");
}

async function run(args: readonly string[]): Promise<number> {
  try {
    for (const name of await release({ directory: releaseDirectory(args) })) console.log(name);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) {
  run(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}

// The binary of `deno task compile:bun` by itself: a copy of it in an empty directory, in a mount
// namespace where the checkout with its packages and the user's home are empty, and in a network
// namespace that has a loopback and nothing else. Where namespaces cannot be had, only the copy.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Scratch, type SpawnOptions } from "./sftpx_process.ts";

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));
/** Programs that a user's shell finds, and none that a package manager put beside this checkout. */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** The binary under test: SFTPX_BINARY, else what `deno task compile:bun` made; null for none. */
export function builtBinary(): string | null {
  const path = process.env["SFTPX_BINARY"] || join(CHECKOUT, "dist", "sftpx-bun");
  return existsSync(path) ? path : null;
}

/** Whether the rest of the machine can be hidden from it here. */
export function canHide(): boolean {
  if (process.platform !== "linux") return false;
  const tried = spawnSync("unshare", ["--mount", "--net", "ip", "link", "set", "lo", "up"]);
  return tried.status === 0;
}

export interface LoneOptions {
  /** The directory for temporary files does not let programs be loaded from it. */
  readonly noAddons?: boolean;
  /** It shares the network of the test, which stands in its way. */
  readonly sharedNetwork?: boolean;
}

export class LoneBinary implements AsyncDisposable {
  readonly scratch: Scratch;
  /** Empty, and where it is run. */
  readonly directory: string;
  readonly #enter: readonly string[];
  readonly #binary: string;

  private constructor(scratch: Scratch, enter: readonly string[], binary: string) {
    this.scratch = scratch;
    this.directory = scratch.path("empty");
    this.#enter = enter;
    this.#binary = binary;
  }

  static async open(options: LoneOptions = {}): Promise<LoneBinary> {
    const built = builtBinary();
    if (built === null) throw new TypeError("no binary was built");
    const scratch = await Scratch.open();
    try {
      for (const name of ["empty", "temporary", "user"]) await mkdir(scratch.path(name));
      const binary = scratch.path("sftpx");
      await copyFile(built, binary);
      const enter = canHide() ? await hide(scratch, options) : [];
      return new LoneBinary(scratch, enter, binary);
    } catch (thrown) {
      await scratch[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** How to run it, or another program in the same place. */
  options(program = this.#binary, env: Readonly<Record<string, string>> = {}): SpawnOptions {
    const { scratch } = this;
    const words = [...this.#enter, "sh", "-c", 'cd "$0" && exec "$@"', this.directory, program];
    const own = { HOME: scratch.path("user"), TMPDIR: scratch.path("temporary"), PATH };
    return { command: words, cwd: this.directory, env: { ...own, ...env } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** Starts a process that holds the namespaces, and ends with the scratch; answers how to get in. */
async function hide(
  scratch: Scratch,
  { noAddons = false, sharedNetwork = false }: LoneOptions,
): Promise<readonly string[]> {
  const namespaces = ["--mount", ...sharedNetwork ? [] : ["--net"]];
  const places = [CHECKOUT, homedir()].filter((place) =>
    !scratch.directory.startsWith(place.endsWith(sep) ? place : place + sep)
  );
  const script = [
    "set -e",
    ...sharedNetwork ? [] : ["ip link set lo up"],
    'for place in "$@"; do mount -t tmpfs none "$place"; done',
    ...noAddons ? [`mount -t tmpfs -o noexec none "${scratch.path("temporary")}"`] : [],
    "echo held",
    "exec sleep infinity",
  ].join("\n");
  const holder = scratch.startProgram(
    ["unshare", ...namespaces, "sh", "-c", script, "sh", ...new Set(places)],
  );
  await holder.said("held");
  return ["nsenter", "--target", String(holder.pid), ...namespaces, "--"];
}

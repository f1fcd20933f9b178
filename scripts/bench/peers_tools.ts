// The tools that `bench peers` measures sftpx against: their command lines, and whether they are here. Each
// copies as its user would, with nothing tuned.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { Tool } from "./peers_plan.ts";
import { RSYNC_MODULE, SSHD } from "./peers_scene.ts";

/** The name under which everything arrives. */
export const COPY = "copy";

/** What a tool is to copy, and where to. */
export interface Errand {
  readonly source: string;
  readonly isTree: boolean;
  /** A directory that is there and empty, for this run alone; its name below what the daemon serves. */
  readonly target: string;
  readonly host: string;
  readonly sshPort: number;
  readonly rsyncPort: number;
  readonly userKey: string;
  readonly user: string;
}

type Peer = Exclude<Tool, `sftpx${string}` | `raw${string}`>;

export function isPeer(tool: Tool): tool is Peer {
  return !tool.startsWith("sftpx") && !tool.startsWith("raw");
}

/** A peer's command line; what arrives is at `arrivedAt`. */
export function commandOf(tool: Peer, errand: Errand): readonly string[] {
  const { source, isTree, target, host, user } = errand;
  const to = join(target, COPY);
  const from = isTree ? `${source}/` : source;
  switch (tool) {
    case "scp":
      return scp(errand, []);
    case "scp aes128-gcm":
      return scp(errand, ["-c", "aes128-gcm@openssh.com"]);
    case "scp -C":
      return scp(errand, ["-C"]);
    case "rsync":
    case "rsync --fsync":
    case "rsync -z":
    case "rsync --zc=zstd": {
      const shell = ["ssh", "-p", String(errand.sshPort), ...sshOptions(errand)].map(quoted);
      const more = tool === "rsync --zc=zstd" ? ["-z", "--zc=zstd"] : tool.split(" ").slice(1);
      return ["rsync", "-a", ...more, "-e", shell.join(" "), from, `${user}@${host}:${to}`];
    }
    case "rsyncd": {
      const url = `rsync://${host}:${errand.rsyncPort}/${RSYNC_MODULE}`;
      return ["rsync", "-a", from, `${url}/${basename(target)}/${COPY}`];
    }
    case "rclone":
      return [
        "rclone",
        isTree ? "copy" : "copyto",
        source,
        `:sftp:${to}`,
        ...["--config", "/dev/null", "--sftp-host", host, "--sftp-port", String(errand.sshPort)],
        ...["--sftp-user", user, "--sftp-key-file", errand.userKey],
      ];
    case "tar": {
      const [base, name] = isTree ? [source, "."] : [join(source, ".."), basename(source)];
      const far = isTree ? to : target;
      const remote = `mkdir -p ${quoted(far)} && tar -C ${quoted(far)} -xf -`;
      const ssh = ["ssh", "-p", String(errand.sshPort), ...sshOptions(errand), `${user}@${host}`];
      const near = ["tar", "-C", base, "-cf", "-", name].map(quoted).join(" ");
      // A pipe's status is its last part's: a tar that failed shows in what arrived.
      return ["sh", "-c", `${near} | ${[...ssh, remote].map(quoted).join(" ")}`];
    }
  }
}

/** Where a peer's copy is. */
export function arrivedAt(tool: Tool, { source, isTree, target }: Errand): string {
  return join(target, tool === "tar" && !isTree ? basename(source) : COPY);
}

function scp(errand: Errand, more: readonly string[]): readonly string[] {
  const { source, isTree, target, host, user } = errand;
  const recursive = isTree ? ["-r"] : [];
  const to = `${user}@${host}:${join(target, COPY)}`;
  const options = ["-q", "-P", String(errand.sshPort), ...sshOptions(errand)];
  return ["scp", ...options, ...recursive, ...more, source, to];
}

/** No file of the user's has a say. */
function sshOptions({ userKey }: Errand): readonly string[] {
  return [
    ...["-F", "/dev/null", "-i", userKey],
    ...["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"],
    ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
    ...["-o", "LogLevel=ERROR"],
  ];
}

/** For a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What the machine has of the tools. */
export interface Installed {
  readonly versions: ReadonlyMap<string, string>;
  readonly hasFsync: boolean;
  readonly hasZstd: boolean;
}

const PROGRAMS = ["ssh", "scp", "rsync", "rclone", "tar"] as const;

/** Asks each tool for its version; one that is not there has none. */
export async function findInstalled(): Promise<Installed> {
  const versions = new Map<string, string>();
  let rsync = "";
  for (const program of PROGRAMS) {
    const words = await output(program, program.startsWith("s") ? "-V" : "--version");
    if (words === null) continue;
    if (program === "rsync") rsync = words;
    // scp has no version of its own, and comes with ssh.
    const version = versionOf(program === "scp" ? await output("ssh", "-V") ?? "" : words);
    versions.set(program, version);
  }
  if (existsSync(SSHD)) versions.set("sshd", versions.get("ssh") ?? "");
  return { versions, hasFsync: hasFsync(rsync), hasZstd: hasZstd(rsync) };
}

async function output(program: string, flag: string): Promise<string | null> {
  try {
    const command = new Deno.Command(program, { args: [flag], stdin: "null" });
    const { stdout, stderr } = await command.output();
    const text = new TextDecoder();
    return text.decode(stdout) + text.decode(stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The number in a tool's first line about itself. */
export function versionOf(words: string): string {
  return /\d+(?:\.\d+)+\w*/.exec(words)?.[0] ?? "unknown";
}

/** `--fsync` came with rsync 3.2.4. */
export function hasFsync(words: string): boolean {
  const [major = 0, minor = 0, patch = 0] = versionOf(words).split(".").map((part) =>
    parseInt(part, 10)
  );
  return major * 1e6 + minor * 1e3 + patch >= 3_002_004;
}

/** Whether rsync's own account of itself lists zstd among what it compresses with. */
export function hasZstd(words: string): boolean {
  return /Compress list:\s*\n\s*.*\bzstd\b/.test(words);
}

/** Why a tool cannot be measured here; null when it can. */
export function absence(tool: Tool, { versions, hasFsync, hasZstd }: Installed): string | null {
  if (!isPeer(tool)) return null;
  const needs = tool === "rsyncd" ? ["rsync"] : [tool.split(" ")[0] ?? "", "ssh", "sshd"];
  const missing = needs.find((program) => !versions.has(program));
  if (missing !== undefined) return `${missing} is not installed`;
  if (tool === "rsync --fsync" && !hasFsync) return "this rsync has no --fsync";
  if (tool === "rsync --zc=zstd" && !hasZstd) return "this rsync has no zstd";
  return null;
}

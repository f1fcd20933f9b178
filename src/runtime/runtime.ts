// What differs between Deno and Bun, behind one small interface. Permission questions are answered
// here without ever prompting: what is not granted outright counts as absent.

import { availableParallelism } from "node:os";
import process from "node:process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { SftpxError } from "../base/errors.ts";

interface BunGlobal {
  readonly version: string;
}

/** Runtime and version, `deno 2.9.6` or `bun 1.4.5`. */
export function runtimeVersion(): string {
  if (isDeno()) return `deno ${Deno.version.deno}`;
  const bun = (globalThis as { Bun?: BunGlobal }).Bun;
  return bun === undefined ? `node ${process.versions.node}` : `bun ${bun.version}`;
}

/** Threads this machine runs at once, at least 1. */
export function cores(): number {
  return Math.max(1, isDeno() ? navigator.hardwareConcurrency : availableParallelism());
}

/** Whether native addons may be loaded: they ask for FFI and for system information. */
export function hasFfi(): boolean {
  return granted({ name: "ffi" }) && granted({ name: "sys" });
}

/** Whether a file or directory may be read without a question. */
export function mayRead(path: string): boolean {
  return granted({ name: "read", path });
}

/** Whether every environment variable may be read without a question. */
export function mayReadEnv(): boolean {
  return granted({ name: "env" });
}

/** Whether a program may be started without a question. */
export function mayRun(program: string): boolean {
  return granted({ name: "run", command: program });
}

/** An environment variable; undefined as well where it may not be read. */
export function env(name: string): string | undefined {
  return granted({ name: "env", variable: name }) ? process.env[name] : undefined;
}

/**
 * Whether the files of an installed package may be read, given the URL its specifier resolves to
 * (null where it does not). Loaders of addons and WASM look around on disk, and would prompt.
 */
export function mayReadPackage(resolved: string | null): boolean {
  if (!isDeno()) return true;
  return resolved !== null && resolved.startsWith("file:") &&
    mayRead(dirname(fileURLToPath(resolved)));
}

/**
 * Whether the certificate authorities named by the environment are still to be read: asked by naming
 * a file that is not there, which only a first reading stumbles over. True as well where the runtime
 * replaces its roots by what is pinned. Anything unexpected counts as no.
 */
export function rootsAreUnread(): boolean {
  if (!isDeno()) return true;
  process.env.DENO_CERT = MISSING_FILE;
  try {
    readRoots();
    return false;
  } catch (error) {
    return error instanceof Error && error.message.includes("CA file");
  } finally {
    delete process.env.DENO_CERT;
  }
}

/** Makes the runtime read its certificate authorities now, once and for all. */
export function readRoots(): void {
  if (isDeno()) Deno.createHttpClient({}).close();
}

/** A path that nobody can make exist. */
const MISSING_FILE = "/dev/null/missing";

/** Permissions a process may hand on to one it starts. */
const PERMISSIONS = ["read", "write", "net", "env", "sys", "ffi"] as const;

/**
 * The command that starts this program again, with no more permissions than it has: runtime and
 * entry module, or the binary itself.
 */
export function selfCommand(mainUrl: string): readonly string[] {
  if (!mainUrl.startsWith("file:")) return [process.execPath];
  const entry = fileURLToPath(mainUrl);
  if (!isDeno()) return [process.execPath, entry];
  const flags = PERMISSIONS.filter((name) => granted({ name })).map((name) => `--allow-${name}`);
  return [process.execPath, "run", "--no-prompt", "--unstable-net", ...flags, entry];
}

/** Starts a module worker. `permission` where its script may not be read. */
export function spawnWorker(url: URL, options: { name: string }): Worker {
  // Asked first: a worker that cannot load dies with a trace on the user's terminal.
  if (isDeno() && !Deno.build.standalone && url.protocol === "file:") {
    const path = fileURLToPath(url);
    if (!mayRead(path)) {
      const found = `it may not be read, run again with --allow-read`;
      throw new SftpxError("permission", `Cannot start the worker "${path}": ${found}`);
    }
  }
  return new Worker(url, { type: "module", name: options.name });
}

/** The main thread as a worker sees it. */
export interface WorkerPort<In, Out> {
  post(message: Out, transfer: readonly ArrayBuffer[]): void;
  receive(handler: (message: In) => void): void;
}

/** This worker's port; to be called inside a worker only. */
export function workerPort<In, Out>(): WorkerPort<In, Out> {
  const scope = globalThis as unknown as {
    postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
    onmessage: ((event: MessageEvent) => void) | null;
  };
  return {
    post: (message, transfer) => scope.postMessage(message, transfer),
    receive: (handler) => {
      scope.onmessage = (event) => handler(event.data as In);
    },
  };
}

function isDeno(): boolean {
  return typeof Deno !== "undefined";
}

function granted(descriptor: Deno.PermissionDescriptor): boolean {
  return !isDeno() || Deno.permissions.querySync(descriptor).state === "granted";
}

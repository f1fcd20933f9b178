// What differs between Deno and Bun, behind one small interface. Permission questions are answered
// here without ever prompting: what is not granted outright counts as absent.

import { availableParallelism, devNull } from "node:os";
import process from "node:process";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
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

/** Whether a file or directory may be written without a question. */
export function mayWrite(path: string): boolean {
  return granted({ name: "write", path });
}

/** Whether the network may be used at an `address:port` without a question. */
export function mayUseNetwork(address: string): boolean {
  return granted({ name: "net", host: address });
}

/** Whether symbolic links may be made: by Deno only where all paths are granted, or by native code. */
export function mayMakeLinks(): boolean {
  return hasFfi() || (granted({ name: "read" }) && granted({ name: "write" }));
}

/** Whether an environment variable, without a name every one, may be read without a question. */
export function mayReadEnv(variable?: string): boolean {
  return granted(variable === undefined ? { name: "env" } : { name: "env", variable });
}

/** Whether a program may be started without a question. */
export function mayRun(program: string): boolean {
  return granted({ name: "run", command: program });
}

/** An environment variable; undefined as well where it may not be read. */
export function env(name: string): string | undefined {
  return granted({ name: "env", variable: name }) ? process.env[name] : undefined;
}

/** Parts to do without, for tests and for finding faults: `SFTPX_WITHOUT`, comma-separated. */
export function leftOut(): readonly string[] {
  return namesIn(env("SFTPX_WITHOUT") ?? "");
}

/** Names between commas, without the spaces around them. */
export function namesIn(text: string): readonly string[] {
  return text.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

/**
 * Whether the files of an installed package may be read, given what resolves its specifier to a URL.
 * Loaders of addons and WASM look around on disk, and would prompt. In a binary of Bun's a specifier
 * does not resolve any more, for the package is inside: there it is not asked.
 */
export function mayReadPackage(resolve: () => string): boolean {
  if (!isDeno()) return true;
  try {
    const resolved = resolve();
    return resolved.startsWith("file:") && mayRead(dirname(fileURLToPath(resolved)));
  } catch {
    return false;
  }
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
  if (isBinary(mainUrl)) return [process.execPath];
  const entry = fileURLToPath(mainUrl);
  if (!isDeno()) return [process.execPath, ...OWN_SETTINGS_ALONE, entry];
  const flags = PERMISSIONS.filter((name) => granted({ name })).map((name) => `--allow-${name}`);
  return [process.execPath, "run", "--no-prompt", "--unstable-net", ...flags, entry];
}

/** Whether a module is inside a binary, which carries its own file system: Deno's or Bun's. */
function isBinary(moduleUrl: string): boolean {
  if (isDeno() && Deno.build.standalone) return true;
  return !moduleUrl.startsWith("file:") || BUN_INSIDE.test(moduleUrl);
}

/** Where Bun puts what a binary carries: `/$bunfs/root/`, on Windows `B:/~BUN/root/`. */
const BUN_INSIDE = /^file:\/\/(?:\/\$bunfs\/|\/B:\/(?:~|%7E)BUN\/)/;

/**
 * Bun takes settings, programs to load first and variables out of the directory it is started in, and
 * packages that it misses from the network: none of that is this program's.
 */
const OWN_SETTINGS_ALONE = [`--config=${devNull}`, "--no-env-file", "--no-install"];

/** What a worker may do, where the runtime can hold it to that; whatever is left out, nothing. */
export interface WorkerAccess {
  /** Absolute paths, and what is below them; null for all that this thread may. */
  readonly read: readonly string[] | null;
  readonly write: readonly string[] | null;
  /** Names of variables. */
  readonly env?: readonly string[];
  /** The network, as far as this thread has it. */
  readonly net?: boolean;
  /** Where it works, if neither of the lists above says it. */
  readonly places?: readonly string[];
}

/**
 * Starts a module worker. `permission` where its script may not be read. With `access` it gets no
 * programs, and no network, files and variables but those named; addons and what they ask of
 * the system it may load where this thread may. It gets nothing that this thread does not have.
 */
export function spawnWorker(
  url: URL,
  { name, access = null }: { readonly name: string; readonly access?: WorkerAccess | null },
): Worker {
  // Asked first: a worker that cannot load dies with a trace on the user's terminal.
  if (isDeno() && !Deno.build.standalone && url.protocol === "file:") {
    const path = fileURLToPath(url);
    // Deno asks again for what a worker loads, and all of that is where this file is.
    const isReadable = mayRead(path) && (!isOwnFile() || mayRead(fileURLToPath(import.meta.url)));
    if (!isReadable) {
      const found = `it may not be read, run again with --allow-read=${checkoutOf(url)}`;
      throw new SftpxError("permission", `Cannot start the worker "${path}": ${found}`);
    }
  }
  const options: WorkerOptions = { type: "module", name };
  if (access === null || !narrowsWorkers() || takesEverything(access)) {
    return new Worker(url, options);
  }
  return new Worker(url, { ...options, deno: { permissions: narrowed(access, url) } });
}

/**
 * Whether workers are held to less than this thread may. Deno does so behind `--unstable-worker-options`,
 * and ends the process where that is missing instead of saying so. It is on wherever the checkout's own
 * `deno.json` is in force, which is known by a name that only this file maps.
 */
export function narrowsWorkers(): boolean {
  if (!isDeno() || Deno.build.standalone || typeof Deno.connectQuic !== "function") return false;
  try {
    return import.meta.resolve(OWN_CONFIGURATION).startsWith("file:");
  } catch {
    return false;
  }
}

/** Mapped in `deno.json`, beside the `unstable` that goes with it. */
const OWN_CONFIGURATION = "sftpx/own-configuration";

/** A worker can be given only what this thread has: the rest would be an escalation, and throw. */
function narrowed(
  { read, write, env = [], net = false }: WorkerAccess,
  url: URL,
): Deno.PermissionOptionsObject {
  const mayLoadAddons = hasFfi();
  return {
    read: read === null ? "inherit" : [...read, ...codePaths(url)].filter((path) => mayRead(path)),
    write: write === null ? "inherit" : write.filter((path) => mayWrite(path)),
    // An addon is beyond all of this; what loads them looks around in the environment.
    env: mayLoadAddons ? "inherit" : env.filter((name) => mayReadEnv(name)),
    ffi: mayLoadAddons ? "inherit" : false,
    sys: "inherit",
    net: net ? "inherit" : false,
    run: false,
    import: false,
  };
}

/** Whether a worker works where Deno lets in only who may do everything, as in `/dev/shm`. */
function takesEverything({ read, write, places = [] }: WorkerAccess): boolean {
  return [...read ?? [], ...write ?? [], ...places].some((path) => isSystemPlace(path));
}

/** Whether an absolute path is one of the system's own places, or in one. */
export function isSystemPlace(path: string): boolean {
  return SYSTEM_PLACE.test(path);
}

const SYSTEM_PLACE = /^\/(?:dev|proc|sys)(?:\/|$)/;

/** Whether this program was not fetched from elsewhere. */
function isOwnFile(): boolean {
  return import.meta.url.startsWith("file:");
}

/** What a worker's script, which is one level below, belongs to. */
function checkoutOf(url: URL): string {
  return dirname(dirname(fileURLToPath(url)));
}

/** The checkout, and where its packages really are. */
function codePaths(url: URL): readonly string[] {
  if (url.protocol !== "file:") return [];
  const checkout = checkoutOf(url);
  const packages = join(checkout, "node_modules");
  try {
    return mayRead(packages) ? [checkout, realpathSync(packages)] : [checkout];
  } catch {
    return [checkout];
  }
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

/** Whether this is Deno, and not Bun. */
export function isDeno(): boolean {
  return typeof Deno !== "undefined";
}

/** Whether something is allowed without a question. */
export function granted(descriptor: Deno.PermissionDescriptor): boolean {
  return !isDeno() || Deno.permissions.querySync(descriptor).state === "granted";
}

// The one importer of the QUIC addon (quiche inside): loads it, or tells why there is none, and says in
// types what is used of it. The package's own classes are left alone. Refuses, before anything could
// prompt, where addons or the package's files are not permitted.

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { env, hasFfi, leftOut, mayReadPackage } from "../../runtime/runtime.ts";

/** Set to 1 where many isolates of one process load the addon. */
const COPY_VARIABLE = "SFTPX_ADDON_COPY";

/** What `SFTPX_WITHOUT` names to do without it. */
export const QUICHE_NAME = "quiche";

/** A place as the addon writes it. */
export interface NativeAddress {
  readonly host: string;
  readonly port: number;
}

/** Which way a packet came. */
export interface NativeReceived {
  readonly from: NativeAddress;
  readonly to: NativeAddress;
}

/** Length of a packet, and which way it goes. When it should go is hidden by the addon. */
export type NativeSent = readonly [bytes: number, way: NativeReceived];

export interface NativeError {
  readonly isApp: boolean;
  readonly errorCode: number;
  readonly reason: Uint8Array;
}

export interface NativePathStats {
  readonly active: boolean;
  readonly sent: number;
  readonly lost: number;
  /** Milliseconds. */
  readonly rtt: number;
  readonly cwnd: number;
  /** Bytes a second. */
  readonly deliveryRate: number;
}

/** A connection of the addon. Every method may throw an `Error` whose text is quiche's. */
export interface NativeConnection {
  recv(packet: Uint8Array, way: NativeReceived): number;
  send(into: Uint8Array): NativeSent | null;
  streamRecv(id: number, into: Uint8Array): readonly [bytes: number, end: boolean] | null;
  streamSend(id: number, bytes: Uint8Array, end: boolean): number | null;
  streamPriority(id: number, urgency: number, incremental: boolean): void;
  streamShutdown(id: number, direction: number, code: number): void | null;
  peerStreamsLeftUni(): number;
  readable(): Iterable<number>;
  timeout(): number | null;
  onTimeout(): void;
  newSourceCid(id: Uint8Array, resetToken: bigint, retireIfNeeded: boolean): number;
  sourceCidsLeft(): number;
  activeSourceCids(): number;
  retiredScidNext(): Uint8Array | null;
  pathEventNext(): unknown;
  close(app: boolean, code: number, reason: Uint8Array): void | null;
  applicationProto(): Uint8Array;
  isEstablished(): boolean;
  isDraining(): boolean;
  isClosed(): boolean;
  isTimedOut(): boolean;
  peerError(): NativeError | null;
  localError(): NativeError | null;
  peerCertChain(): readonly Uint8Array[] | null;
  pathStats(): readonly NativePathStats[];
  sendAckEliciting(): void;
  stats(): { readonly recv: number };
}

export interface NativeConfig {
  setApplicationProtos(names: readonly string[]): void;
  setMaxIdleTimeout(ms: number): void;
  setMaxRecvUdpPayloadSize(bytes: number): void;
  setMaxSendUdpPayloadSize(bytes: number): void;
  setInitialMaxData(bytes: number): void;
  setInitialMaxStreamDataBidiLocal(bytes: number): void;
  setInitialMaxStreamDataBidiRemote(bytes: number): void;
  setInitialMaxStreamDataUni(bytes: number): void;
  setInitialMaxStreamsBidi(count: number): void;
  setInitialMaxStreamsUni(count: number): void;
  setMaxStreamWindow(bytes: number): void;
  setMaxConnectionWindow(bytes: number): void;
  setActiveConnectionIdLimit(count: number): void;
  setDisableActiveMigration(disabled: boolean): void;
  setCcAlgorithm(algorithm: number): void;
  enableHystart(enabled: boolean): void;
  enablePacing(enabled: boolean): void;
  grease(enabled: boolean): void;
}

export interface Quiche {
  readonly Config: {
    withBoringSslCtx(
      verifyPeer: boolean,
      acceptUnverified: boolean,
      anchorPem: Uint8Array | null,
      keyPems: readonly Uint8Array[] | null,
      certificatePems: readonly Uint8Array[] | null,
    ): NativeConfig;
  };
  readonly Connection: {
    connect(
      serverName: string,
      ownId: Uint8Array,
      local: NativeAddress,
      remote: NativeAddress,
      config: NativeConfig,
    ): NativeConnection;
    accept(
      ownId: Uint8Array,
      originalId: Uint8Array | null,
      local: NativeAddress,
      remote: NativeAddress,
      config: NativeConfig,
    ): NativeConnection;
  };
}

/** Numbers of the addon's enumerations. */
export const NATIVE = {
  congestion: { reno: 0, cubic: 1, bbr: 2 },
  direction: { read: 0, write: 1 },
} as const;

let loading: Promise<Quiche | string> | null = null;

/** The binding, or why there is none. Loaded once. */
export function loadQuiche(): Promise<Quiche | string> {
  if (leftOut().includes(QUICHE_NAME)) {
    return Promise.resolve(`left out by SFTPX_WITHOUT=${QUICHE_NAME}`);
  }
  return loading ??= load();
}

async function load(): Promise<Quiche | string> {
  if (!hasFfi()) return "it is native code: add --allow-ffi --allow-sys";
  const resolve = () => import.meta.resolve("@matrixai/quic/dist/native/quiche.js");
  if (!mayReadPackage(resolve)) return "its package may not be read: add --allow-read";
  try {
    const isCopied = env(COPY_VARIABLE) === "1";
    return unwrap(isCopied ? loadCopy() : await import("@matrixai/quic/dist/native/quiche.js"));
  } catch (thrown) {
    return loadProblem(firstLine(thrown));
  }
}

/**
 * The addon keeps one table of its objects for the whole process: of two isolates that use it, one lets
 * go of what is the other's, and the runtime crashes. This program loads it on its main thread alone. A
 * runner of tests has an isolate for each file, so each takes a copy, with memory of its own.
 */
function loadCopy(): unknown {
  const near = createRequire(import.meta.resolve("@matrixai/quic/dist/native/quiche.js"));
  const directory = mkdtempSync(join(tmpdir(), "sftpx-addon-"));
  try {
    const copy = join(directory, "quiche.node");
    copyFileSync(near.resolve(`@matrixai/quic-${process.platform}-${process.arch}`), copy);
    return near(copy);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Why it does not load, by what the runtime said: the platform's fault is the last that is thought of. */
export function loadProblem(said: string): string {
  if (/find (package|module) ["']@matrixai\/quic["'/]/.test(said)) {
    return "its package is not installed: run `deno install` in the checkout";
  }
  const hint = /failed to map segment/.test(said)
    ? "; its directory is mounted noexec: set TMPDIR to another one"
    : "";
  return `its addon does not load on this platform (${said})${hint}`;
}

/** A CommonJS module's namespace differs between runtimes and bundlers. */
function unwrap(namespace: unknown): Quiche | string {
  let found = namespace;
  for (let depth = 0; depth < 3 && typeof found === "object" && found !== null; depth++) {
    if ("Connection" in found && "Config" in found) return found as Quiche;
    found = (found as { readonly default?: unknown }).default;
  }
  return "its addon is not what it should be";
}

/** quiche's own word for what went wrong: `StreamStopped(0)`, `TlsFail`. */
export function nativeText(thrown: unknown): string {
  return firstLine(thrown);
}

function firstLine(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message.split("\n")[0] ?? "";
}

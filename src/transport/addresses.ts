// Where a connection goes: host names become addresses, addresses become text, and several of them
// are tried side by side until one answers. Shared by every transport that dials.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type ErrorCode, SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import { granted } from "../runtime/runtime.ts";
import type { HostPort } from "./transport.ts";

/** A resolved address. */
export interface Address {
  /** IPv4 or IPv6 literal, without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly family: 4 | 6;
}

export interface DialOptions {
  /** How long an attempt runs alone before the next one starts beside it. */
  readonly staggerMs?: number;
  readonly signal?: AbortSignal;
}

/** What {@linkcode dialFirst} needs to know of a connection that came too late. */
export interface Dialed {
  close(code: "none", reason: string): void;
}

/** What no answer can mean: UDP tells a closed port from a silent one only to those it likes. */
export const SILENCE = "either no sftpx serves there, or a firewall drops UDP to that port";

/** The same of TCP, which hears of a closed port and not of a silent one. */
export const SILENCE_OVER_TCP =
  "either no sftpx serves there, or a firewall drops TCP to that port";

/** The same where both were tried. */
export const SILENCE_ON_BOTH =
  "either no sftpx serves there, or a firewall drops UDP and TCP to that port";

/** `address:port`; IPv6 in brackets, IPv4-mapped addresses as plain IPv4. */
export function formatAddress(hostname: string, port: number): string {
  const tail = hostname.replace(/^::ffff:/i, "");
  const plain = isIP(tail) === 4 ? tail : hostname;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** The host of what {@linkcode formatAddress} wrote. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
}

/** Whether an address is this machine's own: a path without loss, bound by the processor. */
export function isLoopback(host: string): boolean {
  return host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

export interface ResolveOptions {
  readonly signal?: AbortSignal;
  /** Whether the runtime lets a host and port (`example.org:4443`, `[::]:0`) be used. */
  readonly mayUse?: (host: string) => boolean;
}

/** Every address of a host name, IPv6 and IPv4 in turn. Throws `unreachable` and `permission`. */
export async function resolveAddresses(
  hostname: string,
  port: number,
  options: ResolveOptions = {},
): Promise<Address[]> {
  const { mayUse = () => true } = options;
  options.signal?.throwIfAborted();
  const literal = hostname.replace(/^\[(.*)\]$/, "$1");
  // A scope ("fe80::1%eth0") is no literal to isIP() in every runtime; the resolver takes it.
  const family = isIP(literal);
  if (family === 4 || family === 6) return [{ hostname: literal, port, family }];
  const shown = escapeText(hostname);
  let found;
  try {
    found = await untilAborted(lookup(hostname, { all: true, verbatim: true }), options.signal);
  } catch (thrown) {
    if (options.signal?.aborted) throw options.signal.reason;
    const code = (thrown as { code?: unknown }).code;
    if (code === "EPERM") return byName(hostname, port, { mayUse, cause: thrown });
    const state = code === "ENOTFOUND" ? "the name is unknown" : "the name cannot be resolved";
    throw new SftpxError("unreachable", `Cannot connect to "${shown}": ${state}`, {
      cause: thrown,
    });
  }
  const addresses = found.map((entry): Address => ({
    hostname: entry.address,
    port,
    family: entry.family === 6 ? 6 : 4,
  }));
  // The name was granted, and none of its addresses was.
  const mayDial = addresses.some((to) => mayUse(formatAddress(to.hostname, port)));
  if (!mayDial && mayUse(`${hostname}:${port}`)) return byName(hostname, port, { mayUse });
  return alternate(addresses).slice(0, LIMITS.dialAddresses);
}

/**
 * A name that the runtime is to look up by itself, from each kind of socket that may be opened. Deno's
 * grant of `example.org:4443` is for connecting to that name, and neither for looking it up nor for its
 * addresses.
 */
function byName(
  hostname: string,
  port: number,
  { mayUse, cause }: Required<Pick<ResolveOptions, "mayUse">> & { readonly cause?: unknown },
): Address[] {
  const families = ([[6, "[::]:0"], [4, "0.0.0.0:0"]] as const)
    .filter(([, socket]) => mayUse(socket)).map(([family]) => family);
  if (families.length > 0 && mayUse(`${hostname}:${port}`)) {
    return families.map((family) => ({ hostname, port, family }));
  }
  const flag = escapeText(`--allow-net=0.0.0.0:0,[::]:0,${hostname}:${port}`);
  const text = `Cannot connect to "${escapeText(hostname)}": run again with ${flag}`;
  throw new SftpxError("permission", text, { cause });
}

/** Throws `unsupported` where a transport has a reason not to do it. */
export function refuse(
  reason: string | null,
  { action, at }: { readonly action: "connect to" | "listen on"; readonly at: HostPort },
): void {
  if (reason === null) return;
  const shown = escapeText(formatAddress(at.hostname, at.port));
  throw new SftpxError("unsupported", `Cannot ${action} "${shown}": ${reason}`);
}

/** Resolves a host and dials its addresses; a signal that times out means that nobody answered. */
export async function dialHost<T extends Dialed>(
  { hostname, port, signal }: HostPort & { readonly signal?: AbortSignal },
  attempt: (address: Address, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limits = signal === undefined ? {} : { signal };
  // Asked without a question.
  const mayUse = (host: string) => granted({ name: "net", host });
  try {
    return await dialFirst(
      await resolveAddresses(hostname, port, { ...limits, mayUse }),
      attempt,
      limits,
    );
  } catch (thrown) {
    if (signal?.aborted !== true || !isTimeout(signal.reason)) throw thrown;
    const shown = escapeText(formatAddress(hostname, port));
    throw new SftpxError("unreachable", `Cannot connect to "${shown}": no answer in time`, {
      cause: thrown,
    });
  }
}

export function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

/**
 * Tries addresses side by side (RFC 8305): the next one starts when the one before failed, or after
 * `staggerMs`. The first connection wins; the other attempts are aborted, and one that connects
 * nevertheless is closed. When all fail, the error that says most is thrown.
 */
export function dialFirst<A, T extends Dialed>(
  addresses: readonly A[],
  attempt: (address: A, signal: AbortSignal) => Promise<T>,
  options: DialOptions = {},
): Promise<T> {
  const { signal, staggerMs = LIMITS.dialStaggerMs } = options;
  if (addresses.length === 0) {
    return Promise.reject(new RangeError("Cannot dial: there is no address"));
  }
  return new Promise<T>((resolve, reject) => {
    const losers = new AbortController();
    const errors: unknown[] = [];
    let started = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;

    const finish = (settle: () => void) => {
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      settle();
      losers.abort();
    };
    const onAbort = () => finish(() => reject(signal?.reason));
    const startNext = () => {
      clearTimeout(timer);
      const address = addresses[started];
      if (address === undefined) return;
      started++;
      if (started < addresses.length) timer = setTimeout(startNext, staggerMs);
      attempt(address, losers.signal).then(
        (made) => over ? made.close("none", "") : finish(() => resolve(made)),
        (thrown) => {
          if (over) return;
          errors.push(thrown);
          if (errors.length === addresses.length) finish(() => reject(mostTelling(errors)));
          else startNext();
        },
      );
    };

    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", onAbort);
    startNext();
  });
}

/** Settles as the promise does, or rejects with the signal's reason. Leaves no listener behind. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function alternate(addresses: readonly Address[]): Address[] {
  const six = addresses.filter((address) => address.family === 6);
  const four = addresses.filter((address) => address.family === 4);
  const out: Address[] = [];
  for (let i = 0; i < Math.max(six.length, four.length); i++) {
    out.push(...six.slice(i, i + 1), ...four.slice(i, i + 1));
  }
  return out;
}

/** A server that answered with the wrong identity says more than an address without an answer. */
export function mostTelling(errors: readonly unknown[]): SftpxError {
  const ranked: readonly ErrorCode[] = [
    "identity_mismatch",
    "version",
    "failed",
    "permission",
    "busy",
  ];
  const translated = errors.map((thrown) => toSftpxError(thrown));
  for (const code of ranked) {
    const found = translated.find((error) => error.code === code);
    if (found !== undefined) return found;
  }
  return translated[0] ?? new SftpxError("internal", "Cannot dial: no attempt was made");
}

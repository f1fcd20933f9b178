// Bounds of flags' values, each with its reason, and the commands that flags are for.

import { LIMITS } from "../base/limits.ts";
import type { LinkPolicy, ModePolicy } from "../session/options.ts";
import type { QuicChoice } from "../session/transports.ts";
import type { Congestion } from "../transport/transport.ts";
import type { Access } from "../trust/grant.ts";

export const SERVERS = ["serve", "recv"] as const;
export const CLIENTS = ["send", "get"] as const;
export const TRANSFERS = [...SERVERS, ...CLIENTS] as const;
/** Commands that write what a peer sends. */
export const RECEIVERS = [...SERVERS, "get"] as const;
/** Commands that say what somebody else may do. */
export const GRANTING = ["ticket", "keys"] as const;
/** Commands that reach a server. */
export const REACHING = [...CLIENTS, "ls", "bench"] as const;
export const FILTERED = [...CLIENTS, "ls"] as const;
/** Commands that do something; the others print what is built in. */
export const WORKING = [
  ...TRANSFERS,
  "ls",
  "status",
  "clean",
  "ticket",
  "keys",
  "init",
  "bench",
  "demo",
  "config",
] as const;
export const TALKING = [...WORKING, "help", "version"] as const;
export const EVERYWHERE = [...TALKING, "completions", "man"] as const;

/** zstd levels above it need windows that a decoder does not have to accept. */
export const MAX_ZSTD_LEVEL = 19;
export const ZSTD_LEVELS = { min: 1, max: MAX_ZSTD_LEVEL } as const;

export const LANES_MAX = LIMITS.lanesPerConnection * LIMITS.connections;

export const DAY_MS = 86_400_000;
/** Shorter than a handshake on a long path is no use; longer than a day is a typing error. */
export const TIMEOUT_MS = { min: 100, max: DAY_MS } as const;
/** A ticket that must outlive a year is better an authorized key. */
export const EXPIRY_MS = { min: 1000, max: 366 * DAY_MS } as const;
/** Less would forget what a slow hand is about to start again. */
export const KEEP_MS = { min: 60_000, max: 366 * DAY_MS } as const;
/** Less is over before a rate can be seen. */
export const BENCH_BYTES = { min: 2 ** 20, max: LIMITS.measureBytes } as const;

/** What a grant may be bounded by. */
export const GRANT_BYTES = { min: 0, max: LIMITS.fileBytes } as const;

/** Words of a grant. */
export const ACCESS: readonly Access[] = [
  "read",
  "write",
  "write-once",
  "append-only",
  "read,write-once",
  "read,append-only",
  "both",
];

/** Whose QUIC, and which congestion control. */
export const QUICS: readonly QuicChoice[] = ["auto", "deno", "npm"];
export const CONGESTIONS: readonly Congestion[] = ["auto", "cubic", "bbr", "reno"];
/** Less stalls on every packet. */
export const WINDOW_BYTES = { min: 2 ** 16, max: LIMITS.mostWindowBytes } as const;

/** Slower, a chunk would take an hour. */
export const RATES = { min: 1000, max: LIMITS.rateBytesPerSecond } as const;

/** What becomes of links, and of modes. */
export const LINKS: readonly LinkPolicy[] = ["keep", "skip", "refuse"];
export const MODES: readonly ModePolicy[] = ["safe", "exact"];

export const BOOLEAN = { kind: "boolean" } as const;
export const PATTERN = { kind: "pattern", hint: "PATTERN" } as const;
export const FILE = { kind: "path", hint: "FILE" } as const;

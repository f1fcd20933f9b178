// Flags that every command accepts, so that a script can pass one set to all; `commands` says where one
// has an effect.

import { LIMITS } from "../base/limits.ts";
import {
  BOOLEAN,
  CLIENTS,
  CONGESTIONS,
  DAY_MS,
  EVERYWHERE,
  FILE,
  KEEP_MS,
  LANES_MAX,
  QUICS,
  RATES,
  REACHING,
  SERVERS,
  TALKING,
  TIMEOUT_MS,
  TRANSFERS,
  WINDOW_BYTES,
  WORKING,
} from "./flag_bounds.ts";
import { choice, common, count, countOrAuto, type FlagSpec } from "./flag_spec.ts";
import { formatSize } from "./units.ts";

/** In the order help shows them. */
export const COMMON_FLAGS = [
  common("dry-run", BOOLEAN, [...CLIENTS, "clean"], {
    short: "n",
    configured: "nowhere",
    help: "say what would be done, and do nothing",
  }),
  common("json", BOOLEAN, [...WORKING, "version"], {
    configured: "nowhere",
    help: "one JSON object a line on stdout",
  }),
  common("quiet", BOOLEAN, WORKING, { short: "q", help: "only errors on stderr" }),
  common("verbose", BOOLEAN, TALKING, {
    short: "v",
    help: "say more; of a transfer, one line a file",
  }),
  common("config", FILE, WORKING, {
    configured: "nowhere",
    help: "this configuration file",
    advanced: true,
  }),
  common(
    "chunk-size",
    {
      kind: "chunk",
      hint: "N",
      min: LIMITS.minChunkBytes,
      max: LIMITS.maxChunkBytes,
    },
    CLIENTS,
    {
      fallback: formatSize(LIMITS.defaultChunkBytes).replace(" ", ""),
      help: `power of two, ${formatSize(LIMITS.minChunkBytes)} to ${
        formatSize(LIMITS.maxChunkBytes)
      }`,
      advanced: true,
    },
  ),
  common("compress", { kind: "compression", hint: "METHOD" }, [...CLIENTS, "bench"], {
    fallback: "auto",
    help: "auto, none or zstd[:LEVEL]",
  }),
  common("workers", count(1, LIMITS.workers), TRANSFERS, {
    help: "threads that hash and compress (default: cores)",
    advanced: true,
  }),
  common("depth", count(1, LIMITS.maxDepth), TRANSFERS, {
    help: "chunks in the pipeline (default: 4 a worker)",
    advanced: true,
  }),
  common("checksum", BOOLEAN, CLIENTS, { help: "compare by content, never by size and time" }),
  common("atomic", BOOLEAN, CLIENTS, { help: "commit nothing before everything is verified" }),
  common("transport", choice(["auto", "quic", "tcp"]), [...SERVERS, ...REACHING], {
    fallback: "auto",
    help: "auto: QUIC and TCP are raced",
    advanced: true,
  }),
  common("quic", choice(QUICS), [...SERVERS, ...REACHING], {
    fallback: "auto",
    help: "Deno's own, or quiche from npm",
    advanced: true,
  }),
  common("congestion", { kind: "choice", hint: "NAME", choices: CONGESTIONS }, [
    ...SERVERS,
    ...REACHING,
  ], {
    fallback: "auto",
    help: "auto: bbr, cubic within the machine",
    advanced: true,
  }),
  common("window", { kind: "size", hint: "SIZE", ...WINDOW_BYTES }, [...SERVERS, ...REACHING], {
    help: "bytes a stream may be ahead (quiche and TLS)",
    advanced: true,
  }),
  common("connections", countOrAuto(1, LIMITS.connections), [...CLIENTS, "bench"], {
    fallback: "auto",
    help: "by what is measured, or exactly N",
    advanced: true,
  }),
  common("lanes", countOrAuto(1, LANES_MAX), [...CLIENTS, "bench"], {
    fallback: "auto",
    help: "data streams over all connections",
    advanced: true,
  }),
  common("network-threads", countOrAuto(0, LIMITS.networkThreads), TRANSFERS, {
    fallback: "auto",
    help: "threads for further QUIC connections",
    advanced: true,
  }),
  common("bwlimit", { kind: "rate", hint: "RATE", ...RATES }, [...TRANSFERS, "bench"], {
    help: "at most this rate, as 10MB/s",
    advanced: true,
  }),
  common("timeout", { kind: "duration", hint: "D", ...TIMEOUT_MS }, [...SERVERS, ...REACHING], {
    fallback: "30s",
    help: "longest time without the peer",
  }),
  common("keep-for", { kind: "duration", hint: "D", ...KEEP_MS }, [...SERVERS, "get"], {
    fallback: `${LIMITS.keepForMs / DAY_MS}d`,
    help: "how long what broke off can resume",
    advanced: true,
  }),
  common("identity", FILE, [...SERVERS, ...REACHING, "init", "ticket", "keys"], {
    help: "this user's identity file",
    advanced: true,
  }),
  common("known-hosts", FILE, [...REACHING, "keys"], {
    help: "the file of known servers",
    advanced: true,
  }),
  common("pin", { kind: "identity", hint: "IDENTITY" }, REACHING, {
    help: "the server must prove this identity",
  }),
  common("ticket-file", FILE, REACHING, {
    help: "read the ticket for @ from here (or SFTPX_TICKET)",
  }),
  common("help", BOOLEAN, EVERYWHERE, {
    short: "h",
    typed: true,
    configured: "nowhere",
    help: "show this; with --verbose all flags",
  }),
  common("version", BOOLEAN, [], {
    short: "V",
    typed: true,
    configured: "nowhere",
    help: "show the version",
  }),
] as const satisfies readonly FlagSpec[];

// What a `--json` line holds beside `v`, `event` and `time`: one type for each event that is no event
// of a session. `events.schema.json` says the same to programs. And how a line is written.

import type { Access } from "../trust/grant.ts";

/** Version of the lines' schema, of those on stdout and of a log alike. */
export const SCHEMA_VERSION = 1;

/** What a line may hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** What `JSON.stringify` leaves as it is though a terminal or an eye takes it for something else. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * One line of JSON, safe on a terminal: what a peer put into a name or a link's target turns no text
 * around and ends no line. Every character is still there, as `\uXXXX`.
 */
export function jsonText(value: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(value).replace(UNSAFE, (character) => {
    const units = Array.from(character.split(""), (unit) => unit.charCodeAt(0));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}

/** The lines that are no event of a session, by their `event`. */
export type Lines = {
  readonly listening: ListeningLine;
  readonly identity: { readonly identity: string };
  readonly version: VersionLine;
  /** A peer of `serve` that was let in, and one that left. */
  readonly peer: PeerLine;
  readonly peer_left: PeerLine;
  readonly peer_refused: PeerRefusedLine;
  readonly access: AccessLine;
  readonly reloaded: ReloadedLine;
  readonly listing: ListingLine;
  readonly resumable: ResumableLine;
  readonly cleaned: CleanedLine;
  readonly ticket: TicketLine;
  readonly key: KeyLine;
  readonly bench: BenchLine;
  readonly verdict: VerdictLine;
  readonly config: ConfigLine;
  readonly end: EndLine;
};

/** What `serve` tells first. */
export type ListeningLine = {
  readonly address: string;
  readonly port: number;
  readonly identity: string;
  /** The one place a ticket is shown (I9); null without one. */
  readonly ticket: string | null;
};

/** What `version` tells; all but the version with `--verbose` only. */
export type VersionLine = {
  readonly version: string;
  readonly runtime?: string;
  readonly platform?: string;
  /** What does a job, by job. */
  readonly codecs?: Readonly<Record<string, string>>;
  /** How names below a root are reached. */
  readonly door?: string;
  /** `unavailable` is null for one that can be used. */
  readonly transports?: readonly { readonly name: string; readonly unavailable: string | null }[];
};

/** A peer of `serve` that came or went. */
export type PeerLine = { readonly address: string; readonly identity: string };

/** A peer of `serve` that was turned away. */
export type PeerRefusedLine = {
  readonly address: string;
  /** Of an authorized key that proved it; null for all others. */
  readonly identity: string | null;
  readonly code: string;
  readonly message: string;
  readonly count: number;
};

/** What a peer asked of `serve`, and what came of it. */
export type AccessLine = {
  readonly address: string;
  readonly identity: string;
  readonly asked: "push" | "pull" | "list" | "measure";
  readonly transfer: number | null;
  /** At most 8. */
  readonly paths: readonly string[];
  /** How many more there were. */
  readonly morePaths: number;
  /** Nothing was done: counts are of the plan. */
  readonly dryRun: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly wireBytes: number;
  readonly seconds: number;
  /** `ok` or a code of base/errors. */
  readonly result: string;
  /** What was wrong, naming the restriction that refused; null for `ok`. */
  readonly reason: string | null;
};

/** The authorized keys of `serve` were read anew. */
export type ReloadedLine = {
  /** Keys now in force; null when the old ones still hold, or where none are read from a file. */
  readonly keys: number | null;
  readonly error?: { readonly code: string; readonly message: string };
};

/** A line of `ls`. Text as the peer has it, not escaped: a program needs the name itself. */
export type ListingLine = {
  readonly path: string;
  readonly kind: "file" | "directory" | "link";
  readonly bytes: number;
  /** Permission bits, four octal digits. */
  readonly mode: string;
  /** RFC 3339, UTC. */
  readonly mtime: string;
  readonly target?: string;
};

/** The last line of a command that is no transfer: `ls`, `status`, `clean`, `ticket` and so on. */
export type EndLine = {
  readonly ok: boolean;
  /** Lines told before this one. */
  readonly count: number;
  /** Of what was asked for, what could not be told; each was told as `entry_failed`. */
  readonly failed: number;
};

/** What is held of a transfer that broke off. */
export type HeldFields = {
  /** Identity of the peer it came from, 52 base32 characters. */
  readonly peer: string;
  /** Source names as given, the first few. */
  readonly sources: readonly string[];
  /** How many more were given; absent for none. */
  readonly moreSources?: number;
  /** Under the ROOT. */
  readonly destination: string;
  readonly files: number;
  readonly heldBytes: number;
  readonly totalBytes: number;
  /** RFC 3339, UTC. */
  readonly started: string;
  /** When something of it was last made durable. */
  readonly lastWorkedOn: string;
  /** Time since then. */
  readonly ageSeconds: number;
};

/** A transfer that can be resumed: a line of `status`. */
export type ResumableLine = HeldFields & { readonly running: boolean };

/** A transfer that can be resumed no more: a line of `clean`. */
export type CleanedLine = HeldFields & {
  /** Nothing was done: it would be removed. */
  readonly dryRun: boolean;
};

/** A ticket made, listed, revoked or forgotten. */
export type TicketLine = {
  readonly id: string;
  /** Only where it was just made (I9). */
  readonly ticket?: string;
  readonly root: string;
  /** Under the ROOT; empty for all of it. */
  readonly path: string;
  readonly access: Access;
  /** Bytes that may be kept there, and of one file; absent for no bound. */
  readonly quotaBytes?: number;
  readonly maxFileBytes?: number;
  /** Null for any number. */
  readonly uses: number | null;
  readonly usesLeft: number | null;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly expires: string;
  readonly state: "valid" | "expired" | "used" | "revoked" | "ended";
};

/** A key listed, or one that `keys` added to a file or took out of it. */
export type KeyLine = {
  readonly role: "own" | "authorized" | "known_host";
  /** What was done; absent in a list. */
  readonly change?: "added" | "removed";
  /** 52 base32 characters. */
  readonly identity: string | null;
  /** What it may do at most: `restrictions` say where, how much and how long. */
  readonly access?: Access;
  /** As they stand before the identity; absent where there are none. */
  readonly restrictions?: readonly string[];
  /** It is over, and lets nobody in; absent otherwise. */
  readonly expired?: true;
  readonly comment?: string;
  /** Of a known host, as HOST:PORT. */
  readonly host?: string;
  readonly file: string;
};

/** One measurement. */
export type BenchLine = {
  /** `pipe`, `hash`, `zstd`, `disk`, `peer`. */
  readonly bench: string;
  /** What of it was measured: `up`, `write`, `compress text`. */
  readonly name: string;
  /** Null where it was not allowed or could not be measured. */
  readonly bytesPerSecond: number | null;
  readonly bytes: number;
  readonly seconds: number;
  /** What did it: an implementation, an address. */
  readonly by?: string;
  readonly rttMs?: number;
  /** Compressed size over original size. */
  readonly ratio?: number;
  /** What carried it: the stack, and over how many connections and lanes. */
  readonly stack?: string;
  readonly connections?: number;
  readonly lanes?: number;
  /** Of the server, where there is one. */
  readonly address?: string;
  /** Of packets, where the stack tells; of datagrams, at this machine's own sockets. */
  readonly lossRatio?: number;
  readonly dropRatio?: number;
  /** Of all processors of this machine, 0 to 1. */
  readonly busyShare?: number;
  /** Of the same, what this program used. */
  readonly ownShare?: number;
  /** How many worked on it, and what they reached of as many times one thread alone. */
  readonly threads?: number;
  readonly scaling?: number;
  /** Why there is no rate. */
  readonly problem?: string;
};

/** What measurements mean together. */
export type VerdictLine = {
  readonly direction: "send" | "receive";
  readonly bound: "limit" | "disk" | "cpu" | "window" | "kernel_buffer" | "loss" | "link";
  /** What a transfer can reach. */
  readonly bytesPerSecond: number;
  readonly message: string;
  readonly advice: readonly string[];
  readonly commands: readonly string[];
};

/** A flag's value and where it came from. */
export type SettingLine = {
  readonly name: string;
  readonly value: string;
  readonly source: string;
};

/** What `config show` tells. */
export type ConfigLine = {
  readonly path: string;
  readonly present: boolean;
  readonly settings: readonly SettingLine[];
  readonly hosts: readonly { readonly name: string; readonly settings: readonly SettingLine[] }[];
};

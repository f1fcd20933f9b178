// What a command line came to mean: one discriminated union, every value checked, every default
// filled in. Plain data; `arguments.ts` makes it, the commands' run functions take it.

import type { CompressionChoice } from "../session/compression.ts";
import type { ReceivePolicy } from "../session/options.ts";
import type { QuicChoice, TransportName } from "../session/transports.ts";
import type { Access, Grant } from "../trust/grant.ts";
import type { Congestion } from "../transport/transport.ts";
import type { CommandName } from "./commands.ts";
import type { Expiry } from "./expiry.ts";
import type { HostPort, RemoteTarget } from "./target.ts";

/** How a command talks. */
export interface OutputChoices {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** To be told on stderr before the work: values echoed back, flags without effect. */
  readonly notes: readonly string[];
}

/** The common flags, with their defaults filled in. */
export interface TransferChoices {
  readonly chunkBytes: number;
  readonly compression: CompressionChoice;
  /** 0 means one a core. */
  readonly workerCount: number;
  /** 0 means clamp(4 x workers). */
  readonly depth: number;
  readonly checksum: boolean;
  readonly atomic: boolean;
  readonly connections: number;
  readonly lanes: number;
  /** 0 for none; null means by the number of cores. */
  readonly networkThreads: number | null;
  readonly transport: TransportName;
  readonly quic: QuicChoice;
  readonly congestion: Congestion;
  /** Bytes of one stream that may be under way; absent for the transport's own measure. */
  readonly windowBytes?: number;
  /** Bytes of files a second, at most; absent for no limit. */
  readonly rateBytesPerSecond?: number;
  readonly timeoutMs: number;
  /** How long what breaks off here is kept. */
  readonly keepForMs: number;
  /** What is taken of links and modes, and how surely; a sender looks at `links` only. */
  readonly policy: ReceivePolicy;
  /** As given; null for the user's own. */
  readonly identityPath: string | null;
  readonly knownHostsPath: string | null;
  readonly ticketFile: string | null;
  /** 52 base32 characters, or null. */
  readonly pin: string | null;
}

/** A rule of what travels, or a file of them, in the order of the command line. */
export type FilterChoice =
  | { readonly kind: "rule"; readonly include: boolean; readonly pattern: string }
  /** `-` is stdin. */
  | { readonly kind: "file"; readonly include: boolean; readonly path: string };

/** What `send` and `get` take besides. */
export interface CopyChoices {
  readonly filters: readonly FilterChoice[];
  /** A file of paths below the one source, `-` for stdin; null for all. */
  readonly filesFrom: string | null;
  readonly dryRun: boolean;
  readonly delete: boolean;
  /** A variable or a configuration says so, not the command line: where it can be meant. */
  readonly deleteByDefault: boolean;
  readonly failIfUnchanged: boolean;
}

export interface ServeCommand {
  readonly name: "serve";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  readonly root: string;
  readonly listen: HostPort;
  /** Port 0 for the one listened on. */
  readonly advertise: readonly HostPort[];
  readonly access: Access;
  readonly once: boolean;
  readonly authorizedKeysPath: string | null;
  readonly mintTicket: boolean;
  /** How what happens is told on stderr. */
  readonly logFormat: "text" | "json";
  /** Written once it listens, removed when it stops; null for none. */
  readonly readyFile: string | null;
}

export interface SendCommand {
  readonly name: "send";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  /** As given. */
  readonly sources: readonly string[];
  readonly destination: RemoteTarget;
  readonly copy: CopyChoices;
}

export interface GetCommand {
  readonly name: "get";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  /** All on one server. */
  readonly sources: readonly RemoteTarget[];
  /** As given. */
  readonly destination: string;
  readonly copy: CopyChoices;
}

export interface LsCommand {
  readonly name: "ls";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  readonly target: RemoteTarget;
  readonly long: boolean;
  readonly recursive: boolean;
  readonly filters: readonly FilterChoice[];
}

export interface StatusCommand {
  readonly name: "status";
  readonly output: OutputChoices;
  readonly root: string;
}

export interface CleanCommand {
  readonly name: "clean";
  readonly output: OutputChoices;
  readonly root: string;
  /** Only what was last worked on longer ago; null for all that does not run. */
  readonly olderThanMs: number | null;
  readonly dryRun: boolean;
}

/** What a grant is bounded by; absent for no bound. */
export type GrantBounds = Pick<Grant, "quotaBytes" | "maxFileBytes">;

/** What `ticket` is to do. */
export type TicketAction =
  | {
    readonly kind: "create";
    readonly root: string;
    /** Path under ROOT it is for, with `/`; empty for all of it. */
    readonly path: string;
    readonly access: Access;
    readonly bounds: GrantBounds;
    /** Transfers it is good for; null for any number. */
    readonly uses: number | null;
    readonly expires: Expiry;
    /** Port 0 for the one that the root is served on. */
    readonly advertise: readonly HostPort[];
  }
  /** Null lists those of every ROOT. */
  | { readonly kind: "list"; readonly root: string | null }
  /** Null forgets those of every ROOT that open nothing any more. */
  | { readonly kind: "prune"; readonly root: string | null }
  /** First characters of its id, as `list` shows it. */
  | { readonly kind: "revoke"; readonly id: string };

export interface TicketCommand {
  readonly name: "ticket";
  readonly output: OutputChoices;
  readonly identityPath: string | null;
  readonly action: TicketAction;
}

/** What `keys` is to do. Identities are 52 base32 characters. */
export type KeysAction =
  | { readonly kind: "list" }
  | {
    readonly kind: "authorize";
    readonly identity: string;
    readonly access: Access;
    /** Path under ROOT it is for, with `/`; empty for all of it. */
    readonly path: string;
    readonly bounds: GrantBounds;
    /** Addresses and ranges that its holder may come from; null for anywhere. */
    readonly from: readonly string[] | null;
    /** When it ends; null for never. */
    readonly expires: Expiry | null;
    readonly comment: string;
  }
  | { readonly kind: "revoke"; readonly identity: string }
  | { readonly kind: "trust"; readonly host: HostPort; readonly identity: string }
  | { readonly kind: "forget"; readonly host: HostPort };

export interface KeysCommand {
  readonly name: "keys";
  readonly output: OutputChoices;
  readonly action: KeysAction;
  readonly identityPath: string | null;
  readonly knownHostsPath: string | null;
  readonly authorizedKeysPath: string | null;
}

export const BENCHES = ["pipe", "hash", "zstd", "disk"] as const;
export type Bench = typeof BENCHES[number];

export interface BenchCommand {
  readonly name: "bench";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  /** What of this machine to measure, in this order. */
  readonly benches: readonly Bench[];
  /** Where `disk` writes; null for the temporary directory. */
  readonly directory: string | null;
  /** A peer to measure the path to. */
  readonly target: RemoteTarget | null;
  /** Bytes each measurement moves at most. */
  readonly bytes: number;
  /** Where a page of HTML goes, as given; null for none. */
  readonly report: string | null;
}

export interface CompletionsCommand {
  readonly name: "completions";
  readonly output: OutputChoices;
  readonly shell: "bash" | "zsh" | "fish";
}

export interface ManCommand {
  readonly name: "man";
  readonly output: OutputChoices;
}

/** One flag's value and where it came from. */
export interface Setting {
  /** Without its dashes. */
  readonly name: string;
  readonly value: string;
  /** `default`, `SFTPX_X`, or `config.toml:LINE`. */
  readonly source: string;
}

export interface ConfigCommand {
  readonly name: "config";
  readonly output: OutputChoices;
  /** Path of the configuration file, whether it is there or not. */
  readonly path: string;
  readonly isPresent: boolean;
  readonly settings: readonly Setting[];
  /** Named hosts, each with its own settings. */
  readonly hosts: readonly { readonly name: string; readonly settings: readonly Setting[] }[];
}

export interface InitCommand {
  readonly name: "init";
  readonly output: OutputChoices;
  readonly identityPath: string | null;
}

export interface DemoCommand {
  readonly name: "demo";
  readonly output: OutputChoices;
}

export interface HelpCommand {
  readonly name: "help";
  readonly output: OutputChoices;
  readonly topic: CommandName | null;
}

export interface VersionCommand {
  readonly name: "version";
  readonly output: OutputChoices;
}

/** What was asked for. `recv` is `serve` with access `write`. */
export type Command =
  | ServeCommand
  | SendCommand
  | GetCommand
  | InitCommand
  | DemoCommand
  | LsCommand
  | StatusCommand
  | CleanCommand
  | TicketCommand
  | KeysCommand
  | BenchCommand
  | CompletionsCommand
  | ManCommand
  | ConfigCommand
  | HelpCommand
  | VersionCommand;

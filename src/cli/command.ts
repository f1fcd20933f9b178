// What a command line came to mean: one discriminated union, every value checked, every default
// filled in. Plain data; `arguments.ts` makes it, the commands' run functions take it.

import type { Compression } from "../pool/messages.ts";
import type { Congestion } from "../transport/transport.ts";
import type { CommandName } from "./commands.ts";
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
  readonly compression: Compression;
  /** 0 means one a core. */
  readonly workerCount: number;
  /** 0 means clamp(4 x workers). */
  readonly depth: number;
  readonly checksum: boolean;
  readonly atomic: boolean;
  readonly connections: number;
  readonly lanes: number;
  readonly congestion: Congestion;
  readonly timeoutMs: number;
  /** As given; null for the user's own. */
  readonly identityPath: string | null;
  readonly knownHostsPath: string | null;
  readonly ticketFile: string | null;
  /** 52 base32 characters, or null. */
  readonly pin: string | null;
}

export interface ServeCommand {
  readonly name: "serve";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  readonly root: string;
  readonly listen: HostPort;
  readonly advertise: readonly HostPort[];
  readonly access: "read" | "write" | "both";
  readonly once: boolean;
  readonly authorizedKeysPath: string | null;
  readonly mintTicket: boolean;
}

export interface SendCommand {
  readonly name: "send";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  /** As given. */
  readonly sources: readonly string[];
  readonly destination: RemoteTarget;
  readonly failIfUnchanged: boolean;
}

export interface GetCommand {
  readonly name: "get";
  readonly output: OutputChoices;
  readonly transfer: TransferChoices;
  /** All on one server. */
  readonly sources: readonly RemoteTarget[];
  /** As given. */
  readonly destination: string;
  readonly failIfUnchanged: boolean;
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
  | HelpCommand
  | VersionCommand;

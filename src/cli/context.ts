// What a command's run function is given: where to talk, when to stop, whose files to use.

import type {
  BenchCommand,
  CleanCommand,
  Command,
  DemoCommand,
  GetCommand,
  InitCommand,
  KeysCommand,
  LsCommand,
  SendCommand,
  ServeCommand,
  StatusCommand,
  TicketCommand,
} from "./command.ts";
import type { Environment } from "./home.ts";
import type { JsonLines } from "./json.ts";
import type { TextOutput } from "./output.ts";
import type { Terminal } from "./ui/terminal.ts";

/** The surroundings of one command. */
export interface CommandContext {
  /** Data. */
  readonly stdout: TextOutput;
  /** Everything else. */
  readonly terminal: Terminal;
  /** Null without `--json`. */
  readonly json: JsonLines | null;
  readonly env: Environment;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Aborted by SIGINT and SIGTERM, with an `SftpxError` as reason. */
  readonly signal: AbortSignal;
}

/** Runs one command and returns its exit code; throws an `SftpxError` for a failure it has not told. */
export type Run<C extends Command> = (command: C, context: CommandContext) => Promise<number>;

/** Loads the run function of a command, so that `--help` loads none of them. */
export interface Handlers {
  readonly serve: () => Promise<Run<ServeCommand>>;
  readonly send: () => Promise<Run<SendCommand>>;
  readonly get: () => Promise<Run<GetCommand>>;
  readonly ls: () => Promise<Run<LsCommand>>;
  readonly status: () => Promise<Run<StatusCommand>>;
  readonly clean: () => Promise<Run<CleanCommand>>;
  readonly ticket: () => Promise<Run<TicketCommand>>;
  readonly keys: () => Promise<Run<KeysCommand>>;
  readonly bench: () => Promise<Run<BenchCommand>>;
  readonly demo: () => Promise<Run<DemoCommand>>;
  readonly init: () => Promise<Run<InitCommand>>;
  /** What works here, for `--version --verbose`. */
  readonly details: () => Promise<VersionDetails>;
}

/** What `--version --verbose` tells. */
export interface VersionDetails {
  /** As `deno 2.9.6`. */
  readonly runtime: string;
  /** As `linux x86_64`. */
  readonly platform: string;
  /** What does a job, by job: `{ hash: "blake-hash", ... }`. */
  readonly codecs: Readonly<Record<string, string>>;
  /** What confines files to their root: `openat2` or `path checks`. */
  readonly door: string;
  /** `unavailable` says why a transport cannot be used; null when it can. */
  readonly transports: readonly { readonly name: string; readonly unavailable: string | null }[];
}

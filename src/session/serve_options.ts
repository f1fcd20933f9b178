// What the command line asks a server to do, and what it tells. Plain data: no I/O.

import type { SftpxError } from "../base/errors.ts";
import type { ReceivePolicy } from "../store/policy.ts";
import type { Congestion, HostPort, Transport } from "../transport/transport.ts";
import type { Access } from "../trust/grant.ts";
import type { NetworkThreads } from "./network_threads.ts";
import type { SessionEvent, TransferSummary, WorkerUrls } from "./options.ts";

/** What a peer asks of a server. */
export type Asked = "push" | "pull" | "list" | "measure";

/** What `serve` tells; every transfer event carries its transfer's number. */
export type ServeEvent =
  | { readonly kind: "peer"; readonly address: string; readonly identity: string }
  /** A peer left. */
  | { readonly kind: "peer_left"; readonly address: string; readonly identity: string }
  /** What a peer asked for and what came of it: a line of the access log. */
  | {
    readonly kind: "access";
    readonly address: string;
    readonly identity: string;
    readonly asked: Asked;
    /** Of the transfer, where it is one. */
    readonly transfer: number | null;
    /** A plan was asked for, and nothing done. */
    readonly dryRun: boolean;
    /** Paths under the served root: a push's destination, a pull's sources. Escaped. */
    readonly paths: readonly string[];
    /** Further ones that are not named. */
    readonly morePaths: number;
    readonly files: number;
    readonly bytes: number;
    readonly wireBytes: number;
    readonly seconds: number;
    /** `ok` or a code of base/errors. */
    readonly result: string;
    /** What was wrong, naming the restriction that refused; null for `ok`. */
    readonly reason: string | null;
  }
  /** The authorized keys were read anew; the error says why they were not, and the old ones hold. */
  | { readonly kind: "reloaded"; readonly keys: number | null; readonly error: SftpxError | null }
  | {
    readonly kind: "peer_refused";
    /** The last one's, where it stands for several; `*` where they came from many. */
    readonly address: string;
    /** Of an authorized key that proved it; null for all others. */
    readonly identity: string | null;
    readonly code: string;
    readonly message: string;
    /** Peers turned away so since this was last told. */
    readonly count: number;
  }
  /** What its user should know of how it serves. */
  | { readonly kind: "notice"; readonly message: string }
  | { readonly kind: "transfer"; readonly transfer: number; readonly event: SessionEvent }
  | {
    readonly kind: "transfer_done";
    readonly transfer: number;
    readonly summary: TransferSummary;
  };

export interface ServeOptions {
  readonly workers: WorkerUrls;
  readonly transport: Transport;
  /** Directory served, as given. */
  readonly root: string;
  readonly listen: HostPort;
  /** Addresses put into the ticket, port 0 for the one listened on; empty for this machine's own. */
  readonly advertise: readonly HostPort[];
  readonly identityPath: string;
  readonly access: Access;
  readonly once: boolean;
  /**
   * How long `once` waits for a client that was lost to come back, and how long a client may keep a
   * place without moving its transfer while another one asks for it.
   */
  readonly timeoutMs: number;
  /** How long what breaks off is kept. */
  readonly keepForMs: number;
  /** What of links and modes is taken from a push, and how surely. */
  readonly policy: ReceivePolicy;
  /** File of authorized identities, or null. */
  readonly authorizedKeysPath: string | null;
  readonly mintTicket: boolean;
  readonly workerCount: number;
  /** Chunk slots in the pipeline of a transfer; 0 means clamp(4 x workers). */
  readonly depth: number;
  readonly congestion: Congestion;
  /** Bytes of one stream that may be under way; the transport's own measure where absent. */
  readonly windowBytes?: number;
  /** Threads with a port each that clients may spread their connections over; absent for none. */
  readonly networkThreads?: NetworkThreads;
  /** Bytes of files that all clients together move a second, at most; absent for no limit. */
  readonly rateBytesPerSecond?: number;
  /** Time an unauthenticated peer has for its whole handshake; `LIMITS.handshakeMs` by default. */
  readonly handshakeMs?: number;
  /** How often refusals of one address are told; `LIMITS.refusalsToldMs` by default. */
  readonly refusalsToldMs?: number;
  /** The clock that keys and tickets end by; `Date.now` by default. */
  readonly nowMs?: () => number;
  /** How often the keys' file is looked at, at most; `LIMITS.keysLookMs` by default. */
  readonly keysLookMs?: number;
  /** Patience with a silent client whose place another one asks for; `LIMITS.takeoverMs` by default. */
  readonly takeoverMs?: number;
  readonly onEvent: (event: ServeEvent) => void;
  readonly signal: AbortSignal;
}

export interface ServeHandle {
  /**
   * Reads the authorized keys again; tells `reloaded`. Sessions let in by a key that is no longer
   * listed end, in order; in all others what runs goes on, and what is asked for next is under the
   * grant that holds then.
   */
  reload(): Promise<void>;
  readonly address: HostPort;
  /** Server's identity, 52 base32 characters. */
  readonly identity: string;
  /** The one place a ticket is shown (I9); null without one. */
  readonly ticket: string | null;
  /** Settles when serving ended; with `once` its summary, else null. */
  readonly ended: Promise<TransferSummary | null>;
}

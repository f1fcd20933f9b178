// What the command line asks a session to do, and the events it gets back. Plain data: no I/O.

import type { SftpxError } from "../base/errors.ts";
import type { Compression } from "../pool/messages.ts";
import type { ReceivePolicy } from "../store/store.ts";
import type { Congestion, HostPort, Transport } from "../transport/transport.ts";
import type { Access } from "../trust/grant.ts";
import type { Entry, FilterRule, PlanAction } from "../wire/messages.ts";

export { DEFAULT_POLICY, type LinkPolicy, type ModePolicy } from "../store/store.ts";
export type { ReceivePolicy };

/** URLs of the workers, made in `mod.ts` because a bundled binary knows them only there. */
export interface WorkerUrls {
  /** `workers/chunk.ts`: reads, hashes, compresses; decompresses, verifies, writes. */
  readonly chunk: URL;
  /** `workers/store.ts`: walks, journals, commits. */
  readonly store: URL;
}

/** A server to reach, and what proves it. */
export interface Remote {
  /** Tried in order. */
  readonly addresses: readonly HostPort[];
  /** The server's identity: 32 bytes, pinned. */
  readonly identity: Uint8Array;
  /** Bearer secret of a ticket, 32 bytes. */
  readonly ticket: Uint8Array | null;
  /** Path under the grant's root as given, with its trailing `/`; empty for the root. */
  readonly path: string;
}

/** What it takes to reach a server and speak with it. */
export interface SessionOptions {
  readonly transport: Transport;
  /** Absolute path of the identity file, made at first use. */
  readonly identityPath: string;
  readonly connections: number;
  readonly congestion: Congestion;
  /** Longest time without the peer. */
  readonly timeoutMs: number;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

/** What both directions share. */
export interface TransferOptions extends SessionOptions {
  readonly workers: WorkerUrls;
  readonly chunkBytes: number;
  readonly compression: Compression;
  /** Chunk workers; 0 means one a core. */
  readonly workerCount: number;
  /** Chunk slots in the pipeline; 0 means clamp(4 x workers). */
  readonly depth: number;
  /** Lanes over all connections. */
  readonly lanes: number;
  readonly checksum: boolean;
  readonly atomic: boolean;
  /** What does not travel; the first rule that matches decides. */
  readonly filters: readonly FilterRule[];
  /** Only these paths below the one source, which is a directory's contents; null for all. */
  readonly files: readonly string[] | null;
  /** Tells what would be done, as `plan` events, and does nothing. */
  readonly dryRun: boolean;
  /** Removes at the destination what the sources do not have, once everything else is in place. */
  readonly delete: boolean;
  /** `delete` was said for many transfers: off, not wrong, where no source is a directory. */
  readonly deleteByDefault?: boolean;
  /** Tells each entry as `entry` events. */
  readonly tellEntries: boolean;
}

export interface PushOptions extends TransferOptions {
  /** As given by the user. */
  readonly sources: readonly string[];
  readonly remote: Remote;
  /** `skip` offers no links; what becomes of those offered is for the receiving side to say. */
  readonly links?: "keep" | "skip";
}

export interface PullOptions extends TransferOptions {
  /** One remote path each, all on one server. */
  readonly remotes: readonly Remote[];
  /** Local destination as given by the user. */
  readonly destination: string;
  /** How long what breaks off there is kept. */
  readonly keepForMs: number;
  /** What of links and modes is taken, and how surely. */
  readonly policy: ReceivePolicy;
}

/** What one transfer came to. */
export interface TransferSummary {
  readonly ok: boolean;
  /** Files now in place. */
  readonly files: number;
  /** Logical bytes now in place. */
  readonly bytes: number;
  /** Of these, bytes not sent. */
  readonly reusedBytes: number;
  /** Payload bytes on the wire. */
  readonly wireBytes: number;
  readonly seconds: number;
  /** 64 hex digits, or null when no receipt was reached. */
  readonly root: string | null;
  readonly chunkBytes: number;
  /** Entries that failed. */
  readonly failed: number;
  /** Entries made, replaced or given another mode or time; null when no receipt was reached. */
  readonly changed: number | null;
  /** Entries removed because of `delete`, or that would be in a dry run. */
  readonly deleted: number;
  /** Nothing was done: counts are of the plan. */
  readonly dryRun: boolean;
  /** How often the peer was lost and found again. */
  readonly reconnects: number;
  readonly error: SftpxError | null;
}

/** What a transfer is at, as its user sees it. */
export type Phase = "connect" | "reconnect" | "scan" | "send" | "receive" | "verify" | "commit";

/** What a session tells while it runs. Text from a peer is already escaped. */
export type SessionEvent =
  /** `connection` counts from 0. Before the first, only `progress` of phase `connect` is told. */
  | {
    readonly kind: "connected";
    readonly address: string;
    readonly transport: string;
    readonly connection: number;
  }
  /** At the end of a transfer, what each connection carried of it. */
  | {
    readonly kind: "connection";
    readonly connection: number;
    readonly address: string;
    readonly wireBytes: number;
    readonly lanes: number;
    /** Smallest round trip that this end felt, milliseconds; null where it felt none. */
    readonly rttMs: number | null;
  }
  | {
    readonly kind: "start";
    readonly direction: "push" | "pull";
    readonly chunkBytes: number;
    readonly peer: string;
  }
  | {
    readonly kind: "progress";
    readonly phase: Phase;
    readonly bytesDone: number;
    readonly bytesTotal: number | null;
    /** Of `bytesDone`, those not sent. */
    readonly reusedBytes: number;
    readonly wireBytes: number;
    readonly filesDone: number;
    readonly filesTotal: number | null;
    readonly bytesPerSecond: number;
  }
  /** An entry is in place (or gone); only with `tellEntries`. */
  | {
    readonly kind: "entry";
    readonly path: string;
    readonly entryKind: "file" | "directory" | "link";
    readonly sizeBytes: number;
    readonly result: "done" | "unchanged" | "deleted";
  }
  /** A dry run: what would become of an entry. */
  | {
    readonly kind: "plan";
    readonly path: string;
    readonly entryKind: "file" | "directory" | "link";
    readonly sizeBytes: number;
    readonly action: PlanAction | "delete";
    /** Of `fail`. */
    readonly code?: string;
    readonly message?: string;
  }
  /** The peer was lost, or is busy; the command looks for it anew for `withinMs`. */
  | {
    readonly kind: "reconnecting";
    readonly code: string;
    readonly message: string;
    readonly withinMs: number;
  }
  /** It was found: the transfer goes on where it was. */
  | {
    readonly kind: "reconnected";
    readonly address: string;
    /** Time without it. */
    readonly seconds: number;
  }
  /** One entry failed or was skipped; the rest goes on. */
  | {
    readonly kind: "entry_failed";
    readonly path: string;
    readonly code: string;
    readonly message: string;
  }
  | { readonly kind: "notice"; readonly message: string };

/** What `list` gives back, as it comes: text from the peer is for the caller to escape (I9). */
export interface ListOptions extends SessionOptions {
  readonly remote: Remote;
  readonly recursive: boolean;
  readonly filters: readonly FilterRule[];
  readonly onEntry: (entry: Entry) => void;
  /** What could not be listed; the rest goes on. */
  readonly onOmission: (omission: { path: string; code: string; message: string }) => void;
}

export interface MeasureOptions extends SessionOptions {
  readonly remote: Remote;
  readonly lanes: number;
  /** Bytes each way; a direction the grant does not allow is null in the answer. */
  readonly bytes: number;
}

/** What the path to a peer carries. */
export interface Measurement {
  readonly address: string;
  /** Smallest round trip of a few pings, milliseconds. */
  readonly rttMs: number;
  readonly upBytesPerSecond: number | null;
  readonly downBytesPerSecond: number | null;
}

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
    readonly code: string;
    readonly message: string;
    /** Peers turned away so since this was last told. */
    readonly count: number;
  }
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

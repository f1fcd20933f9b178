// What the command line asks a session to do, and the events it gets back; a server's are in
// serve_options.ts. Plain data: no I/O.

import type { SftpxError } from "../base/errors.ts";
import type { CompressionChoice } from "./compression.ts";
import type { NetworkThreads } from "./network_threads.ts";
import type { ReceivePolicy } from "../store/policy.ts";
import type { Congestion, HostPort, Transport } from "../transport/transport.ts";
import type { Entry, FilterRule, PlanAction } from "../wire/messages.ts";

export { DEFAULT_POLICY, type LinkPolicy, type ModePolicy } from "../store/policy.ts";
export type { ReceivePolicy };
export type { Asked, ServeEvent, ServeHandle, ServeOptions } from "./serve_options.ts";

/** URLs of the workers, made in `mod.ts` because a bundled binary knows them only there. */
export interface WorkerUrls {
  /** `workers/chunk.ts`: reads, hashes, compresses; decompresses, verifies, writes. */
  readonly chunk: URL;
  /** `workers/store.ts`: walks, journals, commits. */
  readonly store: URL;
  /** `workers/transport.ts`: QUIC on a thread of its own; absent for one thread. */
  readonly transport?: URL;
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
  /** 0 means as many as help. */
  readonly connections: number;
  readonly congestion: Congestion;
  /** Bytes of one stream that may be under way; the transport's own measure where absent. */
  readonly windowBytes?: number;
  /** Bytes of files that this end moves a second, at most, both ways; absent for no limit. */
  readonly rateBytesPerSecond?: number;
  /** What further connections over QUIC are spread over; absent for this thread alone. */
  readonly networkThreads?: NetworkThreads;
  /** Longest time without the peer. */
  readonly timeoutMs: number;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

/** What both directions share. */
export interface TransferOptions extends SessionOptions {
  readonly workers: WorkerUrls;
  readonly chunkBytes: number;
  readonly compression: CompressionChoice;
  /** Chunk workers; 0 means one a core. */
  readonly workerCount: number;
  /** Chunk slots in the pipeline; 0 means clamp(4 x workers). */
  readonly depth: number;
  /** Lanes over all connections; 0 means as many as help. */
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
  /** Connections that carried bytes of it, and the most lanes that did at once; absent for none. */
  readonly connections?: number;
  readonly lanes?: number;
  /** What controlled the sending, joined by "+"; absent where this end does not know. */
  readonly congestion?: string;
  /**
   * `none`, or the levels that chunks were compressed at, as `zstd:1+zstd:3`; `zstd` at an end that
   * received. Absent where nothing was carried.
   */
  readonly compression?: string;
  /** What `--bwlimit` bounded it by, this end's or, for a sender, its receiver's; absent for none. */
  readonly limitBytesPerSecond?: number;
  /**
   * What carried its bytes, by name, several joined by `+`; where there were none, what its session went
   * over; absent where there was none.
   */
  readonly transport?: string;
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
    /** Name of what carried it; two, with a `+`, where one took the other's place. */
    readonly transport: string;
    readonly wireBytes: number;
    readonly lanes: number;
    /** Smallest round trip that this end felt, else the transport's own measure; null for neither. */
    readonly rttMs: number | null;
    /** Of the packets this end sent, those that were lost; null where the transport does not say. */
    readonly lossRatio: number | null;
    /** Bytes this end may have under way, by the transport's congestion control; null likewise. */
    readonly windowBytes: number | null;
    /** What controls the sending, where this end sent and its transport says. */
    readonly congestion?: string;
  }
  /** How many connections and lanes carry the transfer from now on. */
  | {
    readonly kind: "lanes";
    /** Connections over QUIC and over TCP. */
    readonly quic: number;
    readonly tcp: number;
    /** Over all of them. */
    readonly lanes: number;
    /** Smallest round trip so far; null where it is not known. */
    readonly rttMs: number | null;
    /** What was measured last; null before that. */
    readonly bytesPerSecond: number | null;
    readonly reason: string;
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
    /** Beside `bytesDone`, what lies in parts and is still to be compared; not told to users. */
    readonly heldBytes?: number;
    readonly wireBytes: number;
    readonly filesDone: number;
    readonly filesTotal: number | null;
    /** Entries that were changed so far; not told to users either. */
    readonly changed?: number;
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
  /** Bytes each way at most; a direction the grant does not allow is null in the answer. */
  readonly bytes: number;
  /**
   * A rate is known once bytes have moved for this long: fewer are moved first, then more. Where it is
   * absent, all of them are moved at once.
   */
  readonly enoughMs?: number;
  /** Called when bytes begin to move one way, and when they are over. */
  readonly onDirection?: (direction: "up" | "down", isOver: boolean) => void;
}

/** What the path to a peer carries. */
export interface Measurement {
  readonly address: string;
  /** Smallest round trip of a few pings, milliseconds. */
  readonly rttMs: number;
  readonly upBytesPerSecond: number | null;
  readonly downBytesPerSecond: number | null;
  /** What the rates were taken of. */
  readonly upBytes: number;
  readonly downBytes: number;
  /** The stack that carried it, and over how many connections. */
  readonly stack: string;
  readonly connections: number;
  /** Of packets, the worst connection's; null where the stack does not tell. */
  readonly lossRatio: number | null;
}

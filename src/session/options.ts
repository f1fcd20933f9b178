// What the command line asks a session to do, and the events it gets back. Plain data: no I/O.

import type { SftpxError } from "../base/errors.ts";
import type { Congestion, Transport } from "../transport/transport.ts";
import type { Compression } from "../pool/messages.ts";

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
  readonly addresses: readonly { readonly hostname: string; readonly port: number }[];
  /** The server's identity: 32 bytes, pinned. */
  readonly identity: Uint8Array;
  /** Bearer secret of a ticket, 32 bytes. */
  readonly ticket: Uint8Array | null;
  /** Path under the grant's root as given, with its trailing `/`; empty for the root. */
  readonly path: string;
}

/** What both directions share. */
export interface TransferOptions {
  readonly workers: WorkerUrls;
  readonly transport: Transport;
  /** Absolute path of the identity file, made at first use. */
  readonly identityPath: string;
  readonly chunkBytes: number;
  readonly compression: Compression;
  /** Chunk workers; 0 means one a core. */
  readonly workerCount: number;
  /** Chunk slots in the pipeline; 0 means clamp(4 x workers). */
  readonly depth: number;
  readonly connections: number;
  /** Lanes over all connections. */
  readonly lanes: number;
  readonly congestion: Congestion;
  readonly checksum: boolean;
  readonly atomic: boolean;
  /** Longest time without the peer. */
  readonly timeoutMs: number;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

export interface PushOptions extends TransferOptions {
  /** As given by the user. */
  readonly sources: readonly string[];
  readonly remote: Remote;
}

export interface PullOptions extends TransferOptions {
  /** One remote path each, all on one server. */
  readonly remotes: readonly Remote[];
  /** Local destination as given by the user. */
  readonly destination: string;
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
  /** Entries made, replaced or given another mode or time; absent where that is not known. */
  readonly changed?: number;
  readonly error: SftpxError | null;
}

/** What a session tells while it runs. Text from a peer is already escaped. */
export type SessionEvent =
  | { readonly kind: "connected"; readonly address: string; readonly transport: string }
  | {
    readonly kind: "start";
    readonly direction: "push" | "pull";
    readonly chunkBytes: number;
    readonly peer: string;
  }
  | {
    readonly kind: "progress";
    readonly bytesDone: number;
    readonly bytesTotal: number | null;
    readonly wireBytes: number;
    readonly filesDone: number;
    readonly filesTotal: number | null;
    readonly bytesPerSecond: number;
  }
  /** One entry failed or was skipped; the rest goes on. */
  | {
    readonly kind: "entry_failed";
    readonly path: string;
    readonly code: string;
    readonly message: string;
  }
  | { readonly kind: "notice"; readonly message: string };

/** What `serve` tells; every transfer event carries its transfer's number. */
export type ServeEvent =
  | { readonly kind: "peer"; readonly address: string; readonly identity: string }
  | {
    readonly kind: "peer_refused";
    readonly address: string;
    readonly code: string;
    readonly message: string;
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
  readonly listen: { readonly hostname: string; readonly port: number };
  /** Addresses put into the ticket; empty means this machine's own. */
  readonly advertise: readonly { readonly hostname: string; readonly port: number }[];
  readonly identityPath: string;
  readonly access: "read" | "write" | "both";
  readonly once: boolean;
  /** File of authorized identities, or null. */
  readonly authorizedKeysPath: string | null;
  readonly mintTicket: boolean;
  readonly workerCount: number;
  /** Chunk slots in the pipeline of a transfer; 0 means clamp(4 x workers). */
  readonly depth: number;
  readonly congestion: Congestion;
  /** Time an unauthenticated peer has for its whole handshake; `LIMITS.handshakeMs` by default. */
  readonly handshakeMs?: number;
  readonly onEvent: (event: ServeEvent) => void;
  readonly signal: AbortSignal;
}

export interface ServeHandle {
  readonly address: { readonly hostname: string; readonly port: number };
  /** Server's identity, 52 base32 characters. */
  readonly identity: string;
  /** The one place a ticket is shown (I9); null without one. */
  readonly ticket: string | null;
  /** Settles when serving ended; with `once` its summary, else null. */
  readonly ended: Promise<TransferSummary | null>;
}

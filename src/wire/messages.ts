// The control messages of protocol 1 as TypeScript types. `control.ts` turns them into bytes and
// back; PROTOCOL.md says what each one means. Nothing here does I/O.

import type { FilterRule } from "../base/filter.ts";

export type { FilterRule } from "../base/filter.ts";

/** What an entry is. Devices, sockets and pipes are never offered. */
export type EntryKind = "file" | "directory" | "link";

/** What a source looked like when it was read; compared before and after, and on resume. */
export interface Stamp {
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: number;
  /** Modification time, nanoseconds since 1970, to the runtime's resolution. */
  readonly mtimeNs: bigint;
  /** Change time, nanoseconds since 1970, to the runtime's resolution. */
  readonly ctimeNs: bigint;
}

/** One line of the manifest. */
export interface Entry {
  /** Relative path with `/`, NFC not required, never empty, `.`, `..` or absolute. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Logical size in bytes; 0 for directories and links. */
  readonly sizeBytes: number;
  /** Modification time, nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Permission bits (0o7777 at most). */
  readonly mode: number;
  /** The source has holes: zero runs may be left unwritten. */
  readonly sparse?: boolean;
  /** Link target, for links only. */
  readonly target?: string;
  /** Source stamp, for files only. */
  readonly stamp?: Stamp;
}

/** One source of an offer, as its name reaches the destination. */
export interface OfferedSource {
  /** Base name; for `contents` the name the directory had (not part of the entries' paths). */
  readonly name: string;
  readonly kind: EntryKind;
  /** The source was written `dir/`, `.` or `..`: its entries come without its own name. */
  readonly contents: boolean;
  /** What a file takes on disk at least, as far as it is known: for the receiver to look for room. */
  readonly sizeBytes?: number;
}

/** One source a puller asks for. */
export interface RequestedSource {
  /** Path under the grant's root, as given (trailing `/` means contents or follow). */
  readonly path: string;
}

/** `[first, count]` of consecutive numbers. */
export type Range = readonly [first: number, count: number];

/** What the receiver wants of an entry that is not known to be new. */
export type Verdict =
  /** Nothing usable is here: send every chunk. */
  | { readonly entry: number; readonly want: "all" }
  /** Already in place; `digest` is its file digest, taken into the root unread. */
  | { readonly entry: number; readonly want: "none"; readonly digest: Uint8Array }
  /** Chunks named by preceding Have messages are here; send what differs or is missing. */
  | { readonly entry: number; readonly want: "rest" };

/** An entry that cannot be sent or placed, with the reason. */
export interface EntryFailure {
  readonly entry: number;
  /**
   * A code of base/errors; an unknown one is read as `failed`. From a receiver, of a link, `skipped`
   * says that it takes no links: that entry is neither in place nor failed.
   */
  readonly code: string;
  readonly message: string;
}

/** Opens every connection, both ways. */
export interface Hello {
  readonly type: "hello";
  readonly version: number;
  readonly capabilities: readonly string[];
  /** 32 random bytes. */
  readonly nonce: Uint8Array;
  /** Program and version, for logs only. */
  readonly agent: string;
}

/** Client to server: proves its identity, and presents a ticket if it has one. */
export interface Auth {
  readonly type: "auth";
  /** Ed25519 public key, 32 bytes. */
  readonly identity: Uint8Array;
  /** Ed25519 signature, 64 bytes; see trust/client_auth for what it signs. */
  readonly signature: Uint8Array;
  /** The ticket's bearer secret, 32 bytes. */
  readonly ticket?: Uint8Array;
}

/** Server to client: the session is open. */
export interface Welcome {
  readonly type: "welcome";
  /** Names the session in joins; not a secret. */
  readonly session: number;
  /** 32 random bytes that prove a join; a secret. */
  readonly key: Uint8Array;
  readonly read: boolean;
  readonly write: boolean;
  readonly maxConnections: number;
  readonly maxLanes: number;
  /** Further ports that the server opens for who asks (Ports); absent for none. */
  readonly ports?: number;
}

/** Client to server on a further connection, after the hellos. */
export interface Join {
  readonly type: "join";
  readonly session: number;
  /** 1-based number of this connection in its session; 0 is the first connection. */
  readonly connection: number;
  /** HMAC-SHA-256, 32 bytes; see trust/join. */
  readonly mac: Uint8Array;
}

/** Server to client: the join holds. */
export interface Joined {
  readonly type: "joined";
  readonly connection: number;
}

/** Either way, last message on a connection: why it ends here. */
export interface Refuse {
  readonly type: "refuse";
  readonly code: string;
  readonly message: string;
}

/** Puller to server: offer me these. */
export interface Request {
  readonly type: "request";
  readonly transfer: number;
  readonly sources: readonly RequestedSource[];
  readonly chunkBytes: number;
  /** `auto`, `none`, `zstd` or `zstd:LEVEL`. */
  readonly compress: string;
  /** Lanes the sender may open, over all connections. */
  readonly lanes: number;
  /**
   * What the sender may change by what it measures: how many lanes there are, how many connections (it
   * asks for them: Widen), or both. Absent where all is as the client says.
   */
  readonly adapts?: "lanes" | "connections" | "both";
  /** The sender leaves out what these exclude. */
  readonly filters: readonly FilterRule[];
  /** Of the one source, a directory's contents, only these paths below it and what they contain. */
  readonly files?: readonly string[];
  /** Offer a plan: entries are announced, nothing is sent (`Offer.dryRun` answers the same). */
  readonly dryRun: boolean;
}

/** Sender to receiver: what comes, where to. */
export interface Offer {
  readonly type: "offer";
  readonly transfer: number;
  /** In request order: index in this list is what `Accept.fresh` answers. */
  readonly sources: readonly OfferedSource[];
  /** Path under the grant's root; empty for the root. Not looked at by a puller. */
  readonly destination: string;
  /** Written with a trailing `/`, or more than one source: DEST is a directory. */
  readonly intoDirectory: boolean;
  readonly chunkBytes: number;
  readonly checksum: boolean;
  readonly atomic: boolean;
  /** Source names exactly as the user gave them; part of the resume key. */
  readonly given: readonly string[];
  /** The sender's clock before its walk, nanoseconds since 1970; journalled beside the stamps. */
  readonly nowNs: bigint;
  /** Once all is committed and nothing failed, remove from the directories offered what was not. */
  readonly delete: boolean;
  /** What `delete` spares, as the sender's walk did. Empty without it. */
  readonly filters: readonly FilterRule[];
  /** The receiver changes nothing and answers Planned, Deleted and PlanEnd instead. */
  readonly dryRun: boolean;
}

/** Receiver to sender: go. */
export interface Accept {
  readonly type: "accept";
  readonly transfer: number;
  /** For each source: nothing stands there and no part is held; its entries get no verdicts. */
  readonly fresh: readonly boolean[];
  /** The receiver's chunk size wins where a journal fixes it; else the offered one. */
  readonly chunkBytes: number;
  /** A hint: what is missing begins here, so the sender may name first what `isFromOn` this path. */
  readonly from?: string;
  /** A hint: the receiver takes no more bytes a second, so the sender need not send faster. */
  readonly rateBytesPerSecond?: number;
}

/**
 * Sender to receiver: entries `first`, `first + 1`, ... in strictly ascending path-byte order, which
 * may begin anew once after an accept with `from`: then all before it are `isFromOn`, none after it is.
 */
export interface Entries {
  readonly type: "entries";
  readonly transfer: number;
  readonly first: number;
  readonly entries: readonly Entry[];
  /** For each entry the index of its source in the offer. */
  readonly sources: readonly number[];
}

/** Sender to receiver: the manifest is whole. */
export interface ManifestEnd {
  readonly type: "manifest_end";
  readonly transfer: number;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

/** Receiver to sender: which chunks it holds already, to be trusted or compared. */
export interface Have {
  readonly type: "have";
  readonly transfer: number;
  readonly entry: number;
  /** Of chunks; ascending, over all messages about a file. */
  readonly ranges: readonly Range[];
  /** Digests of these chunks in order, 32 bytes each. */
  readonly digests: Uint8Array;
  /** The sender's stamp when these were journalled; absent where the receiver read a file. */
  readonly stamp?: Stamp;
  /** When that stamp was recorded, nanoseconds since 1970 by the sender's clock. */
  readonly recordedNs?: bigint;
}

/** Receiver to sender: verdicts for entries of sources that are not fresh. */
export interface Need {
  readonly type: "need";
  readonly transfer: number;
  readonly verdicts: readonly Verdict[];
}

/** One sealed file. */
export interface SealedFile {
  readonly entry: number;
  /** File digest. */
  readonly digest: Uint8Array;
  /** Chunks of the receiver's Have that got no record stand as they are (trusted unread). */
  readonly kept: boolean;
}

/** Sender to receiver: these files were read whole; nothing of them is left to decide. */
export interface Sealed {
  readonly type: "sealed";
  readonly transfer: number;
  readonly files: readonly SealedFile[];
}

/** Either way: these entries failed; the others go on. */
export interface Failed {
  readonly type: "failed";
  readonly transfer: number;
  readonly failures: readonly EntryFailure[];
}

/** What would have been an entry, and why it is none: a name that cannot travel, say. */
export interface Omission {
  /** Path as it would have travelled, for people only: it names nothing on this end. */
  readonly path: string;
  /** A code of base/errors; an unknown one is read as `failed`. */
  readonly code: string;
  readonly message: string;
}

/** Sender to receiver: asked for, and left out of the manifest; counts as failed. */
export interface Omitted {
  readonly type: "omitted";
  readonly transfer: number;
  readonly omissions: readonly Omission[];
}

/** Receiver to sender: every chunk of these frames is verified and written. */
export interface Stored {
  readonly type: "stored";
  readonly transfer: number;
  readonly frames: readonly Range[];
}

/** Receiver to sender: every chunk of these frames is journalled or committed. */
export interface Durable {
  readonly type: "durable";
  readonly transfer: number;
  readonly frames: readonly Range[];
}

/** Receiver to sender: these entries stand under their final names. */
export interface Committed {
  readonly type: "committed";
  readonly transfer: number;
  readonly entries: readonly Range[];
  /** Of these or of those named before, each once: made, replaced, or given another mode or time. */
  readonly changed: readonly Range[];
}

/** Receiver to sender: these were removed, or would be in a dry run; paths below the destination. */
export interface Deleted {
  readonly type: "deleted";
  readonly transfer: number;
  /** A directory's path ends with `/`. For people, as an omission's: it names nothing elsewhere. */
  readonly paths: readonly string[];
  /** What should have been removed and was not; each counts as failed. */
  readonly kept: readonly Omission[];
}

/** What a transfer would do with an entry, or did. */
export type PlanAction =
  /** Nothing stands there. */
  | "create"
  /** Something else stands there and gives way. */
  | "replace"
  /** Its bytes are in place; another mode or time is set. */
  | "update"
  /** Nothing is to be done. */
  | "unchanged"
  /** A file of the same size stands there: its content will decide. */
  | "compare"
  /** A part of it is held from an attempt before. */
  | "resume"
  /** It would fail, for the reason given. */
  | "fail"
  /** A link, and the receiving side takes none. */
  | "skip";

/** One line of a plan. */
export interface PlanStep {
  readonly action: PlanAction;
  /** With `fail` only: a code of base/errors, and its text. */
  readonly code?: string;
  readonly message?: string;
}

/** Receiver to sender, in a dry run: what would become of entries `first`, `first + 1`, ... */
export interface Planned {
  readonly type: "planned";
  readonly transfer: number;
  readonly first: number;
  readonly steps: readonly PlanStep[];
}

/** Receiver to sender, in a dry run, in place of the receipt: the plan is whole. */
export interface PlanEnd {
  readonly type: "plan_end";
  readonly transfer: number;
  readonly entries: number;
  readonly deleted: number;
}

/** Client to server: name what stands at a path, without sending it. */
export interface List {
  readonly type: "list";
  readonly transfer: number;
  /** Path under the grant's root, as given; empty for the root. */
  readonly path: string;
  /** What its directories hold too. */
  readonly recursive: boolean;
  readonly filters: readonly FilterRule[];
}

/** Server to client: a part of the answer, in path-byte order. */
export interface Listing {
  readonly type: "listing";
  readonly transfer: number;
  /** Paths below a listed directory; a file's own name. No stamps. */
  readonly entries: readonly Entry[];
  readonly omissions: readonly Omission[];
  /** Nothing follows (I4). */
  readonly last: boolean;
}

/** Client to server: move bytes that mean nothing, to measure the path between us. */
export interface Measure {
  readonly type: "measure";
  readonly transfer: number;
  /** `up` is towards the server. */
  readonly direction: "up" | "down";
  readonly bytes: number;
  readonly lanes: number;
}

/** Server to client in a pull: so many connections of each way would help; ignorable. */
export interface Widen {
  readonly type: "widen";
  readonly transfer: number;
  /** Connections over QUIC and over TCP, those that are there counted. */
  readonly quic: number;
  readonly tcp: number;
}

/** Whoever received the bytes of a Measure: that they are all here (I4). */
export interface Measured {
  readonly type: "measured";
  readonly transfer: number;
  readonly bytes: number;
}

/** Sender to receiver: every entry is sealed or failed; `root` covers the sealed ones. */
export interface Finish {
  readonly type: "finish";
  readonly transfer: number;
  readonly root: Uint8Array;
  /** Frames sent in all; lanes may still carry some. */
  readonly frames: number;
}

/** Receiver to sender: its signed statement of what it committed. */
export interface Receipt {
  readonly type: "receipt";
  readonly transfer: number;
  /** Root over what was committed. */
  readonly root: Uint8Array;
  readonly files: number;
  readonly bytes: number;
  /** Entries that failed, on either side. */
  readonly failed: number;
  /** Entries made, replaced, or given another mode or time. */
  readonly changed: number;
  /** What `Offer.delete` removed. */
  readonly deleted: number;
  /** Receiver's identity, 32 bytes. */
  readonly identity: Uint8Array;
  /** Ed25519 signature, 64 bytes; see trust/receipt. */
  readonly signature: Uint8Array;
}

/** Sender to receiver: the receipt holds; the transfer is over. */
export interface Done {
  readonly type: "done";
  readonly transfer: number;
}

/** Either way: this transfer ends here, the session goes on. */
export interface Abort {
  readonly type: "abort";
  readonly transfer: number;
  readonly code: string;
  readonly message: string;
}

/** Either way, answered by Pong with the same token: liveness and round-trip time. */
export interface Ping {
  readonly type: "ping";
  readonly token: number;
}

export interface Pong {
  readonly type: "pong";
  readonly token: number;
}

/**
 * Client to server, empty: asks for the further ports that Welcome spoke of. Server to client: those that
 * are open to further connections of this session. Ignorable.
 */
export interface Ports {
  readonly type: "ports";
  readonly ports: readonly number[];
}

/** Either way, with the capability `compressed-messages`: another message, as it stands on the stream. */
export interface Compressed {
  readonly type: "compressed";
  /** Bytes of that message, header included. */
  readonly rawBytes: number;
  /** One zstd frame of them. */
  readonly body: Uint8Array;
}

/** Either way: the session ends in order; nothing follows. */
export interface Bye {
  readonly type: "bye";
}

/** Messages that belong to one transfer. */
export type TransferMessage =
  | Request
  | Offer
  | Accept
  | Entries
  | ManifestEnd
  | Have
  | Need
  | Sealed
  | Failed
  | Omitted
  | Stored
  | Durable
  | Committed
  | Deleted
  | Planned
  | PlanEnd
  | List
  | Listing
  | Measure
  | Measured
  | Widen
  | Finish
  | Receipt
  | Done
  | Abort;

/** Every control message. */
export type Message =
  | Hello
  | Auth
  | Welcome
  | Join
  | Joined
  | Refuse
  | Ping
  | Pong
  | Ports
  | Compressed
  | Bye
  | TransferMessage;

/** Type number on the wire of each message. Bit 15 set: an older peer may ignore it. */
export const MESSAGE_NUMBERS = {
  hello: 0x01,
  auth: 0x02,
  welcome: 0x03,
  join: 0x04,
  joined: 0x05,
  refuse: 0x06,
  bye: 0x07,
  request: 0x10,
  offer: 0x11,
  accept: 0x12,
  entries: 0x13,
  manifest_end: 0x14,
  have: 0x15,
  need: 0x16,
  sealed: 0x17,
  failed: 0x18,
  stored: 0x19,
  durable: 0x1a,
  committed: 0x1b,
  finish: 0x1c,
  receipt: 0x1d,
  done: 0x1e,
  abort: 0x1f,
  omitted: 0x20,
  deleted: 0x21,
  planned: 0x22,
  plan_end: 0x23,
  list: 0x24,
  listing: 0x25,
  measure: 0x26,
  measured: 0x27,
  compressed: 0x28,
  ping: 0x8001,
  pong: 0x8002,
  widen: 0x8003,
  ports: 0x8004,
} as const satisfies Record<Message["type"], number>;

/** Types at or above this bit may be ignored by a peer that does not know them. */
export const IGNORABLE_BIT = 0x8000;

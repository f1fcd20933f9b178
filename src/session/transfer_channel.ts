// One transfer's share of a session, as the hub hands it out: its messages and its lanes, both ways.

import type { ConnectionStats, ReceiveStream, SendStream } from "../transport/transport.ts";
import type { Message, TransferMessage } from "../wire/messages.ts";
import type { Mailbox } from "./mailbox.ts";

/** Where a lane runs. */
export interface LanePath {
  /** Number of its connection in the session; 0 is the first. */
  readonly connection: number;
  /** The other end of that connection, as {@linkcode Connection} names it. */
  readonly address: string;
  /** Name of what carries it. */
  readonly stack: string;
  /** What its transport knows of that connection by now. */
  readonly stats: () => ConnectionStats;
}

/** A lane the peer opened, with the frame header that told whose it is. */
export interface IncomingLane extends LanePath {
  readonly stream: ReceiveStream;
  readonly opening: Uint8Array<ArrayBuffer>;
}

/** A lane this end opened. */
export interface OutgoingLane extends LanePath {
  readonly stream: SendStream;
  /** Settles when its connection has ended: what was written to it may not have arrived. */
  readonly lost: Promise<unknown>;
}

/** A connection of the session. */
export interface ChannelConnection {
  readonly number: number;
  /** Name of what carries it. */
  readonly stack: string;
  /** Its other end, as {@linkcode Connection} names it. */
  readonly address: string;
  /** Its round trip and its loss by its transport's own measure; null where that does not say. */
  readonly rttMs: number | null;
  readonly lossRatio: number | null;
}

/** One transfer's share of a session. */
export interface TransferChannel {
  readonly transfer: number;
  readonly messages: Mailbox<TransferMessage>;
  readonly lanes: Mailbox<IncomingLane>;
  send(message: Message): void;
  /** Opens a lane on this one of the session's connections, or on one of them in turn. */
  openLane(connection?: number): Promise<OutgoingLane>;
  /** The session's connections, as they are now. */
  readonly connections: readonly ChannelConnection[];
  /** Smallest round trip over the session's first connection, milliseconds; null when not known. */
  readonly rttMs: number | null;
  /** Settles when what was sent was taken by the transport: whoever sends much waits here (I8). */
  flushed(): Promise<void>;
  /**
   * Settles when the peer has seen what this end sent so far and what it sent itself was put into
   * `messages`, or it does not answer.
   */
  caughtUp(): Promise<void>;
  /** Forgets the transfer; what still arrives for it, or was not taken yet, is dropped. */
  close(): void;
}

// What one end of a TLS connection hears: where the bytes go that come next, and the frames in them. Bytes
// of a stream go into its reader's memory where they can; nothing of a peer's is believed before it is
// checked (I3).

import { decodeHeader, HEADER_BYTES, type MuxFrame } from "./frames.ts";
import type { ReceiveSide } from "./receive_side.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type DataFrame = Extract<MuxFrame, { kind: "data" }>;
type CloseFrame = Extract<MuxFrame, { kind: "close" }>;

/** Whom it tells what came. Throws what the peer did wrong. */
export interface InboxHost {
  /** A frame that stands for itself. */
  frame(frame: Exclude<MuxFrame, DataFrame | CloseFrame>): void;
  /** Whose bytes a frame brings. */
  receiveSide(stream: number): ReceiveSide;
  /** The peer's last word. */
  closed(code: number, reason: string): void;
}

/** Frame at hand, its payload being received. */
type Incoming =
  | { readonly kind: "data"; readonly side: ReceiveSide; readonly spends: boolean; left: number }
  | { readonly kind: "close"; readonly code: number; readonly reasonBytes: number };

/** Bytes received at once that are not somebody's own: several TLS records. */
const SCRATCH_BYTES = 64 * 1024;

export class Inbox {
  readonly #host: InboxHost;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  readonly #scratchView = new DataView(this.#scratch.buffer);
  #from = 0;
  #to = 0;
  #incoming: Incoming | null = null;
  /** Where the bytes go that are being received, unless that is the scratch. */
  #room: Bytes | null = null;
  /** The peer's last word came. */
  #isClosed = false;

  constructor(host: InboxHost) {
    this.#host = host;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether bytes are to come for a stream whose reader may be about to ask for them. */
  get lacksReader(): boolean {
    return this.#incoming?.kind === "data" && this.#incoming.side.lacksReader;
  }

  /** The reader that is away was waited for: its stream's bytes are held until it comes. */
  waitedForReader(): void {
    if (this.#incoming?.kind === "data") this.#incoming.side.waitedForReader();
  }

  /** Where the next bytes received go; never empty. */
  room(): Bytes {
    this.#room = null;
    if (this.#from === this.#to) {
      this.#from = this.#to = 0;
      if (this.#incoming?.kind === "data") {
        this.#room = this.#incoming.side.room(this.#incoming.left);
      }
    } else if (this.#from > 0) {
      // Less than a header, or a reason.
      this.#scratch.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    return this.#room ?? this.#scratch.subarray(this.#to);
  }

  /** So many bytes were put into the room given last. Throws what the peer did wrong. */
  received(count: number): void {
    const room = this.#room;
    const incoming = this.#incoming;
    if (room !== null && incoming?.kind === "data") {
      incoming.left -= count;
      incoming.side.landed(room, { count, left: incoming.left });
      if (incoming.left === 0) this.#whole(incoming);
      return;
    }
    this.#to += count;
    try {
      while (!this.#isClosed && this.#parse());
    } catch (thrown) {
      this.#dropScratch();
      throw thrown;
    }
    if (this.#isClosed) this.#dropScratch();
  }

  /** What follows the last word, or what is no frame, is nothing that can be read. */
  #dropScratch(): void {
    this.#incoming = null;
    this.#from = this.#to = 0;
  }

  /** Takes what stands in the scratch, a frame's header or bytes of its payload; false to wait for more. */
  #parse(): boolean {
    const there = this.#to - this.#from;
    const incoming = this.#incoming;
    if (incoming === null) {
      if (there < HEADER_BYTES) return false;
      const frame = decodeHeader(this.#scratchView, this.#from);
      this.#from += HEADER_BYTES;
      this.#begin(frame);
      return true;
    }
    if (incoming.kind === "close") {
      if (there < incoming.reasonBytes) return false;
      const reason = this.#scratch.subarray(this.#from, this.#from + incoming.reasonBytes);
      this.#isClosed = true;
      this.#host.closed(incoming.code, new TextDecoder().decode(reason));
      return false;
    }
    if (there === 0) return false;
    const count = Math.min(there, incoming.left);
    const bytes = this.#scratch.subarray(this.#from, this.#from + count);
    this.#from += count;
    incoming.left -= count;
    incoming.side.put(bytes, incoming.left);
    if (incoming.left === 0) this.#whole(incoming);
    return true;
  }

  #begin(frame: MuxFrame): void {
    switch (frame.kind) {
      case "data": {
        const side = this.#host.receiveSide(frame.stream);
        side.announce(frame);
        this.#incoming = { kind: "data", side, spends: frame.spends, left: frame.bytes };
        return;
      }
      case "close":
        this.#incoming = { kind: "close", code: frame.code, reasonBytes: frame.reasonBytes };
        return;
      default:
        return this.#host.frame(frame);
    }
  }

  #whole({ side, spends }: Extract<Incoming, { kind: "data" }>): void {
    this.#incoming = null;
    side.whole({ spends });
  }
}

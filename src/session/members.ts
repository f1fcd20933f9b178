// The connections of one session and the lanes over them. Lanes that this end opens are spread over all
// connections; those of the peer go to the transfer that their first frame names. A connection that dies
// is a member no longer.

import { SftpxError } from "../base/errors.ts";
import type { Connection, ReceiveStream } from "../transport/transport.ts";
import { FRAME_HEADER_BYTES } from "../wire/frame.ts";
import { readExactly } from "./lane_bytes.ts";
import type {
  ChannelConnection,
  IncomingLane,
  LanePath,
  OutgoingLane,
} from "./transfer_channel.ts";

/** What is known of a connection that a session takes in. */
export interface ConnectionOptions {
  /** Its number in the session, as its join named it; 0, the first one's, by default. */
  readonly number?: number;
  /** Its first lane, where somebody waits for it already. */
  readonly firstLane?: Promise<ReceiveStream | null>;
}

export interface MembersOptions {
  /** Takes a lane of the peer's for a transfer; false where there is no such transfer. */
  readonly onLane: (transfer: number, lane: IncomingLane) => boolean;
  /** Something came on a lane. */
  readonly onHeard: () => void;
  /** The monotonic clock, milliseconds; a test brings its own. */
  readonly now?: () => number;
}

/** What a reader may wait for in silence. */
const SOON_MS = 100;

/** A connection of the session, by its number. */
interface Member {
  readonly connection: Connection;
  readonly number: number;
}

export class Members {
  readonly #options: MembersOptions;
  readonly #members: Member[] = [];
  #nextConnection = 0;
  #joining: Promise<void> = Promise.resolve();

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  get connections(): readonly Connection[] {
    return this.#members.map(({ connection }) => connection);
  }

  add(connection: Connection, { number = 0, firstLane }: ConnectionOptions): void {
    const member = { connection, number };
    this.#members.push(member);
    connection.closed.then(() => {
      const at = this.#members.indexOf(member);
      if (at >= 0) this.#members.splice(at, 1);
    });
    this.#acceptLanes(member, firstLane ?? connection.acceptLane());
  }

  /** Further connections are on their way: lanes wait for them. */
  expect(joining: Promise<void>): void {
    this.#joining = joining;
  }

  /** Those there are, by number. */
  get list(): readonly ChannelConnection[] {
    return this.#members.map(({ number, connection }) => {
      const { rttMs, lossRatio } = connection.stats();
      const { stack, remoteAddress: address } = connection;
      return { number, stack, address, rttMs, lossRatio };
    });
  }

  /** Opens a lane on this connection, or on one of them in turn. */
  async openLane(number?: number): Promise<OutgoingLane> {
    const member = number === undefined
      ? await this.#nextMember()
      : this.#members.find((member) => member.number === number);
    if (member === undefined) throw new SftpxError("lost", "Lost the peer: no connection left");
    const { connection } = member;
    const stream = await connection.openLane();
    return { stream, lost: connection.closed, ...pathOf(member) };
  }

  async #nextMember(): Promise<Member | undefined> {
    const turn = this.#nextConnection++;
    // The first one flows at once; the others are spread over all that there are to be.
    if (turn > 0) await this.#joining;
    return this.#members[turn % this.#members.length];
  }

  async #acceptLanes(
    member: Member,
    firstLane: Promise<ReceiveStream | null>,
  ): Promise<void> {
    for (let next = firstLane;; next = member.connection.acceptLane()) {
      const stream = await next.catch(() => null);
      if (stream === null) return;
      this.#sortLane(stream, pathOfPeers(member)).catch(() => stream.cancel());
    }
  }

  async #sortLane(stream: ReceiveStream, path: LanePath): Promise<void> {
    const heard = this.#listening(stream);
    const opening = await readExactly(heard, new ArrayBuffer(FRAME_HEADER_BYTES), {
      bytes: FRAME_HEADER_BYTES,
    });
    if (opening === null) return stream.cancel();
    const transfer = new DataView(opening.buffer).getUint32(4);
    if (!this.#options.onLane(transfer, { stream: heard, opening, ...path })) stream.cancel();
  }

  /**
   * What comes on a lane is a sign of life too: on a full link no answer comes for long. So a reader that
   * would wait for much waits only for what comes soon, at the pace of the last read.
   */
  #listening(stream: ReceiveStream): ReceiveStream {
    const { onHeard, now = () => performance.now() } = this.#options;
    let soonBytes = 1;
    return {
      read: async (into, { leastBytes = 1 } = {}) => {
        const [askedMs, wantedBytes] = [now(), into.byteLength];
        const got = await stream.read(into, { leastBytes: Math.min(leastBytes, soonBytes) });
        if (got === null) return null;
        const tookMs = Math.max(1, now() - askedMs);
        const pace = Math.max(1, Math.floor(got.byteLength / tookMs * SOON_MS));
        // One that got all it wanted tells of no slowness: it may have been a header.
        soonBytes = got.byteLength === wantedBytes ? Math.max(soonBytes, pace) : pace;
        onHeard();
        return got;
      },
      cancel: () => stream.cancel(),
    };
  }
}

function pathOf({ connection, number }: Member): LanePath {
  const stats = () => connection.stats();
  const { stack, remoteAddress: address } = connection;
  return { connection: number, address, stack, stats };
}

/** Of a lane that the peer sends on: what controls this end's sending says nothing of it. */
function pathOfPeers(member: Member): LanePath {
  const path = pathOf(member);
  return {
    ...path,
    stats: () => {
      const { congestion: _, ...stats } = path.stats();
      return stats;
    },
  };
}

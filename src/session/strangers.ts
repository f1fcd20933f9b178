// Peers that shook hands and have not yet proved who they are: how many there may be, from one
// address and in all, that none of them opens a lane (I3, I8), and how one is shown out.

import { sourceOf } from "../base/address.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { Places } from "../base/places.ts";
import type { Connection, ReceiveStream } from "../transport/transport.ts";
import { toldPeer } from "./abort.ts";
import type { ControlChannel } from "./control_channel.ts";
import { atMost } from "./patience.ts";

/** Places for unauthenticated peers. */
export class Strangers {
  readonly #all = new Places<Stranger>({
    most: LIMITS.unauthenticatedPeers,
    mostPerSource: LIMITS.unauthenticatedPerAddress,
    graceMs: LIMITS.strangerGraceMs,
  });
  readonly #claims = new Places<Stranger>({
    most: LIMITS.unauthenticatedPeers / CLAIM_SHARE,
    mostPerSource: LIMITS.unauthenticatedPerAddress / CLAIM_SHARE,
    graceMs: LIMITS.strangerGraceMs,
  });

  /**
   * Takes a place until it is disposed of; throws `busy` when none is left. Whoever stood in one for too
   * long is closed for it. A claim costs its peer no signature, so claims leave most places to those
   * who come to stay.
   */
  enter(connection: Connection, nowMs: number): Stranger {
    const stranger: Stranger = new Stranger(connection, {
      leave: () => this.#leave(stranger),
      yields: () => this.#all.yield(stranger),
    });
    const at = { source: sourceOf(connection.remoteAddress), nowMs };
    const kinds = connection.protocol === "sftpx-claim/1" ? [this.#claims, this.#all] : [this.#all];
    for (const places of kinds) {
      const entered = places.enter(stranger, at);
      if (entered === null) {
        this.#leave(stranger);
        throw crowded();
      }
      entered.out?.showOut();
    }
    return stranger;
  }

  #leave(stranger: Stranger): void {
    this.#claims.leave(stranger);
    this.#all.leave(stranger);
  }
}

/** One at the door. */
export class Stranger implements Disposable {
  readonly #connection: Connection;
  readonly #leave: () => void;
  readonly #yield: () => void;
  #shownOut: SftpxError | null = null;

  constructor(
    connection: Connection,
    { leave, yields }: { readonly leave: () => void; readonly yields: () => void },
  ) {
    this.#connection = connection;
    this.#leave = leave;
    this.#yield = yields;
  }

  /** Why it lost its place before it was through, if it did. */
  get shownOut(): SftpxError | null {
    return this.#shownOut;
  }

  /** It said that its peer can do without it: it makes room for who comes to open a session. */
  yield(): void {
    this.#yield();
  }

  /** Somebody else has its place. */
  showOut(): void {
    this.#leave();
    this.#shownOut = crowded();
    this.#connection.close("busy", this.#shownOut.message);
  }

  [Symbol.dispose](): void {
    this.#leave();
  }
}

function crowded(): SftpxError {
  return new SftpxError("busy", "Cannot take the client in: too many peers are at the door");
}

/** Of all places, and of one source's, claims may take one in so many. */
const CLAIM_SHARE = 4;

/**
 * Waits for a connection's first lane from the start, and closes the connection when it comes before
 * its peer is authenticated: nobody honest opens one before a transfer is accepted.
 */
export class LaneWatch implements Disposable {
  readonly #firstLane: Promise<ReceiveStream | null>;
  #isOver = false;
  #tooEarly: SftpxError | null = null;

  constructor(connection: Connection) {
    this.#firstLane = connection.acceptLane();
    this.#firstLane.then((lane) => {
      if (lane === null || this.#isOver) return;
      this.#tooEarly = new SftpxError(
        "protocol",
        "Cannot take the client in: it opened a lane before it said who it is",
        { remote: true },
      );
      connection.close("protocol", this.#tooEarly.message);
      lane.cancel();
    }, () => {}); // The connection ended; whoever reads it is told.
  }

  /** Why the connection was closed, if it was. */
  get tooEarly(): SftpxError | null {
    return this.#tooEarly;
  }

  /** The peer is authenticated: its first lane, once it comes, is the session's. */
  pass(): Promise<ReceiveStream | null> {
    this.#isOver = true;
    return this.#firstLane;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
  }
}

/** Tells a peer why it is not let in, and gives it a moment to read it. */
export async function sayRefusal(
  control: ControlChannel,
  connection: Connection,
  error: SftpxError,
): Promise<void> {
  try {
    control.send({ type: "refuse", ...toldPeer(error) });
    await control.flushed();
    await control.close();
    await atMost(connection.closed, LIMITS.refusalMs);
  } catch {
    // The peer is gone already.
  }
}

// Peers that shook hands and have not yet proved who they are: how many there may be, from one
// address and in all, that none of them opens a lane (I3, I8), and how one is shown out.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Connection, ReceiveStream } from "../transport/transport.ts";
import type { ControlChannel } from "./control_channel.ts";
import { atMost } from "./patience.ts";

/** Places for unauthenticated peers. */
export class Strangers {
  readonly #all = new Places({
    most: LIMITS.unauthenticatedPeers,
    mostPerSource: LIMITS.unauthenticatedPerAddress,
  });
  readonly #claims = new Places({
    most: LIMITS.unauthenticatedPeers / CLAIM_SHARE,
    mostPerSource: LIMITS.unauthenticatedPerAddress / CLAIM_SHARE,
  });

  /**
   * Takes a place until it is disposed of; throws `limit` when none is left. A claim costs its peer no
   * signature, so claims leave most places to those who come to stay.
   */
  enter(remoteAddress: string, { isClaim }: { readonly isClaim: boolean }): Disposable {
    const source = sourceOf(remoteAddress);
    const kinds = isClaim ? [this.#claims, this.#all] : [this.#all];
    if (!kinds.every((places) => places.hasRoom(source))) {
      throw new SftpxError("limit", "Cannot take the client in: too many peers are at the door");
    }
    for (const places of kinds) places.enter(source);
    return {
      [Symbol.dispose]: () => {
        for (const places of kinds) places.leave(source);
      },
    };
  }
}

/** Of all places, and of one source's, claims may take one in so many. */
const CLAIM_SHARE = 4;

/** Places counted in all and by source. */
class Places {
  readonly #most: number;
  readonly #mostPerSource: number;
  readonly #perSource = new Map<string, number>();
  #count = 0;

  constructor(
    { most, mostPerSource }: { readonly most: number; readonly mostPerSource: number },
  ) {
    this.#most = most;
    this.#mostPerSource = mostPerSource;
  }

  hasRoom(source: string): boolean {
    return this.#count < this.#most && (this.#perSource.get(source) ?? 0) < this.#mostPerSource;
  }

  enter(source: string): void {
    this.#count++;
    this.#perSource.set(source, (this.#perSource.get(source) ?? 0) + 1);
  }

  leave(source: string): void {
    this.#count--;
    const left = this.#perSource.get(source)! - 1;
    if (left > 0) this.#perSource.set(source, left);
    else this.#perSource.delete(source);
  }
}

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
    control.send({ type: "refuse", code: error.code, message: error.message });
    await control.flushed();
    await control.close();
    await atMost(connection.closed, LIMITS.refusalMs);
  } catch {
    // The peer is gone already.
  }
}

/** Who counts as one: an IPv4 address, or the /64 that one IPv6 host commonly has to itself. */
export function sourceOf(remoteAddress: string): string {
  const inBrackets = /^\[([^\]%]*)/.exec(remoteAddress)?.[1];
  if (inBrackets === undefined) return remoteAddress.replace(/:\d+$/, "");
  const [head = "", tail] = inBrackets.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).map((group) =>
    parseInt(group, 16).toString(16)
  )
    .join(":");
}

// What each connection of a session carried of one transfer, counted by the run itself: bytes and
// lanes, told once at the transfer's end, with what the transport knows of the path.

import type { ChunkRecord } from "../wire/frame.ts";
import type { LanePath } from "./hub.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";

interface Use {
  readonly path: LanePath;
  wireBytes: number;
  lanes: number;
}

export class ConnectionUse {
  readonly #uses = new Map<number, Use>();
  #openLanes = 0;
  #mostLanes = 0;

  /** A lane was opened; what is answered is to be called once, when it has ended. */
  addLane(path: LanePath): () => void {
    const use = this.#uses.get(path.connection) ?? { path, wireBytes: 0, lanes: 0 };
    use.lanes++;
    this.#uses.set(path.connection, use);
    this.#mostLanes = Math.max(this.#mostLanes, ++this.#openLanes);
    return () => void this.#openLanes--;
  }

  /** A frame crossed on one of its lanes; its payload counts. */
  addFrame({ connection }: LanePath, records: readonly ChunkRecord[]): void {
    const use = this.#uses.get(connection);
    if (use === undefined) return;
    for (const { storedBytes } of records) use.wireBytes += storedBytes;
  }

  /** What a summary says of it. */
  get summary(): Pick<TransferSummary, "connections" | "lanes" | "congestion"> {
    const carriers = [...this.#uses.values()].filter(({ wireBytes }) => wireBytes > 0);
    if (carriers.length === 0) return {};
    const controllers = carriers.map(({ path }) => path.stats().congestion);
    const known = [...new Set(controllers.filter((name) => name !== undefined))].sort();
    return {
      connections: carriers.length,
      lanes: this.#mostLanes,
      ...(known.length === 0 ? {} : { congestion: known.join("+") }),
    };
  }

  /** One event a connection, in their order; the round trip felt is of the first one's path. */
  events({ rttMs }: { readonly rttMs: number | null }): readonly SessionEvent[] {
    const uses = [...this.#uses].sort(([a], [b]) => a - b);
    return uses.map(([connection, { path, wireBytes, lanes }]) => {
      const { rttMs: measuredMs, ...stats } = path.stats();
      const feltMs = connection === 0 ? rttMs : null;
      const { address, stack: transport } = path;
      const carried = { connection, address, transport, wireBytes, lanes };
      // What a busy machine draws out is the felt one alone.
      const tripMs = Math.min(feltMs ?? Infinity, measuredMs ?? Infinity);
      const shownMs = tripMs === Infinity ? null : toMicrosecond(tripMs);
      return { kind: "connection", ...carried, ...stats, rttMs: shownMs };
    });
  }
}

/** A time as it is told: no clock is as fine as its figures. */
export function toMicrosecond(timeMs: number): number {
  return Math.round(timeMs * 1000) / 1000;
}

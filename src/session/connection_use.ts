// What each connection of a session carried of one transfer, counted by the run itself: bytes and
// lanes, told once at the transfer's end, with what the transport knows of the path.

import type { ChunkRecord } from "../wire/frame.ts";
import type { LanePath } from "./hub.ts";
import type { SessionEvent } from "./options.ts";

interface Use {
  readonly path: LanePath;
  wireBytes: number;
  lanes: number;
}

export class ConnectionUse {
  readonly #uses = new Map<number, Use>();

  /** A lane was opened. */
  addLane(path: LanePath): void {
    const use = this.#uses.get(path.connection) ?? { path, wireBytes: 0, lanes: 0 };
    use.lanes++;
    this.#uses.set(path.connection, use);
  }

  /** A frame crossed on one of its lanes; its payload counts. */
  addFrame({ connection }: LanePath, records: readonly ChunkRecord[]): void {
    const use = this.#uses.get(connection);
    if (use === undefined) return;
    for (const { storedBytes } of records) use.wireBytes += storedBytes;
  }

  /** One event a connection, in their order; the round trip felt is the first one's. */
  events({ rttMs }: { readonly rttMs: number | null }): readonly SessionEvent[] {
    const uses = [...this.#uses].sort(([a], [b]) => a - b);
    return uses.map(([connection, { path, wireBytes, lanes }]) => {
      const { rttMs: measuredMs, ...stats } = path.stats();
      const feltMs = connection === 0 ? rttMs : null;
      const { address } = path;
      const carried = { connection, address, wireBytes, lanes };
      return { kind: "connection", ...carried, ...stats, rttMs: feltMs ?? measuredMs };
    });
  }
}

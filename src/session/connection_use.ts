// What each connection of a session carried of one transfer, counted by the run itself: bytes and
// lanes, told once at the transfer's end.

import type { ChunkRecord } from "../wire/frame.ts";
import type { LanePath } from "./hub.ts";
import type { SessionEvent } from "./options.ts";

interface Use {
  readonly address: string;
  wireBytes: number;
  lanes: number;
}

export class ConnectionUse {
  readonly #uses = new Map<number, Use>();

  /** A lane was opened. */
  addLane({ connection, address }: LanePath): void {
    const use = this.#uses.get(connection) ?? { address, wireBytes: 0, lanes: 0 };
    use.lanes++;
    this.#uses.set(connection, use);
  }

  /** A frame crossed on one of its lanes; its payload counts. */
  addFrame({ connection }: LanePath, records: readonly ChunkRecord[]): void {
    const use = this.#uses.get(connection);
    if (use === undefined) return;
    for (const { storedBytes } of records) use.wireBytes += storedBytes;
  }

  /** One event a connection, in their order; the round trip is the first one's. */
  events({ rttMs }: { readonly rttMs: number | null }): readonly SessionEvent[] {
    const uses = [...this.#uses].sort(([a], [b]) => a - b);
    return uses.map(([connection, use]) => ({
      kind: "connection",
      connection,
      ...use,
      rttMs: connection === 0 ? rttMs : null,
    }));
  }
}

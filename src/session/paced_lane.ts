// Lanes under bandwidth limits: what is written or read passes slice by slice, so that a frame is no
// burst, and frame after frame, so that each is whole as early as can be. A lane that is given up waits
// no longer.

import type { ReceiveStream } from "../transport/transport.ts";
import type { IncomingLane, OutgoingLane } from "./hub.ts";
import { OrderedSend } from "./ordered_send.ts";
import type { RateLimit, RateShare, Turn } from "./rate_limit.ts";

/** A lane that is written no faster than all of these limits allow; told when a limit is what it waits for. */
export function pacedOutgoing(
  lane: OutgoingLane,
  limits: readonly RateShare[],
  { onWaits = () => {} }: { readonly onWaits?: (isWaiting: boolean) => void } = {},
): OutgoingLane {
  if (limits.length === 0) return lane;
  const given = new AbortController();
  const room = async (turns: readonly Turn[], bytes: number) => {
    onWaits(true);
    let most = bytes;
    for (const turn of turns) most = await turn.room(most, given.signal);
    onWaits(false);
    return most;
  };
  // What is written at once is a frame, or as small as its end.
  const write = async (bytes: Uint8Array<ArrayBuffer>) => {
    const turns = limits.map((limit) => limit.turn());
    for (let at = 0; at < bytes.length;) {
      const slice = bytes.subarray(at, at + await room(turns, bytes.length - at));
      for (const turn of turns) turn.use(slice.length);
      await lane.stream.write(slice);
      at += slice.length;
    }
  };
  const stream = new OrderedSend(lane.stream, { write, onAbort: () => given.abort() });
  return { ...lane, stream };
}

/** A lane that is read no faster than the limit allows; its peer feels it by the window that stays shut. */
export function pacedIncoming(lane: IncomingLane, limit: RateShare | null): IncomingLane {
  return limit === null ? lane : { ...lane, stream: new PacedReceive(lane.stream, limit) };
}

/** The limits that are there. */
export function limitsOf(...limits: readonly (RateLimit | null)[]): readonly RateLimit[] {
  return limits.filter((limit) => limit !== null);
}

/** What all of them allow together; null where there is none. */
export function leastOf(limits: readonly RateLimit[]): number | null {
  return limits.length === 0
    ? null
    : Math.min(...limits.map(({ bytesPerSecond }) => bytesPerSecond));
}

class PacedReceive implements ReceiveStream {
  readonly #stream: ReceiveStream;
  readonly #limit: RateShare;
  readonly #given = new AbortController();
  /** Of what is read into one buffer: a frame's body, however many reads it takes. */
  #turn: Turn | null = null;

  constructor(stream: ReceiveStream, limit: RateShare) {
    this.#stream = stream;
    this.#limit = limit;
  }

  async read(
    into: Uint8Array<ArrayBuffer>,
    { leastBytes = 1 }: { readonly leastBytes?: number } = {},
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    const { sliceBytes } = this.#limit;
    const wanted = into.length;
    this.#turn ??= this.#limit.turn();
    const read = await this.#stream.read(into.subarray(0, sliceBytes), {
      leastBytes: Math.min(leastBytes, sliceBytes),
    });
    if (read === null) return null;
    // After the fact, as only then it is known how much it was; a slice passes at once or not at all.
    this.#turn.use(await this.#turn.room(read.length, this.#given.signal));
    if (read.length === wanted) this.#turn = null;
    return read;
  }

  cancel(): void {
    this.#given.abort();
    this.#stream.cancel();
  }
}

// One lane of a sending transfer, as its writer sees it.

import type { Packed } from "../pool/messages.ts";
import type { OutgoingLane } from "./hub.ts";

export interface WritingLane {
  readonly opened: OutgoingLane;
  /** It waits for a frame by this. */
  waiting: Promise<Packed | null> | null;
  /** It waits for what its connection has under way to be stored, until this is resolved. */
  gate: PromiseWithResolvers<void> | null;
  /** It is to end; what it has is written first, however long that takes: no frame is sent again for it. */
  isRetired: boolean;
  /** Frames written to it, perhaps stored since. */
  frames: number[];
  isLost: boolean;
  /** It has ended in order: it counts no more, but what was written to it may yet be lost. */
  isEnded: boolean;
  readonly onEnded: () => void;
  /** Resolved once nothing is written to it any more. */
  readonly done: PromiseWithResolvers<void>;
}

/** A lane that is still to be opened. */
export interface OpeningLane {
  /** Where; absent for whose turn it is. */
  readonly connection: number | undefined;
  /** It is to end as soon as it is there. */
  isUnwanted: boolean;
}

/** A lane that has just been opened. */
export function writingLane(
  opened: OutgoingLane,
  { isRetired, onEnded }: Pick<WritingLane, "isRetired" | "onEnded">,
): WritingLane {
  const done = Promise.withResolvers<void>();
  const state = { waiting: null, gate: null, frames: [], isLost: false, isEnded: false };
  return { opened, onEnded, done, isRetired, ...state };
}

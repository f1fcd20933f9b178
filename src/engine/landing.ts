// Frames with the workers, and frames that only repeat chunks another frame is landing: a frame is
// stored when all of its chunks are, whichever frame brought them (I7).

import type { ChunkRecord } from "../wire/frame.ts";
import type { ReceiveFile } from "./receive_file.ts";
import { violation } from "./violation.ts";

/** One chunk with the workers. */
export interface Landing {
  readonly file: ReceiveFile;
  readonly record: ChunkRecord;
}

interface Awaiting {
  /** Frames it waits for, itself among them while its own chunks land. */
  readonly carriers: Set<number>;
  /** Files of which it repeats chunks. */
  readonly repeats: Set<ReceiveFile>;
}

/** A frame whose every chunk is dealt with. */
export interface StoredFrame {
  readonly frame: number;
  readonly repeats: Iterable<ReceiveFile>;
}

export class LandingFrames {
  /** By frame; negative frames are the engine's own copies. */
  readonly #landings = new Map<number, readonly Landing[]>();
  readonly #awaiting = new Map<number, Awaiting>();

  /** Whether a frame of this number is not dealt with yet. */
  isOpen(frame: number): boolean {
    return this.#awaiting.has(frame);
  }

  /** Chunks go to the workers. */
  start(frame: number, landings: readonly Landing[]): void {
    if (this.#landings.has(frame)) throw violation("a frame came twice");
    this.#landings.set(frame, landings);
  }

  /** A frame is stored once its own landing and those of `carriers` are over. */
  await(
    frame: number,
    { carriers, repeats }: { carriers: Iterable<number>; repeats: Iterable<ReceiveFile> },
  ): StoredFrame[] {
    const awaiting = this.#awaiting.get(frame) ?? { carriers: new Set(), repeats: new Set() };
    this.#awaiting.set(frame, awaiting);
    for (const carrier of carriers) awaiting.carriers.add(carrier);
    for (const file of repeats) awaiting.repeats.add(file);
    return this.#settle(frame, awaiting);
  }

  /** The workers are done with a frame: what they were given. */
  take(frame: number): readonly Landing[] {
    const landings = this.#landings.get(frame);
    if (landings === undefined) throw new RangeError(`No frame ${frame} was landing`);
    this.#landings.delete(frame);
    return landings;
  }

  /** Frames that waited for this one and for nothing else. */
  over(frame: number): StoredFrame[] {
    const stored: StoredFrame[] = [];
    for (const [waiting, awaiting] of this.#awaiting) {
      if (awaiting.carriers.delete(frame)) stored.push(...this.#settle(waiting, awaiting));
    }
    return stored;
  }

  #settle(frame: number, { carriers, repeats }: Awaiting): StoredFrame[] {
    if (carriers.size > 0) return [];
    this.#awaiting.delete(frame);
    return [{ frame, repeats }];
  }
}

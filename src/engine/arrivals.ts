// Frames as they arrive, in any order (I7): where each chunk of one lands, what need not be written at
// all, and when the frame is stored. Takes none while too much is stored that is not durable. Refuses a
// chunk outside its file and one called the same that is not held; overwrites no chunk that the journal
// still claims (I2). A disk that takes no chunk ends the transfer, not the entry.

import { equalBytes } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import type { ChunkToLand, StandingFile } from "../pool/messages.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import { Forgetting } from "./forgetting.ts";
import { chunkLengthBytes } from "./geometry.ts";
import type { Intake } from "./intake.ts";
import { type Landing, LandingFrames, type StoredFrame } from "./landing.ts";
import type { FramePlan, ReceiverAction } from "./receive_action.ts";
import type { ReceiveFile } from "./receive_file.ts";
import type { ReceiveContext, ReceiveFiles } from "./receive_files.ts";
import { violation } from "./violation.ts";

/** What a disk in trouble says of a part. */
const DISK_TROUBLE: ReadonlySet<ErrorCode> = new Set(["no_space", "permission", "io"]);

export class Arrivals {
  readonly #context: ReceiveContext;
  readonly #files: ReceiveFiles;
  readonly #intake: Intake;
  readonly #act: (action: ReceiverAction) => void;
  readonly #landing = new LandingFrames();
  readonly #forgetting: Forgetting;
  /** Number of the next frame of copies made here, which no lane carried. */
  #nextCopy = -1;

  constructor(
    context: ReceiveContext,
    { files, intake, act }: {
      readonly files: ReceiveFiles;
      readonly intake: Intake;
      readonly act: (action: ReceiverAction) => void;
    },
  ) {
    this.#context = context;
    this.#files = files;
    this.#intake = intake;
    this.#act = act;
    this.#forgetting = new Forgetting(context, act);
  }

  /** Says what to do with a frame; records were read from its table. */
  frame(frame: number, records: readonly ChunkRecord[]): FramePlan {
    let isHeldBack = false;
    for (const record of records) {
      if (this.#intake.awaits(record.entry)) return { kind: "hold" };
      const file = this.#files.find(record.entry);
      if (file === undefined) continue;
      this.#checkPlace(file, record);
      if (!file.placed) return { kind: "hold" };
      if (this.#forgetting.holdsBack(file, record)) isHeldBack = true;
    }
    if (isHeldBack) return { kind: "hold" };
    const { ledger, settlement } = this.#context;
    if (ledger.isFull) return { kind: "hold" };
    if (!this.#landing.isOpen(frame)) ledger.opened(frame);
    const landings: Landing[] = [];
    const carriers = new Set<number>();
    const repeats = new Set<ReceiveFile>();
    const chunks = records.map((record) => {
      const file = this.#files.find(record.entry);
      const known = file ?? settlement.entries.wholeFile(record.entry);
      if (known === null) return null;
      if (file === undefined || !file.wants(record.chunk)) {
        repeats.add(known);
        const carrier = known.carrierOf(record.chunk);
        if (carrier !== null) carriers.add(carrier);
        return null;
      }
      const chunk = this.#planRecord(file, record, frame);
      if (chunk !== null) landings.push({ file, record });
      return chunk;
    });
    if (landings.length > 0) {
      this.#landing.start(frame, landings);
      carriers.add(frame);
    }
    this.#framesStored(this.#landing.await(frame, { carriers, repeats }));
    return landings.length > 0 ? { kind: "land", chunks } : { kind: "skip" };
  }

  /** The workers dealt with a frame (or with copies of our own, negative). */
  landed(
    frame: number,
    failures: readonly { entry: number; code: ErrorCode; message: string }[],
  ): void {
    const { ledger, tally } = this.#context;
    const landings = this.#landing.take(frame);
    for (const { entry, code, message } of failures) {
      // Of a part, which is ours: no other one would fare better.
      if (DISK_TROUBLE.has(code)) throw new SftpxError(code, message);
      this.#files.fail(entry, { code, message });
    }
    for (const { file, record } of landings) {
      if (this.#files.find(file.index) === undefined) continue;
      file.store(record, { written: true });
      ledger.stored(file, frame, record.rawBytes);
      // What is copied here was counted when its record came (I10).
      if (frame >= 0) tally.count(record);
      this.#files.maybeWhole(file);
    }
    this.#framesStored(this.#landing.over(frame));
  }

  /** The store dropped the claims it was asked to drop. */
  forgotten(): void {
    this.#forgetting.done();
  }

  #checkPlace(file: ReceiveFile, record: ChunkRecord): void {
    const { sizeBytes } = file;
    if (
      record.chunk >= file.chunks ||
      record.rawBytes !== chunkLengthBytes(sizeBytes, this.#context.chunkBytes, record.chunk)
    ) {
      throw violation("a chunk lies outside its file");
    }
  }

  /** Plans one record; null when nothing is to be written for it. */
  #planRecord(file: ReceiveFile, record: ChunkRecord, frame: number): ChunkToLand | null {
    if (record.encoding === "same") return this.#planSame(file, record, frame);
    this.#context.tally.move();
    this.#openPart(file);
    file.land(record.chunk, frame);
    return this.#chunkToLand(file, record, null);
  }

  #planSame(file: ReceiveFile, record: ChunkRecord, frame: number): ChunkToLand | null {
    const { ledger, tally } = this.#context;
    if (!file.isHeld(record.chunk) || !equalBytes(file.digestOf(record.chunk), record.digest)) {
      throw violation("a chunk is called the same that is not held");
    }
    if (file.standing === null) {
      const claimed = file.isClaimed(record.chunk);
      file.store(record, { written: !claimed });
      // Until the journal has it again, a crash would lose it.
      if (!claimed) ledger.stored(file, frame, record.rawBytes);
      tally.count(record);
      this.#files.maybeWhole(file);
      return null;
    }
    if (file.keepsStanding) {
      // Nothing differs so far: perhaps the whole file stays as it stands.
      file.store(record, { written: false });
      file.defer(record);
      tally.count(record);
      this.#files.maybeWhole(file);
      return null;
    }
    file.land(record.chunk, frame);
    return this.#chunkToLand(file, record, file.standing);
  }

  /** The first chunk that differs opens the part: what was kept back is copied into it. */
  #openPart(file: ReceiveFile): void {
    file.touched = true;
    const records = file.takeDeferred();
    if (records.length === 0 || file.standing === null) return;
    const { standing } = file;
    const frame = this.#nextCopy--;
    for (const record of records) file.unstore(record.chunk, frame);
    this.#landing.start(frame, records.map((record) => ({ file, record })));
    const chunks = records.map((record) => this.#chunkToLand(file, record, standing));
    this.#act({ kind: "land", frame, chunks });
  }

  #chunkToLand(file: ReceiveFile, record: ChunkRecord, copyFrom: StandingFile | null): ChunkToLand {
    return {
      record,
      path: file.part,
      offsetBytes: record.chunk * this.#context.chunkBytes,
      fileBytes: file.sizeBytes,
      sparse: file.isSparse,
      sync: file.syncsAlone,
      copyFrom,
    };
  }

  #framesStored(stored: readonly StoredFrame[]): void {
    const { ledger, news, settlement } = this.#context;
    for (const { frame, repeats } of stored) {
      for (const file of repeats) {
        const known = this.#files.find(file.index) ?? settlement.entries.wholeFile(file.index);
        if (known === file) ledger.stored(file, frame, 0);
      }
      news.stored(frame);
      ledger.frameStored(frame);
    }
  }
}

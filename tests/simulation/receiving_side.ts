// The receiving end of a simulated run: does what the session does with a Receiver. Store calls are
// carried out strictly in order; workers write first and answer later.

import type { ErrorCode } from "../../src/base/errors.ts";
import { concatBytes, equalBytes } from "../../src/base/bytes.ts";
import { Receiver, type ReceiverAction } from "../../src/engine/receiver.ts";
import type { TransferCounts, TransferResult } from "../../src/engine/report.ts";
import type { ChunkToLand } from "../../src/pool/messages.ts";
import type { Message, Offer, TransferMessage } from "../../src/wire/messages.ts";
import type { Clock, Random } from "./clock.ts";
import { chunkDigest, HASHING } from "../../src/engine/_fixture.ts";
import type { Lane } from "./link.ts";
import type { ModelDisk } from "./model_disk.ts";
import type { SimulatedFrame } from "./model_source.ts";
import type { ModelStore } from "./model_store.ts";
import { Side } from "./side.ts";

const LANDINGS = 8;
const TICK_MS = 20;
/** The journal's clock runs ahead, so that short runs meet many of its writes. */
const JOURNAL_HASTE = 20;

export interface ReceivingOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: ModelDisk;
  readonly store: ModelStore;
  readonly offer: Offer;
  readonly localDelete: boolean;
  /** Reads again what is whole; what it does to a part's bytes before, by the path of the entry. */
  readonly paranoid: ((path: string, bytes: Uint8Array) => void) | null;
  readonly crashStep: number;
  /** Chunks the disk takes before it is full. */
  readonly roomChunks: number;
  /** Chunks stored before the journal is written; as many as the limit says where it is not given. */
  readonly journalChunks: number | null;
  /** What the slowest journal write or commit takes. */
  readonly slowMs: { readonly journal: number; readonly commit: number };
  readonly say: (message: Message) => void;
}

interface StoreCall {
  readonly slowMs: number;
  /** Carries it out; answers how the engine is told. */
  readonly call: () => () => void;
}

interface Reading {
  readonly queue: SimulatedFrame[];
}

export class ReceivingSide extends Side {
  /** What the receipt says, as soon as it is signed. */
  signed: TransferResult | null = null;
  /** What landed, by path and chunk: bytes that came over a lane. */
  readonly landedRaw = new Map<string, number>();
  /** The most bytes that were stored and would have been lost by a crash. */
  peakUndurableBytes = 0;
  readonly #options: ReceivingOptions;
  readonly #receiver: Receiver;
  readonly #lanes = new Map<Lane, Reading>();
  readonly #storeCalls: StoreCall[] = [];
  #isStoreBusy = false;
  #landings = 0;
  #written = 0;

  constructor(options: ReceivingOptions) {
    super(options.crashStep);
    this.#options = options;
    const { fresh, chunkBytes, from } = options.store;
    this.#receiver = new Receiver(options.offer, {
      fresh,
      chunkBytes,
      hashing: HASHING,
      localDelete: options.localDelete,
      paranoid: options.paranoid !== null,
      tellEntries: true,
      from,
      ...(options.journalChunks === null
        ? {}
        : { journalBytes: options.journalChunks * chunkBytes }),
    });
    this.#tick();
  }

  start(): void {
    this.input(() => {});
  }

  handle(message: TransferMessage): void {
    this.input(() => {
      if (message.type === "manifest_end") this.#options.store.isManifestClosed = true;
      this.#receiver.handle(message);
    });
  }

  /** A frame comes off a lane. */
  arrive(lane: Lane, frame: SimulatedFrame): void {
    this.input(() => {
      const reading = this.#lanes.get(lane) ?? { queue: [] };
      this.#lanes.set(lane, reading);
      reading.queue.push(frame);
    });
  }

  protected override counts(): TransferCounts {
    return this.#receiver.counts;
  }

  protected override pump(): void {
    for (let busy = true; busy;) {
      busy = this.#readLanes();
      this.drainReports(this.#receiver);
      for (let act = this.#receiver.poll(); act !== null; act = this.#receiver.poll()) {
        busy = true;
        this.#carryOut(act);
      }
    }
    const { result } = this.#receiver;
    if (result !== null) this.end({ result, error: null, crashed: false });
  }

  #tick(): void {
    this.#receiver.tick(this.#options.clock.nowMs * JOURNAL_HASTE);
    this.#options.clock.after(TICK_MS, () => {
      if (this.ending !== null) return;
      this.#tick();
      this.input(() => {});
    });
  }

  /** Reads on every lane until its next frame is held; answers whether any frame went on. */
  #readLanes(): boolean {
    let moved = false;
    for (const { queue } of this.#lanes.values()) {
      for (let frame = queue[0]; frame !== undefined; frame = queue[0]) {
        if (this.#landings >= LANDINGS) return moved;
        const plan = this.#receiver.frame(frame.frame, frame.records);
        if (plan.kind === "hold") break;
        queue.shift();
        moved = true;
        if (plan.kind === "land") this.#land(frame.frame, plan.chunks, frame.bytes);
      }
    }
    return moved;
  }

  #carryOut(action: ReceiverAction): void {
    const receiver = this.#receiver;
    const { say, store } = this.#options;
    switch (action.kind) {
      case "send":
        return say(action.message);
      case "register":
        return this.#call(() => {
          const placed = store.register(action.first, action.entries, action.sources);
          return () => receiver.registered(action.first, placed);
        });
      case "digest":
        return this.#digest(action.entry, action.path);
      case "land":
        return this.#land(action.frame, action.chunks, action.chunks.map(() => null));
      case "forget":
        return this.#call(() => {
          store.forget(action.chunks);
          return () => receiver.forgotten();
        });
      case "reread":
        for (const { entry, path } of action.files) this.#reread(entry, path);
        return;
      case "distrust":
        return this.#call(() => {
          store.forget(action.chunks);
          return () => {};
        });
      case "journal":
        return this.#call(() => {
          store.journal(structuredClone(action.runs), action.leaveOut);
          return () => receiver.journalled();
        }, this.#options.slowMs.journal);
      case "place":
        return this.#call(() => {
          const outcome = store.placeDirectories(action.leaveOut);
          return () => receiver.directoriesPlaced(outcome);
        });
      case "commit":
        return this.#call(() => {
          const outcome = store.commit(action.files, action.leaveOut);
          return () => receiver.committed(outcome);
        }, this.#options.slowMs.commit);
      case "prune":
        return this.#call(() => {
          const pruned = store.prune();
          return () => receiver.pruned(pruned);
        });
      case "finish":
        return this.#call(() => {
          const outcome = store.finish();
          return () => receiver.storeFinished(outcome);
        });
      case "receipt":
        return this.#sayReceipt(action.result);
    }
  }

  #sayReceipt(result: TransferResult): void {
    this.signed = result;
    const { offer: { transfer }, say } = this.#options;
    const identity = new Uint8Array(32);
    say({ type: "receipt", transfer, ...result, identity, signature: new Uint8Array(64) });
  }

  #call(call: () => () => void, slowMs = 15): void {
    this.#storeCalls.push({ call, slowMs });
    this.#nextCall();
  }

  #nextCall(): void {
    const { clock, random } = this.#options;
    const [next] = this.#storeCalls;
    if (this.#isStoreBusy || next === undefined) return;
    this.#isStoreBusy = true;
    clock.after(random.below(next.slowMs), () => {
      if (this.ending !== null) return;
      this.#storeCalls.shift();
      const answer = next.call();
      clock.after(random.below(15), () =>
        this.input(() => {
          this.#isStoreBusy = false;
          this.#nextCall();
          answer();
        }));
    });
  }

  /** An end in order: the store does what it was asked, and hears what it was not. */
  keepForResume(): void {
    for (const { call } of this.#storeCalls.splice(0)) call();
    const { runs, leaveOut } = this.#receiver.unjournalled();
    if (runs.length > 0) this.#options.store.journal(runs, leaveOut);
  }

  #digest(entry: number, path: string): void {
    const { clock, random, disk, store: { chunkBytes } } = this.#options;
    clock.after(random.below(50), () =>
      this.input(() => {
        const node = disk.finals.get(path);
        if (node?.kind !== "file") return this.#receiver.digested(entry, null);
        const digests: Uint8Array[] = [];
        for (let at = 0; at < node.bytes.byteLength; at += chunkBytes) {
          digests.push(chunkDigest(node.bytes.subarray(at, at + chunkBytes)));
        }
        this.#receiver.digested(entry, concatBytes(digests));
      }));
  }

  #reread(entry: number, path: string): void {
    const { clock, random, disk, store: { chunkBytes } } = this.#options;
    clock.after(random.below(50), () =>
      this.input(() => {
        const node = disk.finals.get(path);
        const bytes = node?.kind === "file" ? node.bytes : disk.parts.get(path)?.bytes ?? null;
        if (bytes === null) return this.#receiver.reread(entry, null);
        const before = bytes.slice();
        this.#options.paranoid?.(this.#options.store.pathOf(entry) ?? "", bytes);
        const part = disk.parts.get(path);
        if (part !== undefined && !equalBytes(before, bytes)) part.isDamaged = true;
        const digests: Uint8Array[] = [];
        for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
          digests.push(chunkDigest(bytes.subarray(at, at + chunkBytes)));
        }
        this.#receiver.reread(entry, concatBytes(digests));
      }));
  }

  #land(
    frame: number,
    chunks: readonly (ChunkToLand | null)[],
    bytes: readonly (Uint8Array | null)[],
  ): void {
    const { clock, random } = this.#options;
    this.#landings++;
    clock.after(random.below(40), () => {
      if (this.ending !== null) return;
      const failures = chunks.flatMap((chunk, at) => {
        const code = chunk === null ? null : this.#landChunk(chunk, bytes[at] ?? null);
        return code === null
          ? []
          : [{ entry: chunk!.record.entry, code, message: "Cannot land it" }];
      });
      clock.after(random.below(20), () =>
        this.input(() => {
          this.#landings--;
          this.#receiver.landed(frame, failures);
          if (failures.length === 0) this.#landedIn(chunks, bytes);
        }));
    });
  }

  #landedIn(
    chunks: readonly (ChunkToLand | null)[],
    bytes: readonly (Uint8Array | null)[],
  ): void {
    const { disk, store } = this.#options;
    chunks.forEach((chunk, at) => {
      const path = chunk === null ? null : store.pathOf(chunk.record.entry);
      if (chunk === null || path === null || bytes[at] === null) return;
      this.landedRaw.set(`${path} ${chunk.record.chunk}`, chunk.record.rawBytes);
    });
    let undurableBytes = 0;
    for (const [name, rawBytes] of this.landedRaw) {
      const space = name.lastIndexOf(" ");
      const path = name.slice(0, space);
      const held = disk.journal.get(path)?.chunks.has(Number(name.slice(space + 1))) === true;
      if (!held && !store.committed.has(path)) undurableBytes += rawBytes;
    }
    this.peakUndurableBytes = Math.max(this.peakUndurableBytes, undurableBytes);
  }

  #landChunk(chunk: ChunkToLand, sent: Uint8Array | null): ErrorCode | null {
    const { disk } = this.#options;
    const { record, path, offsetBytes: atBytes, fileBytes, copyFrom, sync } = chunk;
    const node = copyFrom === null ? undefined : disk.finals.get(copyFrom.path);
    const bytes = node?.kind === "file"
      ? node.bytes.slice(atBytes, atBytes + record.rawBytes)
      : sent;
    if (bytes === null || !equalBytes(chunkDigest(bytes), record.digest)) return "integrity";
    if (++this.#written > this.#options.roomChunks) return "no_space";
    disk.writeChunk(path, { atBytes, bytes, fileBytes });
    if (sync) disk.partAt(path).sync();
    return null;
  }
}

// A simulated pair: both engines, a clock that only this file moves, and a disk that outlives them.
// One call is one attempt at a transfer; every attempt ends.

import assert from "node:assert/strict";
import { SftpxError } from "../../src/base/errors.ts";
import type { Message, Offer, TransferMessage } from "../../src/wire/messages.ts";
import { AcknowledgementCheck } from "./acknowledgements.ts";
import { Clock, type Random } from "./clock.ts";
import { ControlPipe, type Lie } from "./link.ts";
import type { ModelDisk } from "./model_disk.ts";
import { type ModelSource, type SimulatedFrame, START_NS } from "./model_source.ts";
import { ModelStore } from "./model_store.ts";
import { ReceivingSide } from "./receiving_side.ts";
import { SendingSide } from "./sending_side.ts";
import type { Ending, Side } from "./side.ts";

/** Longest silence of both ends; far above every latency of the model. */
const SILENCE_MS = 5_000;
const STEP_LIMIT = 200_000;
const SECOND_NS = 1_000_000_000n;
const SECONDS_BETWEEN_ATTEMPTS = 60;

export interface AttemptOptions {
  readonly random: Random;
  readonly source: ModelSource;
  readonly disk: ModelDisk;
  readonly chunkBytes: number;
  /** 0 is the first; later ones start a minute after each other. */
  readonly attempt: number;
  readonly atomic?: boolean;
  readonly delete?: boolean;
  /** The receiver deletes of its own accord. */
  readonly localDelete?: boolean;
  /** The receiver reads again what is whole; what becomes of a part's bytes before. */
  readonly paranoid?: (path: string, bytes: Uint8Array) => void;
  readonly losses?: number;
  readonly crash?: { readonly side: "sender" | "receiver"; readonly step: number };
  /** Paths at which a commit finds something in its way. */
  readonly conflicts?: ReadonlySet<string>;
  readonly roomChunks?: number;
  /** The sender names first what is missing; true by default. */
  readonly followsHint?: boolean;
  /** The sender says its whole manifest with the offer. */
  readonly announces?: boolean;
  readonly journalChunks?: number;
  readonly slowMs?: { readonly journal?: number; readonly commit?: number };
  /** What happens to the source during the run, by time in milliseconds. */
  readonly disturb?: readonly { readonly atMs: number; readonly act: () => void }[];
  readonly lies?: {
    readonly sender?: Lie<Message>;
    readonly receiver?: Lie<Message>;
    readonly frame?: Lie<SimulatedFrame>;
  };
  /**
   * Records lie about chunks that the receiver has: it passes over them, and what it then acknowledges
   * is not held against them.
   */
  readonly passesOver?: boolean;
}

export interface Attempt {
  readonly sender: Ending;
  readonly receiver: Ending;
  readonly sending: SendingSide;
  readonly receiving: ReceivingSide;
  readonly store: ModelStore;
  readonly offer: Offer;
  /** Neither end had anything left to do, and no result: the session's timeout strikes. */
  readonly stalled: boolean;
  readonly elapsedMs: number;
}

export function nowNsOf(attempt: number): bigint {
  return START_NS + BigInt(attempt * SECONDS_BETWEEN_ATTEMPTS) * SECOND_NS;
}

/** What a sender of all of `source` offers. */
export function offerFor(
  source: ModelSource,
  { chunkBytes, attempt }: { readonly chunkBytes: number; readonly attempt: number },
): Offer {
  return {
    type: "offer",
    transfer: 1,
    sources: source.sources,
    destination: "",
    intoDirectory: true,
    chunkBytes,
    checksum: false,
    atomic: false,
    given: source.sources.map(({ name }) => name),
    nowNs: nowNsOf(attempt),
    delete: false,
    filters: [],
    dryRun: false,
  };
}

export function runAttempt(options: AttemptOptions): Attempt {
  const { random, source, disk, chunkBytes, attempt, crash, lies } = options;
  const clock = new Clock();
  const offer: Offer = {
    ...offerFor(source, { chunkBytes, attempt }),
    atomic: options.atomic === true,
    delete: options.delete === true,
  };
  const store = new ModelStore(disk, {
    offer,
    attempt,
    conflicts: options.conflicts ?? new Set(),
  });
  const acknowledged = new AcknowledgementCheck({
    disk,
    store,
    hasFailed: (path) => receiving.failures.some((failure) => failure.path === path),
  });
  let heardMs = 0;
  const hear = <T>(act: (said: T) => void) => (said: T) => {
    heardMs = clock.nowMs;
    act(said);
  };
  const crashStep = (side: "sender" | "receiver") => crash?.side === side ? crash.step : Infinity;
  const toReceiver = new ControlPipe({ clock, random }, {
    lie: lies?.sender,
    deliver: hear((message) => {
      if (message.type !== "offer") receiving.handle(message as TransferMessage);
      else receiving.start();
    }),
  });
  const toSender = new ControlPipe({ clock, random }, {
    lie: lies?.receiver,
    deliver: hear((message) => sending.handle(message as TransferMessage)),
  });
  const receiving: ReceivingSide = new ReceivingSide({
    clock,
    random,
    disk,
    store,
    offer,
    localDelete: options.localDelete === true,
    paranoid: options.paranoid ?? null,
    crashStep: crashStep("receiver"),
    roomChunks: options.roomChunks ?? Infinity,
    journalChunks: options.journalChunks ?? null,
    slowMs: { journal: 15, commit: 15, ...options.slowMs },
    say: (message) => {
      acknowledged.said(message);
      toSender.send(message);
    },
  });
  const lanes = 1 + random.below(4);
  const sending: SendingSide = new SendingSide({
    clock,
    random,
    source,
    offer,
    laneCount: lanes,
    losses: options.losses ?? 0,
    crashStep: crashStep("sender"),
    followsHint: options.followsHint ?? true,
    announces: options.announces ?? false,
    lane: {
      clock,
      random,
      lie: lies?.frame,
      deliver: (lane, frame) => {
        heardMs = clock.nowMs;
        acknowledged.arrived(options.passesOver === true ? { ...frame, records: [] } : frame);
        receiving.arrive(lane, frame);
        if (!random.chance(0.05)) return;
        clock.after(random.below(300), () => receiving.arrive(lane, frame));
      },
    },
    say: (message) => toReceiver.send(message),
  });
  sending.onEnd = (ending) => tellPeer(ending, { clock, peer: receiving });
  receiving.onEnd = (ending) => {
    tellPeer(ending, { clock, peer: sending });
    if (ending.crashed) disk.crash(random);
    else if (ending.error !== null) {
      receiving.keepForResume();
      disk.sweep();
    }
  };
  for (const { atMs, act } of options.disturb ?? []) clock.after(atMs, act);
  sending.input(() => {});
  let stalled = false;
  for (let steps = 0; sending.ending === null || receiving.ending === null; steps++) {
    assert.ok(steps < STEP_LIMIT, "every run ends");
    if (clock.nowMs - heardMs > SILENCE_MS || !clock.step()) {
      stalled = true;
      for (const side of [sending, receiving]) lose(side);
    }
  }
  disk.checkJournal();
  return {
    sender: sending.ending,
    receiver: receiving.ending,
    sending,
    receiving,
    store,
    offer,
    stalled,
    elapsedMs: clock.nowMs,
  };
}

/** An end that stopped says why, or is missed. */
function tellPeer(ending: Ending, { clock, peer }: { clock: Clock; peer: Side }): void {
  if (ending.result === null) clock.after(50, () => lose(peer));
}

function lose(side: Side): void {
  const error = new SftpxError("lost", "Lost the peer");
  side.end({ result: null, error, crashed: false });
}

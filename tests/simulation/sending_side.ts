// The sending end of a simulated run: does what the session does with a Sender.

import { isFromOn } from "../../src/base/path.ts";
import { earlyManifest } from "../../src/engine/early_manifest.ts";
import { type FoundEntries, Sender } from "../../src/engine/sender.ts";
import type { TransferCounts } from "../../src/engine/report.ts";
import type { Entry, Message, Offer, TransferMessage } from "../../src/wire/messages.ts";
import type { Clock, Random } from "./clock.ts";
import { HASHING } from "../../src/engine/_fixture.ts";
import { Lane, type LaneOptions } from "./link.ts";
import type { ModelSource, SimulatedFrame, SourceNode } from "./model_source.ts";
import { Side } from "./side.ts";

const SLOTS = 12;
const BATCH_ENTRIES = 7;

export interface SendingOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly source: ModelSource;
  readonly offer: Offer;
  readonly lane: LaneOptions;
  readonly laneCount: number;
  /** Lanes that break in the run. */
  readonly losses: number;
  readonly crashStep: number;
  /** Walks first what the receiver says is missing. */
  readonly followsHint: boolean;
  /** Says the whole manifest with the offer. */
  readonly announces: boolean;
  readonly say: (message: Message) => void;
}

/** An entry, and a file's bytes at that moment. */
export interface WalkedEntry {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
}

export class SendingSide extends Side {
  /** Chunks whose bytes went out, as `path` and chunk number. */
  readonly sentRaw = new Set<string>();
  /** Entries as this run's walk found them. */
  readonly walked: WalkedEntry[] = [];
  readonly #options: SendingOptions;
  readonly #sender: Sender;
  readonly #ready: SimulatedFrame[] = [];
  readonly #early: Message[] = [];
  #lanes: Lane[];
  #free = SLOTS;
  #lossesLeft: number;
  #hasStarted = false;
  #next = 0;
  #isWalking = false;
  /** Nodes as this run walks them; null before the accept. */
  #order: readonly SourceNode[] | null = null;

  constructor(options: SendingOptions) {
    super(options.crashStep);
    this.#options = options;
    this.#lossesLeft = options.losses;
    const { offer, announces, source } = options;
    const announced = announces ? [this.#found(source.nodes)] : null;
    this.#sender = new Sender(offer, { hashing: HASHING, tellEntries: true, announced });
    this.#early.push(...(announced && earlyManifest(offer.transfer, announced)) ?? []);
    this.#isWalking = announces;
    this.#lanes = Array.from({ length: options.laneCount }, () => new Lane(options.lane));
  }

  handle(message: TransferMessage): void {
    this.input(() => {
      this.#sender.handle(message);
      if (message.type === "accept") this.#hasStarted = true;
    });
  }

  protected override counts(): TransferCounts {
    return this.#sender.counts;
  }

  protected override pump(): void {
    for (let message = this.#sender.pollMessage(); message; message = this.#sender.pollMessage()) {
      this.#options.say(message);
    }
    for (const message of this.#early.splice(0)) this.#options.say(message);
    this.drainReports(this.#sender);
    if (this.#sender.result !== null) {
      return this.end({ result: this.#sender.result, error: null, crashed: false });
    }
    if (!this.#hasStarted) return;
    this.#walk();
    this.#pack();
    this.#feed();
  }

  #walk(): void {
    const { clock, random, source } = this.#options;
    if (this.#isWalking || !this.#sender.wantsEntries) return;
    this.#isWalking = true;
    clock.after(random.below(20), () =>
      this.input(() => {
        this.#order ??= this.#orderOf(source.nodes);
        const nodes = this.#order.slice(this.#next, this.#next + 1 + random.below(BATCH_ENTRIES));
        if (nodes.length === 0) return this.#sender.endEntries();
        this.#isWalking = false;
        this.#next += nodes.length;
        this.#sender.addEntries(this.#found(nodes));
      }));
  }

  #found(nodes: readonly SourceNode[]): FoundEntries {
    const entries = nodes.map((node) => this.#options.source.entryOf(node));
    nodes.forEach(({ bytes }, at) => this.walked.push({ entry: entries[at]!, bytes }));
    const paths = entries.map((entry) => entry.path);
    return { entries, paths, sources: nodes.map((node) => node.source) };
  }

  #orderOf(nodes: readonly SourceNode[]): readonly SourceNode[] {
    const { from } = this.#sender;
    if (from === null || !this.#options.followsHint) return nodes;
    const isFirst = ({ entry }: SourceNode) => isFromOn(entry.path, from);
    return [...nodes.filter(isFirst), ...nodes.filter((node) => !isFirst(node))];
  }

  #pack(): void {
    const { clock, random, source } = this.#options;
    for (const plan of this.#sender.pollFrames(this.#free)) {
      this.#free--;
      clock.after(random.below(25), () =>
        this.input(() => {
          const { failures, ...frame } = source.pack(plan);
          this.#sender.packed(plan.frame, { records: frame.records, failures });
          if (frame.records.length === 0) this.#free++;
          else this.#ready.push(frame);
          for (const { entry, chunk, encoding } of frame.records) {
            if (encoding !== "raw") continue;
            const { origin } = plan.chunks.find((planned) => planned.entry === entry)!;
            this.sentRaw.add(`${origin.path} ${chunk}`);
          }
        }));
    }
  }

  #feed(): void {
    const { random } = this.#options;
    for (const lane of this.#lanes) {
      if (lane.isBusy || lane.isLost) continue;
      const frame = this.#ready.shift();
      if (frame === undefined) return;
      lane.write(frame, () =>
        this.input(() => {
          this.#free++;
        }));
      if (this.#lossesLeft > 0 && random.chance(0.1)) this.#lose(lane);
    }
  }

  #lose(lane: Lane): void {
    const { clock, random } = this.#options;
    this.#lossesLeft--;
    lane.lose();
    clock.after(random.below(60), () =>
      this.input(() => {
        // The frame it broke under kept its buffer.
        this.#free++;
        this.#lanes = this.#lanes.map((other) => other === lane ? this.#newLane() : other);
        this.#sender.lost(lane.frames);
      }));
  }

  #newLane(): Lane {
    return new Lane(this.#options.lane);
  }
}

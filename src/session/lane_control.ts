// Carries out a lane plan: shows it how the lanes of a sending transfer fare, and has connections and
// lanes opened and ended as it answers. Asks for connections, which only the client can open.

import type { LaneGoal, LanePlanOptions, Way } from "../engine/lane_goal.ts";
import { LanePlan } from "../engine/lane_plan.ts";
import { spreadLanes } from "../engine/lane_spread.ts";
import { hostOf, isLoopback } from "../transport/addresses.ts";
import type { TransferChannel } from "./hub.ts";
import { toMicrosecond } from "./connection_use.ts";
import type { LaneWriter } from "./lane_writer.ts";
import type { SessionEvent } from "./options.ts";
import type { ChannelConnection } from "./transfer_channel.ts";

/** What the user, or the client, wants of lanes. */
export interface LaneChoice {
  /** Exactly so many; 0 for as many as help. */
  readonly connections: number;
  readonly lanes: number;
  /** Connections that the session may have. */
  readonly mostConnections: number;
  /** Whether the peer can be reached by the other way too. */
  readonly hasOther: boolean;
  /** Asks for so many connections of each way, in all; they come, or they do not. */
  readonly widen: (goal: Pick<LaneGoal, Way>) => void;
  /** The path was seen to be long while it was connected; where it is absent nobody saw it. */
  readonly isLong?: boolean;
  /** Connections on their way that were dialled before there was a session; none where it is absent. */
  readonly earlyLeft?: () => number;
  /** Has them join: there is something to send. */
  readonly joinEarly?: () => void;
  /** Tells whenever a connection has joined, or one that was dialled early will not. */
  readonly onChange?: (listener: () => void) => void;
}

/** So long is waited for connections that were dialled early: they come, or are done without. */
const EARLY_MS = 250;

/** Answers that are asked for before lanes are in their way. */
const PINGS = 3;

export class LaneControl {
  readonly #choice: LaneChoice;
  readonly #channel: TransferChannel;
  readonly #writer: LaneWriter;
  readonly #plan: LanePlan;
  readonly #onEvent: (event: SessionEvent) => void;
  #asked: LaneGoal;
  #hasTold = false;
  readonly #onComplete: () => void;
  #begunMs = 0;
  #isWaiting = false;

  constructor(
    choice: LaneChoice,
    { channel, writer, mostLanes, mostBytesPerSecond, onComplete = () => {}, onEvent }: {
      readonly channel: TransferChannel;
      readonly writer: LaneWriter;
      /** Frames that the pipeline holds: more lanes would wait for each other's. */
      readonly mostLanes: number;
      /** What the transfer keeps to; null for no limit. */
      readonly mostBytesPerSecond: number | null;
      /** No connection that was dialled early is waited for any more; called where one was. */
      readonly onComplete?: () => void;
      readonly onEvent: (event: SessionEvent) => void;
    },
  ) {
    // As it stands when lanes begin: connections that a client was to open are there by then.
    this.#choice = { ...choice };
    this.#channel = channel;
    this.#writer = writer;
    this.#onEvent = onEvent;
    this.#onComplete = onComplete;
    const { connections, lanes, mostConnections, hasOther } = this.#choice;
    const [first] = channel.connections;
    const plan: LanePlanOptions = {
      first: wayOf(first?.stack ?? ""),
      hasOther,
      isLocal: isLocal(channel),
      connections,
      lanes,
      mostConnections,
      mostLanes,
      mostBytesPerSecond,
      early: choice.earlyLeft === undefined
        ? 0
        : choice.earlyLeft() + Math.max(0, channel.connections.length - 1),
    };
    this.#plan = new LanePlan(plan);
    this.#asked = this.#plan.goal;
  }

  /** Connections that were dialled early are about to join: the first one should not take all there is. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  get #earlyLeft(): number {
    return this.#choice.earlyLeft?.() ?? 0;
  }

  /** Smallest round trip that anything told: a busy machine draws out what its own clock measures. */
  #rttMs(connections: readonly ChannelConnection[]): number | null {
    return shortest([this.#channel.rttMs, ...connections.map((member) => member.rttMs)]);
  }

  /** Opens the first lanes. */
  begin(): void {
    const { connections, lanes } = this.#choice;
    // All is said: they take their turns over what there is, as it comes.
    if (connections !== 0 && lanes !== 0) return this.#writer.open(lanes);
    // A busy moment is no long path: the smallest of several answers counts.
    for (let ping = 0; ping < PINGS; ping++) this.#channel.caughtUp();
    this.#begunMs = performance.now();
    this.tick(this.#begunMs);
    this.#choice.onChange?.(() => this.#spread(this.#channel.connections, performance.now()));
    if (this.#hasTold) return;
    this.#tell(this.#plan.goal, this.#rttMs(this.#channel.connections), "to begin with");
  }

  /** Looks at the lanes, and changes what the plan wants changed. */
  tick(nowMs: number): void {
    const { connections, lanes } = this.#choice;
    if (connections !== 0 && lanes !== 0) return;
    // Once: over TLS the kernel is asked for each of them.
    const members = this.#channel.connections;
    const rttMs = this.#rttMs(members);
    const carried = { quic: 0, tcp: 0 };
    const there = { quic: 0, tcp: 0 };
    const losses: number[] = [];
    for (const { number, stack, lossRatio } of members) {
      there[wayOf(stack)]++;
      if (lossRatio !== null && wayOf(stack) === "tcp") losses.push(lossRatio);
      carried[wayOf(stack)] += this.#writer.times.carriedBy(number);
    }
    const idleShare = this.#writer.times.takeIdleShare();
    const tcpLossRatio = losses.length === 0 ? null : Math.max(...losses);
    const goal = this.#plan.look({ nowMs, rttMs, tcpLossRatio, carried, there, idleShare });
    if (goal.quic !== this.#asked.quic || goal.tcp !== this.#asked.tcp) this.#choice.widen(goal);
    this.#asked = goal;
    const reason = this.#plan.pollReason();
    if (reason !== null) this.#tell(goal, rttMs, reason);
    this.#spread(members, nowMs);
  }

  /** Has lanes where they should be; those of connections that are about to come are kept for them. */
  #spread(members: readonly ChannelConnection[], nowMs: number): void {
    const goal = this.#asked;
    const ways = members.map(({ number, stack }) => ({ number, way: wayOf(stack) }));
    if (ways.length === 0) return;
    const left = nowMs - this.#begunMs < EARLY_MS ? this.#earlyLeft : 0;
    const lanes = Math.ceil(goal.lanes * ways.length / (ways.length + left));
    this.#writer.spread(spreadLanes({ ...goal, lanes }, ways));
    const wasWaiting = this.#isWaiting;
    this.#isWaiting = left > 0;
    if (wasWaiting && !this.#isWaiting) this.#onComplete();
  }

  #tell({ quic, tcp, lanes }: LaneGoal, feltMs: number | null, reason: string): void {
    this.#hasTold = true;
    const rttMs = feltMs === null ? null : toMicrosecond(feltMs);
    const { bytesPerSecond } = this.#plan;
    this.#onEvent({ kind: "lanes", quic, tcp, lanes, rttMs, bytesPerSecond, reason });
  }
}

function shortest(timesMs: readonly (number | null)[]): number | null {
  const known = timesMs.filter((timeMs) => timeMs !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** Whether both ends are on one machine, as the first connection's address has it. */
export function isLocal({ connections: [first] }: TransferChannel): boolean {
  return isLocalAddress(first?.address);
}

/** Whether a connection's other end is on this machine. */
export function isLocalAddress(address: string | undefined): boolean {
  return address !== undefined && isLoopback(hostOf(address));
}

/** What carries a connection, by its stack's name. */
export function wayOf(stack: string): Way {
  return stack === "tls" ? "tcp" : "quic";
}

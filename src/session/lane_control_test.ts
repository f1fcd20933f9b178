import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { TransferChannel } from "./hub.ts";
import { isLocalAddress, type LaneChoice, LaneControl, wayOf } from "./lane_control.ts";
import { LaneTimes } from "./lane_times.ts";
import type { LaneWriter } from "./lane_writer.ts";
import { Mailbox } from "./mailbox.ts";
import type { SessionEvent } from "./options.ts";
import type { ChannelConnection } from "./transfer_channel.ts";

const LONG_MS = 10 * LIMITS.shortPathMs;
const LOOK_MS = 200;
const FREE: Omit<LaneChoice, "widen"> = {
  connections: 0,
  lanes: 0,
  mostConnections: 16,
  hasOther: true,
};

function connectionOf(number: number, more: Partial<ChannelConnection> = {}): ChannelConnection {
  const known = { rttMs: null, lossRatio: null };
  return { number, stack: "deno-quic", address: "192.0.2.1:4443", ...known, ...more };
}

/** A session's lanes, whose connections and bytes a test gives. */
class Scene {
  readonly connections: ChannelConnection[];
  readonly asked: { readonly quic: number; readonly tcp: number }[] = [];
  readonly told: Extract<SessionEvent, { kind: "lanes" }>[] = [];
  pings = 0;
  /** So often its connections were looked at. */
  looks = 0;
  /** What lanes were opened: so many on any connection, or by connection. */
  readonly opened: (number | ReadonlyMap<number, number>)[] = [];
  /** As the session's own clock felt it. */
  feltMs: number | null = null;
  readonly control: LaneControl;
  readonly #carried = new Map<number, number>();
  #nowMs = performance.now();

  constructor(
    connections: readonly ChannelConnection[],
    choice: Partial<LaneChoice> = {},
    onComplete: () => void = () => {},
  ) {
    this.connections = [...connections];
    const idle = { waits: () => {}, takeIdleShare: () => 0 };
    const times = { ...idle, carriedBy: (number: number) => this.#carried.get(number) ?? 0 };
    const writer = {
      times: times as unknown as LaneTimes,
      open: (lanes: number) => void this.opened.push(lanes),
      spread: (lanes: ReadonlyMap<number, number>) => void this.opened.push(lanes),
    };
    this.control = new LaneControl(
      { ...FREE, widen: (goal) => void this.asked.push(goal), ...choice },
      {
        channel: this.#channel(),
        writer: writer as unknown as LaneWriter,
        mostLanes: 16,
        mostBytesPerSecond: null,
        onComplete,
        onEvent: (event) => event.kind === "lanes" && this.told.push(event),
      },
    );
  }

  /** So much time passes in which each connection carries so much. */
  pass(looks: number, bytesPerSecond: number): void {
    for (let look = 0; look < looks; look++) {
      for (const { number } of this.connections) {
        const before = this.#carried.get(number) ?? 0;
        this.#carried.set(number, before + bytesPerSecond * LOOK_MS / 1000);
      }
      this.#nowMs += LOOK_MS;
      this.control.tick(this.#nowMs);
    }
  }

  get lastOpened(): number | ReadonlyMap<number, number> | undefined {
    return this.opened.at(-1);
  }

  #channel(): TransferChannel {
    const felt = () => this.feltMs;
    const looked = () => {
      this.looks++;
      return this.connections;
    };
    return {
      transfer: 1,
      get rttMs() {
        return felt();
      },
      get connections() {
        return looked();
      },
      messages: new Mailbox(),
      lanes: new Mailbox(),
      send: () => {},
      openLane: () => assert.fail("lanes are the writer's"),
      flushed: () => Promise.resolve(),
      caughtUp: () => Promise.resolve(void this.pings++),
      close: () => {},
    };
  }
}

Deno.test("what the user says is opened, and nothing is measured or asked for", () => {
  const scene = new Scene([connectionOf(0, { rttMs: LONG_MS })], { connections: 2, lanes: 5 });
  scene.control.begin();
  scene.pass(50, 1e6);
  assert.deepEqual(scene.opened, [5]);
  assert.deepEqual([scene.asked, scene.told, scene.pings], [[], [], 0]);
});

Deno.test("it begins with what is there, asks how long the path is, and tells it", () => {
  const scene = new Scene([connectionOf(0)]);
  scene.control.begin();
  assert.deepEqual(scene.lastOpened, new Map([[0, 4]]));
  assert.ok(scene.pings > 1);
  const told = { kind: "lanes", quic: 1, tcp: 0, lanes: 4, rttMs: null, bytesPerSecond: null };
  assert.deepEqual(scene.told, [{ ...told, reason: "to begin with" }]);
});

Deno.test("on a long path more is asked for, and gets lanes once it is there", () => {
  const scene = new Scene([connectionOf(0, { rttMs: LONG_MS })]);
  scene.control.begin();
  scene.pass(3, 1e6);
  assert.deepEqual(scene.asked.map(({ quic, tcp }) => ({ quic, tcp })), [{ quic: 4, tcp: 0 }]);
  assert.deepEqual(scene.lastOpened, new Map([[0, 8]]));
  scene.connections.push(connectionOf(1), connectionOf(2), connectionOf(3));
  scene.pass(1, 1e6);
  assert.deepEqual(scene.lastOpened, new Map([[0, 2], [1, 2], [2, 2], [3, 2]]));
  // The same again is not asked for twice.
  assert.equal(scene.asked.length, 1);
  assert.deepEqual(scene.told.map(({ reason }) => reason), [
    "the path is long",
    "the path is long",
  ]);
});

Deno.test("a round trip that a busy program felt is no path: what the transport measured counts", () => {
  const scene = new Scene([connectionOf(0, { stack: "tls", rttMs: 0.2 })]);
  scene.feltMs = LONG_MS;
  scene.control.begin();
  scene.pass(5, 50e6);
  assert.deepEqual(scene.told[0], {
    kind: "lanes",
    quic: 0,
    tcp: 1,
    lanes: 4,
    rttMs: 0.2,
    bytesPerSecond: null,
    reason: "to begin with",
  });
  assert.ok(scene.asked.every(({ tcp }) => tcp <= 2), JSON.stringify(scene.asked));
});

Deno.test("TCP that is slow on a short path has QUIC tried only where it lost anything", () => {
  for (const [lossRatio, isTried] of [[0, false], [0.01, true], [null, true]] as const) {
    const scene = new Scene([connectionOf(0, { stack: "tls", rttMs: 0.2, lossRatio })]);
    scene.control.begin();
    for (let look = 0; look < 100; look++) {
      const { tcp } = scene.asked.at(-1) ?? { tcp: 1 };
      const there = scene.connections.length;
      for (let number = there; number < tcp; number++) {
        scene.connections.push(connectionOf(number, { stack: "tls", rttMs: 0.2, lossRatio }));
      }
      // More of them carry no more.
      scene.pass(1, 50e6 / scene.connections.length);
    }
    assert.equal(scene.asked.some(({ quic }) => quic > 0), isTried, `${lossRatio}`);
  }
});

Deno.test("where all that was wanted is gone, what is left carries", () => {
  const scene = new Scene([connectionOf(0, { rttMs: 0.2 }), connectionOf(1, { rttMs: 0.2 })]);
  scene.control.begin();
  scene.connections.shift();
  scene.pass(1, 1e6);
  assert.deepEqual(scene.lastOpened, new Map([[1, 4]]));
  const before = scene.opened.length;
  scene.connections.shift();
  scene.pass(1, 1e6);
  assert.equal(scene.opened.length, before);
});

Deno.test("each look takes what is known of its connections once: the kernel is asked for each", () => {
  const scene = new Scene([connectionOf(0, { stack: "tls", rttMs: LONG_MS })]);
  scene.control.begin();
  const before = scene.looks;
  scene.pass(10, 1e6);
  assert.equal(scene.looks - before, 10);
});

Deno.test("within the machine nothing more is asked for", () => {
  const scene = new Scene([connectionOf(0, { address: "127.0.0.1:4443", rttMs: LONG_MS })]);
  scene.control.begin();
  scene.pass(100, 1e6);
  assert.deepEqual(scene.asked, []);
});

Deno.test("stacks are of one way or the other, and addresses of this machine or not", () => {
  assert.deepEqual(["deno-quic", "quiche", "tls"].map(wayOf), ["quic", "quic", "tcp"]);
  const local = ["127.0.0.1:1", "[::1]:1", "192.0.2.1:1", "[2001:db8::1]:1", undefined];
  assert.deepEqual(local.map(isLocalAddress), [true, true, false, false, false]);
});

/** A session that begins with one connection and so many that were dialled early. */
class EarlyScene {
  readonly scene: Scene;
  #left: number;
  #tell: () => void = () => {};
  completed = 0;

  constructor(left: number) {
    this.#left = left;
    const choice: Partial<LaneChoice> = {
      earlyLeft: () => this.#left,
      onChange: (listener) => this.#tell = listener,
    };
    this.scene = new Scene([connectionOf(0)], choice, () => void this.completed++);
    this.scene.control.begin();
  }

  get isWaiting(): boolean {
    return this.scene.control.isWaiting;
  }

  /** One is not on its way any more: it joins by a number, or has failed. */
  settle(number: number | null): void {
    if (number !== null) this.scene.connections.push(connectionOf(number));
    this.#left--;
    this.#tell();
  }
}

Deno.test("lanes are kept for connections that were dialled early, and begun as they join", () => {
  const early = new EarlyScene(3);
  const { scene } = early;
  assert.deepEqual(scene.lastOpened, new Map([[0, 2]]), "its share of eight");
  assert.deepEqual(scene.asked, [{ quic: 4, tcp: 0, lanes: 8 }]);
  assert.equal(scene.told[0]?.reason, "the path is long");
  for (const number of [1, 2]) {
    early.settle(number);
    assert.equal(early.isWaiting, true);
  }
  assert.deepEqual(scene.lastOpened, new Map([[0, 2], [1, 2], [2, 2]]));
  assert.equal(early.completed, 0);
  early.settle(3);
  assert.deepEqual(scene.lastOpened, new Map([[0, 2], [1, 2], [2, 2], [3, 2]]));
  assert.deepEqual([early.isWaiting, early.completed], [false, 1]);
});

Deno.test("once all that were dialled early have failed nothing waits for them", () => {
  const early = new EarlyScene(2);
  for (let settled = 0; settled < 2; settled++) {
    assert.deepEqual([early.isWaiting, early.completed], [true, 0]);
    early.settle(null);
  }
  assert.deepEqual([early.isWaiting, early.completed], [false, 1]);
  assert.deepEqual(early.scene.lastOpened, new Map([[0, 8]]));
});

Deno.test("connections that were dialled early and do not join are not waited for long", () => {
  const early = new EarlyScene(3);
  assert.equal(early.isWaiting, true);
  early.scene.pass(5, 1e6);
  assert.deepEqual(early.scene.lastOpened, new Map([[0, 8]]));
  assert.deepEqual([early.isWaiting, early.completed], [false, 1]);
});

// The door alone, with a runtime that does what the test says: who is answered, and who makes room.
// Over real QUIC the same is in deno_quic_test and in tests/session/flood_test.

import assert from "node:assert/strict";
import { QuicListener, type ShakeLimits } from "./deno_quic_listener.ts";
import type { Screen } from "./transport.ts";

const HERE = "127.0.0.1";
const LIMITS: ShakeLimits = {
  handshakeMs: 60_000,
  halfOpenPeers: 4,
  halfOpenPerAddress: 2,
  apartMs: 0,
  lineMs: 60_000,
  arrivals: { burst: 1000, perSecond: 1 },
};

/** What became of one peer at the door. */
class Peer {
  answer: "waits" | "ignored" | "accepted" = "waits";
  closeCode: number | null = null;
  /** Something is wrong if it is not closed by then. */
  readonly dueMs = performance.now() + 5_000;
  readonly #handshake = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<Deno.QuicCloseInfo>();
  readonly hostname: string;

  constructor(hostname: string) {
    this.hostname = hostname;
  }

  shake(): void {
    this.#handshake.resolve();
  }

  get incoming(): Deno.QuicIncoming {
    return {
      ignore: () => void (this.answer = "ignored"),
      accept: () => {
        this.answer = "accepted";
        return this.#conn;
      },
    } as unknown as Deno.QuicIncoming;
  }

  get #conn(): unknown {
    return {
      remoteAddr: { hostname: this.hostname, port: 9, transport: "udp" },
      handshake: this.#handshake.promise,
      closed: this.#closed.promise,
      close: ({ closeCode }: Deno.QuicCloseInfo) => {
        this.closeCode = closeCode;
        this.#handshake.reject(new Error("closed"));
        this.#closed.resolve({ closeCode: 0, reason: "" });
      },
    };
  }
}

/** A listener at which somebody is always waiting. */
class Line {
  readonly listener: QuicListener;
  readonly #peers: Peer[] = [];
  #onPeer: ((peer: Peer) => void) | null = null;
  #end: (error: Error) => void = () => {};
  #stopped = false;
  /** Since when the listener has waited for one who does not come; never before it was stopped. */
  quietFromMs = Infinity;

  constructor(limits: Partial<ShakeLimits>) {
    const endpoint = {
      addr: { hostname: HERE, port: 1 },
      close: () => this.#end(new Error("closed")),
    };
    const incoming = () =>
      new Promise<Deno.QuicIncoming>((resolve, reject) => {
        this.#end = reject;
        this.#onPeer = (peer) => resolve(peer.incoming);
        if (!this.#stopped) this.comes(HERE);
        else this.quietFromMs = performance.now();
      });
    this.listener = new QuicListener(
      endpoint as unknown as Deno.QuicEndpoint,
      { incoming } as unknown as Deno.QuicListener,
      { limits: { ...LIMITS, ...limits }, signal: undefined },
    );
  }

  get answers(): readonly Peer["answer"][] {
    return this.#peers.map(({ answer }) => answer);
  }

  comes(hostname: string): Peer {
    const peer = new Peer(hostname);
    this.#peers.push(peer);
    this.#onPeer!(peer);
    return peer;
  }

  stop(): void {
    this.#stopped = true;
  }
}

/** A listener, and peers that come to it one after the other. */
function door(limits: Partial<ShakeLimits> = {}, screen: Screen = () => true) {
  const waiting: ((incoming: Deno.QuicIncoming) => void)[] = [];
  let closed = 0;
  let end: (error: Error) => void = () => {};
  const endpoint = {
    addr: { hostname: HERE, port: 1 },
    close: () => {
      closed++;
      end(new Error("closed"));
    },
  };
  const runtime = {
    incoming: () =>
      new Promise((resolve, reject) => {
        waiting.push(resolve);
        end = reject;
      }),
    stop: () => assert.fail("a peer that waits in the queue ends the process with it"),
  };
  const listener = new QuicListener(
    endpoint as unknown as Deno.QuicEndpoint,
    runtime as unknown as Deno.QuicListener,
    { limits: { ...LIMITS, ...limits }, screen, signal: undefined },
  );
  const come = async (...hostnames: readonly string[]) => {
    const peers = hostnames.map((hostname) => new Peer(hostname));
    for (const { incoming } of peers) {
      while (waiting.length === 0) await turn();
      waiting.shift()!(incoming);
      await turn();
    }
    return peers;
  };
  return { listener, come, closed: () => closed, takesMore: () => waiting.length > 0 };
}

/** Everything that is ready runs. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

const BUSY = 0x18;
const UNREACHABLE = 0x20;

Deno.test("of one address's half-open peers the oldest makes room for the next", async () => {
  const { listener, come } = door();
  const peers = await come("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "192.0.2.1");
  assert.deepEqual(peers.map(({ closeCode }) => closeCode), [BUSY, null, null, null]);
  assert.deepEqual(new Set(peers.map(({ answer }) => answer)), new Set(["accepted"]));
  listener.close();
});

Deno.test("of all half-open peers one makes room whose address has most", async () => {
  const { listener, come } = door();
  const peers = await come("192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3", "192.0.2.4");
  assert.deepEqual(peers.map(({ closeCode }) => closeCode), [null, BUSY, null, null, null]);
  listener.close();
});

Deno.test("who comes through has its place no more, and who is through is never put out", async () => {
  const { listener, come } = door();
  const [one, two] = await come("192.0.2.1", "192.0.2.1");
  one!.shake();
  await turn();
  await turn();
  const [three, four] = await come("192.0.2.1", "192.0.2.1");
  assert.deepEqual([one, two, three, four].map((peer) => peer!.closeCode), [
    null,
    BUSY,
    null,
    null,
  ]);
  assert.equal((await listener.accept())?.remoteAddress, "192.0.2.1:9");
  listener.close();
});

Deno.test("peers that nobody takes fill the listener: then there is no answer", async () => {
  const { listener, come } = door({ halfOpenPeers: 2 });
  for (const peer of await come("192.0.2.1", "192.0.2.2")) peer.shake();
  await turn();
  await turn();
  const [late] = await come("192.0.2.3");
  assert.equal(late!.answer, "ignored");
  await listener.accept();
  const [next] = await come("192.0.2.3");
  assert.equal(next!.answer, "accepted");
  listener.close();
});

Deno.test("a peer that stalls is given up once its time is over", async () => {
  const { listener, come } = door({ handshakeMs: 1 });
  const [peer] = await come("192.0.2.1");
  while (performance.now() < peer!.dueMs && peer!.closeCode === null) await turn();
  assert.equal(peer!.closeCode, UNREACHABLE);
  listener.close();
});

Deno.test("handshakes begin so often and no oftener: more get no answer", async () => {
  const { listener, come } = door({ arrivals: { burst: 2, perSecond: 0.001 } });
  const peers = await come("192.0.2.1", "192.0.2.2", "192.0.2.3");
  assert.deepEqual(peers.map(({ answer }) => answer), ["accepted", "accepted", "ignored"]);
  listener.close();
});

Deno.test("handshakes are begun apart, so that packets are read in between", async () => {
  const { listener, come, takesMore } = door({ apartMs: 60_000 });
  const [peer] = await come("192.0.2.1");
  for (let n = 0; n < 5; n++) await turn();
  assert.deepEqual([peer!.answer, takesMore()], ["accepted", false]);
  listener.close();
});

Deno.test("a line that is old is shortened, and one who comes alone is answered again", async () => {
  const line = new Line({ lineMs: 0 });
  while (!line.answers.includes("ignored")) await turn();
  line.stop();
  while (performance.now() < line.quietFromMs + 5) await turn();
  const alone = line.comes("192.0.2.2");
  while (alone.answer === "waits") await turn();
  assert.equal(alone.answer, "accepted");
  line.listener.close();
});

Deno.test("who gets no answer is dropped at once, so that no line of them grows", async () => {
  const { listener, come, takesMore } = door({
    apartMs: 60_000,
    arrivals: { burst: 0, perSecond: 0 },
  });
  const [peer] = await come("192.0.2.1");
  await turn();
  assert.deepEqual([peer!.answer, takesMore()], ["ignored", true]);
  listener.close();
});

Deno.test("a peer that the screen keeps out is closed before its handshake, and takes no place", async () => {
  const asked: string[] = [];
  const { listener, come } = door({}, (address) => asked.push(address) !== 2);
  const peers = await come("192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1");
  assert.deepEqual(peers.map(({ closeCode }) => closeCode), [null, BUSY, null]);
  assert.deepEqual(asked, Array.from({ length: 3 }, () => "192.0.2.1:9"));
  listener.close();
});

Deno.test("a listener that closes never stops the runtime's own, which would abort the process", async () => {
  const { listener, come, closed } = door();
  const [peer] = await come("192.0.2.1");
  listener.close();
  assert.equal(peer!.closeCode, 0);
  await turn();
  assert.equal(closed(), 1);
  assert.equal(await listener.accept(), null);
});

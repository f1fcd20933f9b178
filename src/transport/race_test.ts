import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { memoryTransport } from "./memory.ts";
import { type RaceTimes, raceTransport } from "./race.ts";
import { type Connection, type ConnectOptions, stackOf, type Transport } from "./transport.ts";

/** So long that a test that waits for it hangs. */
const NEVER_MS = 1_000_000;
const AT_ONCE_MS = 0;
const PATIENT: RaceTimes = {
  shortPathMs: NEVER_MS,
  stallMs: NEVER_MS,
  silenceMs: NEVER_MS,
  mostSilenceMs: NEVER_MS,
  aloneMs: NEVER_MS,
};
/** Both are dialled at once, and no answer of TCP's comes in that time. */
const LONG: RaceTimes = { ...PATIENT, shortPathMs: 0 };

/** A stack whose attempts a test decides. */
class Stand implements AsyncDisposable {
  readonly transport: Transport;
  readonly #network = memoryTransport();
  /** Settles with what it is asked for, once it is. */
  readonly asked: Promise<ConnectOptions>;
  #attempts = 0;
  #end = Promise.withResolvers<Connection>();
  /** What the server has of it. */
  readonly served: Promise<Connection>;
  readonly #close: () => void;
  readonly #port: number;

  private constructor(name: string, opened: Awaited<ReturnType<typeof open>>) {
    const asked = Promise.withResolvers<ConnectOptions>();
    this.asked = asked.promise;
    this.#network = opened.network;
    this.served = opened.listener.accept().then((connection) => connection!);
    this.#close = () => opened.listener.close();
    this.transport = {
      ...opened.network,
      name,
      connect: (options) => {
        this.#attempts++;
        asked.resolve(options);
        const { signal } = options;
        const onAbort = () => this.#end.reject(signal?.reason);
        signal?.addEventListener("abort", onAbort, { once: true });
        if (signal?.aborted) onAbort();
        return this.#end.promise;
      },
    };
    this.#port = opened.listener.address.port;
    this.#end.promise.catch(() => {});
  }

  static async open(name: string): Promise<Stand> {
    return new Stand(name, await open());
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** It connects, if it was not called off. */
  async connects(): Promise<Connection> {
    const connection = await this.#network.connect({
      hostname: "127.0.0.1",
      port: this.#port,
      anchorPem: "",
    });
    this.#end.resolve(connection);
    return connection;
  }

  fails(code: SftpxError["code"], message = 'Cannot connect to "h:1": it fails'): void {
    this.#end.reject(new SftpxError(code, message, { remote: true }));
  }

  // deno-lint-ignore require-await -- the interface
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    this.#network.cut();
  }
}

async function open() {
  const network = memoryTransport();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  return { network, listener: await network.listen(at) };
}

/** A race under way. */
class Scene implements AsyncDisposable {
  readonly notices: string[] = [];
  /** What its caller was told of the path. */
  readonly answers: number[] = [];
  readonly #stop = new AbortController();

  private constructor(
    readonly quic: Stand,
    readonly tcp: Stand,
    readonly transport: Transport,
  ) {}

  static async open(times: RaceTimes): Promise<Scene> {
    const [quic, tcp] = [await Stand.open("quic"), await Stand.open("tcp")];
    return new Scene(
      quic,
      tcp,
      raceTransport({ quic: quic.transport, tcp: tcp.transport }, times),
    );
  }

  start(hostname = "192.0.2.1"): Promise<Connection> {
    const { signal } = this.#stop;
    const onNotice = (message: string) => this.notices.push(message);
    const onAnswer = (rttMs: number) => this.answers.push(rttMs);
    const to = { hostname, port: 4443, anchorPem: "", onNotice, onAnswer, signal };
    const made = this.transport.connect(to);
    made.catch(() => {});
    return made;
  }

  abort(reason: unknown): void {
    this.#stop.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the test is over"));
    await this.quic[Symbol.asyncDispose]();
    await this.tcp[Symbol.asyncDispose]();
  }
}

Deno.test("on a short path TLS is taken, and QUIC is not even asked", async () => {
  await using scene = await Scene.open(PATIENT);
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(0.2);
  const tls = await scene.tcp.connects();
  assert.equal(await made, tls);
  assert.equal(scene.quic.attempts, 0);
  assert.deepEqual(scene.notices, []);
});

Deno.test("a stack that tells no answer is measured by its handshake", async () => {
  await using scene = await Scene.open(PATIENT);
  const made = scene.start();
  assert.equal(await scene.tcp.connects(), await made);
  assert.equal(scene.quic.attempts, 0);
});

Deno.test("an answer that a busy machine drew out is not the path: the rest of the handshake is short", async () => {
  await using scene = await Scene.open({ ...PATIENT, shortPathMs: 1_000 });
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(5_000);
  assert.equal(await scene.tcp.connects(), await made);
  assert.deepEqual(scene.notices, []);
});

Deno.test("on a long path QUIC is taken, and the connection over TLS left without a word", async () => {
  await using scene = await Scene.open(LONG);
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(50);
  await scene.tcp.connects();
  await scene.quic.asked;
  const quic = await scene.quic.connects();
  assert.equal(await made, quic);
  const left = await (await scene.tcp.served).closed;
  assert.deepEqual(left, { code: "none", reason: "", remote: true });
  assert.deepEqual(scene.notices, []);
});

Deno.test("TCP's answer from afar has QUIC asked at once", async () => {
  await using scene = await Scene.open({ ...PATIENT, shortPathMs: 40 });
  scene.start();
  const { onAnswer } = await scene.tcp.asked;
  onAnswer?.(50);
  assert.equal(scene.quic.attempts, 1);
  assert.deepEqual(scene.answers, [50]);
});

Deno.test("TCP that does not answer at once has QUIC asked, which is taken as soon as it is there", async () => {
  await using scene = await Scene.open({ ...PATIENT, shortPathMs: AT_ONCE_MS });
  const made = scene.start();
  await scene.quic.asked;
  assert.equal(await scene.quic.connects(), await made);
  assert.deepEqual(scene.notices, []);
});

Deno.test("on a short path QUIC that was asked waits for TLS, which is near", async () => {
  await using scene = await Scene.open({ ...PATIENT, shortPathMs: 1 });
  const made = scene.start();
  await scene.quic.asked;
  (await scene.tcp.asked).onAnswer?.(0.5);
  await scene.quic.connects();
  assert.equal(await scene.tcp.connects(), await made);
  const left = await (await scene.quic.served).closed;
  assert.deepEqual(left, { code: "none", reason: "", remote: true });
});

Deno.test("within this machine the path is short, whatever a busy one's clock says", async (t) => {
  for (const host of ["127.0.0.1", "::1", "localhost"]) {
    await t.step(host, async () => {
      await using scene = await Scene.open({ ...PATIENT, shortPathMs: 40 });
      const made = scene.start(host);
      (await scene.tcp.asked).onAnswer?.(5_000);
      assert.equal(scene.quic.attempts, 0);
      assert.equal(await scene.tcp.connects(), await made);
      assert.deepEqual(scene.notices, []);
    });
  }
  await t.step("what says nothing at TCP's port holds nobody up there either", async () => {
    await using scene = await Scene.open({ ...PATIENT, mostSilenceMs: AT_ONCE_MS });
    const made = scene.start("127.0.0.1");
    (await scene.tcp.asked).onAnswer?.(0.2);
    await scene.quic.asked;
    assert.equal(await scene.quic.connects(), await made);
  });
});

Deno.test("a program that takes TCP's connection and says nothing holds nobody up", async () => {
  await using scene = await Scene.open({ ...PATIENT, stallMs: AT_ONCE_MS });
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(0.2);
  await scene.quic.asked;
  assert.equal(await scene.quic.connects(), await made);
});

Deno.test("where UDP is silent, TLS is taken after its time, with one line", async () => {
  await using scene = await Scene.open({ ...LONG, silenceMs: 1, mostSilenceMs: 2 });
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(50);
  assert.equal(await scene.tcp.connects(), await made);
  assert.equal(scene.quic.attempts, 1);
  assert.deepEqual(scene.notices, [
    'UDP to "192.0.2.1:4443" is not answered, as if a firewall dropped it: it goes over TLS on TCP ' +
    "instead",
  ]);
});

Deno.test("the wait for QUIC is bounded, however long TCP's answer took", async () => {
  await using scene = await Scene.open({ ...LONG, silenceMs: 0, mostSilenceMs: 1 });
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(NEVER_MS);
  assert.equal(await scene.tcp.connects(), await made);
});

Deno.test("QUIC that fails leaves TLS, and its user learns why", async () => {
  await using scene = await Scene.open(LONG);
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(50);
  await scene.tcp.connects();
  scene.quic.fails("busy", 'Cannot connect to "192.0.2.1:4443": too many');
  assert.equal((await made).stack, "memory");
  assert.deepEqual(scene.notices, [
    'QUIC does not reach "192.0.2.1:4443" (too many): it goes over TLS on TCP instead',
  ]);
});

Deno.test("what one transport tells, it tells once", async () => {
  await using scene = await Scene.open(LONG);
  const races = [scene.start(), scene.start()];
  await scene.tcp.connects();
  await scene.quic.asked;
  scene.quic.fails("unreachable");
  await Promise.all(races);
  assert.equal(scene.notices.length, 1);
});

Deno.test("TCP that is refused has QUIC asked at once", async () => {
  await using scene = await Scene.open(PATIENT);
  const made = scene.start();
  await scene.tcp.asked;
  scene.tcp.fails("unreachable");
  await scene.quic.asked;
  assert.equal(await scene.quic.connects(), await made);
  assert.deepEqual(scene.notices, []);
});

const LIARS = [
  { liar: "quic", right: "tcp", over: "QUIC", instead: "TLS on TCP" },
  { liar: "tcp", right: "quic", over: "TCP", instead: "QUIC" },
] as const;

Deno.test("an identity that is not the server's on one is told, and the other taken where it is proved", async (t) => {
  for (const { liar, right, over, instead } of LIARS) {
    const told = [
      `What answers over ${over} at "192.0.2.1:4443" does not prove the pinned identity: another ` +
      "program, or somebody who impersonates the server. " +
      `It goes over ${instead}, where it is proved`,
    ];
    await t.step(`${over}, and the other one comes later`, async () => {
      await using scene = await Scene.open(LONG);
      const made = scene.start();
      await scene.quic.asked;
      scene[liar].fails("identity_mismatch");
      assert.equal(await scene[right].connects(), await made);
      assert.deepEqual(scene.notices, told);
    });
    await t.step(`${over}, and the other one is there`, async () => {
      await using scene = await Scene.open({ ...LONG, shortPathMs: AT_ONCE_MS, stallMs: NEVER_MS });
      const made = scene.start();
      await scene.quic.asked;
      // On a short path QUIC waits for TLS; on a long one TLS for QUIC.
      (await scene.tcp.asked).onAnswer?.(liar === "tcp" ? -1 : 50);
      const connection = await scene[right].connects();
      scene[liar].fails("identity_mismatch");
      assert.equal(connection, await made);
      assert.deepEqual(scene.notices, told);
    });
  }
});

Deno.test("an identity that is not the server's on one is final where the other does not prove it", async (t) => {
  const codes = ["unreachable", "busy", "version", "failed", "identity_mismatch"] as const;
  for (const { liar, right, over } of LIARS) {
    for (const code of codes) {
      await t.step(`${over}, and the other one: ${code}`, async () => {
        await using scene = await Scene.open(LONG);
        const made = scene.start();
        await scene.quic.asked;
        scene[liar].fails("identity_mismatch");
        scene[right].fails(code);
        await assert.rejects(made, { code: "identity_mismatch" });
        assert.deepEqual(scene.notices, []);
      });
    }
    await t.step(`${over}, and the other one is silent`, async () => {
      await using scene = await Scene.open({ ...LONG, mostSilenceMs: 1 });
      const made = scene.start();
      await scene.quic.asked;
      scene[liar].fails("identity_mismatch");
      await assert.rejects(made, { code: "identity_mismatch" });
      assert.equal((await scene[right].asked).signal?.aborted, true);
    });
  }
});

Deno.test("a wrong identity over TCP has QUIC asked at once, on a short path too", async () => {
  await using scene = await Scene.open(PATIENT);
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(0.2);
  scene.tcp.fails("identity_mismatch");
  await scene.quic.asked;
  assert.equal(await scene.quic.connects(), await made);
});

Deno.test("whatever else fails on one, which nothing proves, leaves the other", async (t) => {
  for (const code of ["busy", "version", "refused", "unreachable", "permission"] as const) {
    await t.step(code, async () => {
      await using scene = await Scene.open(LONG);
      const made = scene.start();
      await scene.tcp.asked;
      scene.tcp.fails(code);
      await scene.quic.asked;
      assert.equal(await scene.quic.connects(), await made);
    });
  }
});

Deno.test("where both fail, the error that says most is told, and of two silences both", async (t) => {
  const ended = async (quic: SftpxError["code"], tcp: SftpxError["code"]) => {
    await using scene = await Scene.open(LONG);
    const made = scene.start();
    await scene.tcp.asked;
    scene.tcp.fails(tcp, 'Cannot connect to "h:1": connection refused');
    await scene.quic.asked;
    scene.quic.fails(quic, 'Cannot connect to "h:1": no answer');
    return await made.then(() => null, (thrown) => thrown as SftpxError);
  };
  await t.step("version", async () => {
    assert.equal((await ended("version", "unreachable"))?.code, "version");
    assert.equal((await ended("unreachable", "version"))?.code, "version");
  });
  await t.step("unreachable", async () => {
    const error = await ended("unreachable", "unreachable");
    assert.equal(error?.code, "unreachable");
    assert.equal(
      error?.message,
      'Cannot connect to "h:1": no answer; over TCP: connection refused',
    );
  });
});

Deno.test("where TCP failed, QUIC is waited for as long as it has alone, whatever its caller's patience", async () => {
  await using scene = await Scene.open({ ...PATIENT, aloneMs: 20 });
  const made = scene.start();
  scene.tcp.fails("unreachable", 'Cannot connect to "h:1": connection refused');
  await scene.quic.asked;
  await assert.rejects(made, {
    code: "unreachable",
    message: 'Cannot connect to "192.0.2.1:4443": no answer; either no sftpx serves there, or a ' +
      "firewall drops UDP to that port; over TCP: connection refused",
  });
});

Deno.test("a connection that ends while the other one is waited for is not taken", async () => {
  await using scene = await Scene.open(LONG);
  const made = scene.start();
  (await scene.tcp.asked).onAnswer?.(50);
  await scene.tcp.connects();
  (await scene.tcp.served).close("busy", "too many peers");
  await scene.quic.asked;
  scene.quic.fails("unreachable");
  await assert.rejects(made, { code: "busy", message: /192\.0\.2\.1:4443.*too many peers/ });
});

Deno.test("who gives up leaves nothing behind, and learns why it was given up", async (t) => {
  const reasons: readonly (readonly [string, unknown, object])[] = [
    ["a user", new SftpxError("interrupted", "Stopped"), { code: "interrupted" }],
    ["a clock", new DOMException("late", "TimeoutError"), { code: "unreachable" }],
  ];
  for (const [who, reason, expected] of reasons) {
    await t.step(who, async () => {
      await using scene = await Scene.open(LONG);
      const made = scene.start();
      await scene.tcp.connects();
      const served = await scene.tcp.served;
      await scene.quic.asked;
      scene.abort(reason);
      await assert.rejects(made, expected);
      assert.equal((await served.closed).code, "none");
      assert.equal((await scene.quic.asked).signal?.aborted, true);
    });
  }
});

Deno.test("a signal that is aborted already dials nobody", async () => {
  await using scene = await Scene.open(LONG);
  scene.abort(new SftpxError("interrupted", "Stopped"));
  await assert.rejects(scene.start(), { code: "interrupted" });
  assert.equal(scene.tcp.attempts + scene.quic.attempts, 0);
});

Deno.test("it can do what one of its stacks can do, and names both", () => {
  const stack = (name: string, obstacle: string | null): Transport => ({
    ...memoryTransport(),
    name,
    unavailable: () => obstacle,
  });
  const both = raceTransport({ quic: stack("q", null), tcp: stack("t", null) });
  assert.equal(both.name, "auto");
  assert.deepEqual(both.stacks?.map(({ name }) => name), ["q", "t"]);
  assert.equal(stackOf(both, "t").name, "t");
  assert.equal(stackOf(both, "unknown"), both);
  assert.equal(both.addsToRuntimeRoots, false);
  const one = raceTransport({ quic: stack("q", "no UDP"), tcp: stack("t", null) });
  assert.equal(one.unavailable(), null);
  const none = raceTransport({ quic: stack("q", "no UDP"), tcp: stack("t", "no TCP") });
  assert.equal(none.unavailable(), "no UDP; no TCP");
  const adding = { ...stack("t", null), addsToRuntimeRoots: true };
  assert.equal(raceTransport({ quic: stack("q", null), tcp: adding }).addsToRuntimeRoots, true);
});

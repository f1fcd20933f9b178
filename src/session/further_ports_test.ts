import assert from "node:assert/strict";
import { WORKERS } from "../../mod.ts";
import { issue } from "../../tests/conformance/quic_peers.ts";
import { denoQuicTransport } from "../transport/deno_quic.ts";
import type { Listener } from "../transport/transport.ts";
import { FurtherPorts, type FurtherPortsOptions } from "./further_ports.ts";

const STACK = denoQuicTransport();
const HOSTNAME = "127.0.0.1";

/** A server's first port, and further ones. */
class Ports implements AsyncDisposable {
  readonly open: FurtherPorts;
  readonly #first: Listener;
  readonly #anchorPem: string;
  #onCome: () => void = () => assert.fail("nobody comes");

  private constructor(
    first: Listener,
    { anchorPem, ...options }:
      & Pick<FurtherPortsOptions, "threads" | "listen">
      & Partial<FurtherPortsOptions>
      & { readonly anchorPem: string },
  ) {
    this.#first = first;
    this.#anchorPem = anchorPem;
    this.open = new FurtherPorts({
      stack: STACK,
      onConnection: () => this.#onCome(),
      onNotice: (message) => assert.fail(message),
      ...options,
    });
  }

  static async of(count: number, more: Partial<FurtherPortsOptions> = {}): Promise<Ports> {
    const { anchorPem, ...leaf } = await issue();
    const first = await STACK.listen({ ...leaf, hostname: HOSTNAME, port: 0 });
    const threads = { count, workerUrl: WORKERS.transport! };
    const listen = { ...leaf, ...first.address };
    return new Ports(first, { threads, listen, anchorPem, ...more });
  }

  get first(): number {
    return this.#first.address.port;
  }

  /** Whether somebody of this machine is let in there. */
  async isLetIn(port: number, signal?: AbortSignal): Promise<boolean> {
    const come = Promise.withResolvers<true>();
    this.#onCome = () => come.resolve(true);
    const to = { hostname: HOSTNAME, port, anchorPem: this.#anchorPem };
    const own = await STACK.connect({ ...to, ...(signal === undefined ? {} : { signal }) })
      .catch(() => null);
    if (own === null) return false;
    // Who is turned away may be told in the handshake, or right after it.
    const isIn = await Promise.race([come.promise, own.closed.then(() => false)]);
    own.close("none", "");
    await own.closed;
    return isIn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.open[Symbol.asyncDispose]();
    this.#first.close();
  }
}

/** A thread that has ended gives its socket back in its own time. */
async function becomesFree(port: number): Promise<boolean> {
  const at = { ...await issue(), hostname: HOSTNAME, port };
  for (let tries = 0; tries < 400; tries++) {
    const listener = await STACK.listen(at).catch(() => null);
    listener?.close();
    if (listener !== null) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}

Deno.test("further ports open for the first session that asks, and stay for the next one", async () => {
  await using ports = await Ports.of(2);
  const told = await ports.open.ask(1, "127.0.0.1:5");
  assert.equal(new Set([ports.first, ...told]).size, 3);
  assert.deepEqual(await ports.open.ask(2, "127.0.0.1:6"), told);
  await ports.open.leave(1);
  await ports.open.leave(2);
  assert.deepEqual(await ports.open.ask(3, "127.0.0.1:7"), told);
  await ports.open.leave(3);
});

Deno.test("further ports close when no session has asked for a while", async () => {
  await using ports = await Ports.of(2, { idleMs: 0 });
  const told = await ports.open.ask(1, "127.0.0.1:5");
  await ports.open.leave(1);
  assert.deepEqual(await Promise.all(told.map(becomesFree)), [true, true]);
});

Deno.test("an address whose session is over is let in no more, whoever else has one", async () => {
  await using ports = await Ports.of(1);
  const [port] = await ports.open.ask(1, "127.0.0.1:5");
  assert.ok(await ports.isLetIn(port!));
  await ports.open.ask(2, "127.0.0.2:5");
  await ports.open.leave(1);
  assert.ok(!await ports.isLetIn(port!));
  await ports.open.ask(3, "127.0.0.1:5");
  assert.ok(await ports.isLetIn(port!));
  await ports.open.leave(2);
  await ports.open.leave(3);
  assert.ok(!await ports.isLetIn(port!));
});

Deno.test("further ports begin as many handshakes together as they may", async () => {
  await using ports = await Ports.of(2, { arrivals: { burst: 2, perSecond: 0.001 } });
  const [one, two] = await ports.open.ask(1, "127.0.0.1:5");
  assert.ok(await ports.isLetIn(one!));
  assert.ok(!await ports.isLetIn(one!, AbortSignal.timeout(500)));
  assert.ok(await ports.isLetIn(two!));
});

/** The script of a thread at which these ports are taken. */
function threadWhere(taken: readonly number[]): URL {
  const script = `onmessage = ({ data: { kind, ask, what } }) => {
    if (kind !== "ask" || what.kind === "accept") return;
    if (what.kind !== "listen") return postMessage({ kind: "answer", ask, answer: true });
    const { hostname, port } = what.options;
    const error = { code: "io", message: "it is taken", remote: false };
    if (${JSON.stringify(taken)}.includes(port)) postMessage({ kind: "failure", ask, error });
    else postMessage({ kind: "answer", ask, answer: { hostname, port: port || 50_000 } });
  };`;
  return new URL(`data:application/javascript,${encodeURIComponent(script)}`);
}

for (
  const { taken, first, told } of [
    { taken: [], first: 4443, told: [4444, 4445] },
    { taken: [4444], first: 4443, told: [50_000, 4445] },
    { taken: [], first: 65_534, told: [65_535, 50_000] },
  ]
) {
  Deno.test(`the further ports after ${first} are ${told}, where [${taken}] are taken`, async () => {
    await using ports = await Ports.of(2, {
      threads: { count: 2, workerUrl: threadWhere(taken) },
      listen: { hostname: HOSTNAME, port: first, certificatePem: "", keyPem: "" },
    });
    assert.deepEqual(await ports.open.ask(1, "127.0.0.1:5"), told);
  });
}

Deno.test("further ports that are closed are told to nobody", async () => {
  await using ports = await Ports.of(1);
  await ports.open[Symbol.asyncDispose]();
  assert.deepEqual(await ports.open.ask(1, "127.0.0.1:5"), []);
});

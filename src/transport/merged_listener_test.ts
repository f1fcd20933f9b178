import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { memoryTransport } from "./memory.ts";
import { listenOnBoth } from "./merged_listener.ts";
import type { Listener, ListenOptions, Transport } from "./transport.ts";

const AT = { hostname: "127.0.0.1", certificatePem: "", keyPem: "" };

function taken(port: number): SftpxError {
  const text = `Cannot listen on "127.0.0.1:${port}": TCP port ${port} is taken`;
  return new SftpxError("io", text);
}

/** A stack that keeps what it opened; `refuse` throws why it cannot. */
function stack(refuse: (port: number) => SftpxError | null = () => null) {
  const network = memoryTransport();
  const opened: Listener[] = [];
  const closed: Listener[] = [];
  const transport: Transport = {
    ...network,
    listen: async (options: ListenOptions) => {
      const error = refuse(options.port);
      if (error !== null) throw error;
      const listener = await network.listen(options);
      opened.push(listener);
      return {
        address: listener.address,
        accept: () => listener.accept(),
        close: () => {
          closed.push(listener);
          listener.close();
        },
      };
    },
  };
  return { network, transport, opened, closed };
}

Deno.test("both listen at one address, whichever number was picked", async () => {
  const [quic, tcp] = [stack(), stack()];
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 0 });
  assert.equal(tcp.opened[0]?.address.port, listener.address.port);
  assert.equal(quic.opened[0]?.address.port, listener.address.port);
  listener.close();
  assert.equal(quic.closed.length, 1);
  assert.equal(tcp.closed.length, 1);
});

Deno.test("a number that is another program's on TCP is left for the next one", async () => {
  const tried: number[] = [];
  const tcp = stack((port) => {
    tried.push(port);
    return tried.length < 3 ? taken(port) : null;
  });
  const quic = stack();
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 0, onNotice });
  assert.equal(tried.length, 3);
  assert.equal(new Set(tried).size, 3);
  assert.equal(listener.address.port, tried[2]);
  assert.equal(quic.closed.length, 2);
  assert.deepEqual(notices, []);
  listener.close();
});

Deno.test("where no number is free for TCP, it listens for QUIC and says so", async () => {
  let tries = 0;
  const tcp = stack((port) => {
    tries++;
    return taken(port);
  });
  const quic = stack();
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 0, onNotice });
  assert.equal(tries, LIMITS.portsTried);
  assert.equal(quic.opened.length - quic.closed.length, 1);
  assert.equal(notices.length, 1);
  listener.close();
});

Deno.test("a port that was asked for is kept where TCP's is taken, with one line", async () => {
  const [quic, tcp] = [stack(), stack((port) => taken(port))];
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 4443, onNotice });
  assert.equal(listener.address.port, 4443);
  assert.deepEqual(notices, [
    'Cannot listen on "127.0.0.1:4443": TCP port 4443 is taken; clients reach this server over ' +
    "QUIC only",
  ]);
  listener.close();
});

Deno.test("where UDP's port is taken, nobody listens: it is another server's", async () => {
  const [quic, tcp] = [stack((port) => taken(port)), stack()];
  const both = { quic: quic.transport, tcp: tcp.transport };
  await assert.rejects(listenOnBoth(both, { ...AT, port: 4443 }), { code: "io" });
  assert.equal(tcp.opened.length, 0);
});

Deno.test("who gives up meanwhile leaves no port open", async () => {
  const stop = new AbortController();
  const tcp = stack((port) => {
    stop.abort(new SftpxError("interrupted", "Stopped"));
    return taken(port);
  });
  const quic = stack();
  const both = { quic: quic.transport, tcp: tcp.transport };
  await assert.rejects(listenOnBoth(both, { ...AT, port: 0, signal: stop.signal }), { code: "io" });
  assert.equal(quic.closed.length, 1);
});

Deno.test("connections of both come in, each once, until it is closed", async () => {
  const [quic, tcp] = [stack(), stack()];
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 0 });
  const to = { ...listener.address, anchorPem: "" };
  // Nobody accepts meanwhile.
  for (const { network } of [tcp, quic, tcp, quic]) await network.connect(to);
  const came = new Set();
  for (let i = 0; i < 4; i++) came.add(await listener.accept());
  assert.equal(came.size, 4);
  assert.equal(came.has(null), false);
  const last = listener.accept();
  listener.close();
  assert.equal(await last, null);
  assert.equal(await listener.accept(), null);
  quic.network.cut();
  tcp.network.cut();
});

/** What the engine's collector finds out of use is out of use; null where it cannot be asked. */
function collector(): (() => void) | null {
  if (globalThis.Deno === undefined) return null;
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

Deno.test("what came in at one door and went is not kept, however long the other one is idle (I8)", async () => {
  const collect = collector();
  if (collect === null) return;
  const [quic, tcp] = [stack(), stack()];
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 0 });
  const came: WeakRef<object>[] = [];
  for (let i = 0; i < 20; i++) {
    const accepting = listener.accept();
    await tcp.network.connect({ ...listener.address, anchorPem: "" });
    const connection = await accepting;
    assert.ok(connection !== null);
    came.push(new WeakRef(connection));
    tcp.network.cut();
    await connection.closed;
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  const kept = came.filter((reference) => reference.deref() !== undefined).length;
  // The last one may still be at hand.
  assert.ok(kept <= 2, `${kept} of ${came.length} are kept`);
  listener.close();
});

Deno.test("one door that fails leaves the other one open", async () => {
  const [quic, tcp] = [stack(), stack()];
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 0 });
  quic.opened[0]?.close();
  const next = listener.accept();
  await tcp.network.connect({ ...listener.address, anchorPem: "" });
  assert.notEqual(await next, null);
  listener.close();
  tcp.network.cut();
});

Deno.test("what came in and was not taken is closed with the doors", async () => {
  const [quic, tcp] = [stack(), stack()];
  const both = { quic: quic.transport, tcp: tcp.transport };
  const listener = await listenOnBoth(both, { ...AT, port: 0 });
  const to = { ...listener.address, anchorPem: "" };
  const first = listener.accept();
  const taken = await quic.network.connect(to);
  await first;
  // Asked for beside the first one, and held for whoever asks next.
  const held = await tcp.network.connect(to);
  listener.close();
  assert.equal((await held.closed).code, "none");
  quic.network.cut();
  assert.equal((await taken.closed).code, null);
});

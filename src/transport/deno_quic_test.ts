// What is Deno's own of this transport; what all QUIC stacks have in common is in tests/conformance.

import assert from "node:assert/strict";
import { anchorPem, issueLeaf } from "../trust/certificate.ts";
import { generateIdentity } from "../trust/identity.ts";
import { denoQuicTransport } from "./deno_quic.ts";
import {
  assertOneStreamBothWays,
  endBoth,
  HERE,
  sayHello,
} from "../../tests/conformance/quic_peers.ts";
import { Relay } from "../../tests/e2e/relay.ts";
import type { Listener, ReceiveStream } from "./transport.ts";

const MiB = 2 ** 20;

Deno.test("the peer cannot open a stream both ways of its own", async () => {
  const { listener, anchor } = await serve();
  await assertOneStreamBothWays(listener, { port: listener.address.port, anchorPem: anchor });
  listener.close();
});

Deno.test("what control says passes what lanes have waiting", async () => {
  const { listener, anchor } = await serve();
  await using relay = await Relay.open({ rateBytesPerSecond: 2 * MiB });
  await relay.aim({ port: listener.address.port });
  const to = { hostname: HERE, port: relay.port, anchorPem: anchor };
  const client = await denoQuicTransport().connect(to);
  const server = await listener.accept();
  assert.ok(server !== null);
  const [near, far] = await sayHello(client, server);
  let ofLanes = 0;
  for (let lanes = 0; lanes < 4; lanes++) {
    const lane = await client.openLane();
    lane.write(new Uint8Array(MiB)).catch(() => {}); // Cut off in the end.
    server.acceptLane().then(async (lane) => {
      while (lane !== null) ofLanes += await readSome(lane);
    }).catch(() => {});
  }
  const said = near.write(new Uint8Array(MiB / 4));
  for (let heard = 0; heard < MiB / 4;) heard += await readSome(far);
  await said;
  // Lane by lane they would have brought as much as was said, or more.
  assert.ok(ofLanes < MiB / 6, `${ofLanes} bytes of lanes came before`);
  // By the end whose word finds the path free.
  await endBoth(server, client);
  listener.close();
});

Deno.test("a close code that no table knows is a failure, not an order", async () => {
  const { listener, anchor } = await serve();
  const endpoint = new Deno.QuicEndpoint({ hostname: HERE });
  const conn = await Deno.connectQuic({
    hostname: HERE,
    port: listener.address.port,
    serverName: "sftpx",
    alpnProtocols: ["sftpx/1"],
    caCerts: [anchor],
    endpoint,
  });
  const server = await listener.accept();
  assert.ok(server !== null);
  conn.close({ closeCode: 0x7777, reason: "?" });
  assert.deepEqual(await server.closed, { code: "failed", reason: "?", remote: true });
  endpoint.close();
  listener.close();
});

Deno.test("a close is seen by the peer though the process ends at once", async () => {
  const { listener, anchor } = await serve();
  const job = JSON.stringify({ hostname: HERE, port: listener.address.port, anchorPem: anchor });
  const running = runScript(
    `const { emptyRootStore } = await import(${moduleText("../trust/root_store.ts")});
     const { denoQuicTransport } = await import(${moduleText("./deno_quic.ts")});
     emptyRootStore();
     const connection = await denoQuicTransport().connect(${job});
     const control = await connection.openControl();
     await control.write(Uint8Array.of(1));
     await control.read(new Uint8Array(1));
     connection.close("terminated", "");
     await connection.closed;
     Deno.exit(0);`,
    ["-A", "--unstable-net"],
  );
  const serving = (async () => {
    const server = await listener.accept();
    await (await server?.acceptControl())?.write(Uint8Array.of(2));
    return await server?.closed;
  })();
  // First of all the script itself: when it fails, there is nothing to wait for.
  await running;
  assert.deepEqual(await serving, { code: "terminated", reason: "", remote: true });
  listener.close();
});

Deno.test("without the flag or the permission the user is told which", async () => {
  const script = `const { denoQuicTransport } = await import(${moduleText("./deno_quic.ts")});
    const transport = denoQuicTransport();
    const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
    const to = { hostname: "127.0.0.1", port: 9, anchorPem: "" };
    const told = (error) => error.code + " | " + error.message;
    console.log(JSON.stringify([
      transport.unavailable(),
      await transport.listen(at).catch(told),
      await transport.connect(to).catch(told),
      await transport.connect({ ...to, hostname: "localhost" }).catch(told),
    ]));`;
  const [plain, unflagged] = JSON.parse(await runScript(script, ["--no-config", "--allow-read"]));
  assert.match(plain, /add --unstable-net$/);
  assert.match(unflagged, /^unsupported \| .*add --unstable-net$/);
  const [flagged, listening, connecting, resolving] = JSON.parse(
    await runScript(script, ["--unstable-net", "--allow-read", "--deny-net", "--no-prompt"]),
  );
  assert.equal(flagged, null);
  assert.match(listening, /^permission \| Cannot listen on .*--allow-net=127\.0\.0\.1:\d+$/);
  assert.match(
    connecting,
    /^permission \| Cannot connect to .*--allow-net=0\.0\.0\.0:0,127\.0\.0\.1:\d+$/,
  );
  assert.match(
    resolving,
    /^permission \| Cannot connect to "localhost": .*--allow-net=0\.0\.0\.0:0,\[::\]:0,localhost:\d+$/,
  );
});

Deno.test("who goes to an address of this machine meets congestion with CUBIC, all others with BBR", async () => {
  const { certificatePem, keyPem, anchor } = await pems();
  const transport = denoQuicTransport();
  for (const [bound, congestion, expected] of CONTROLLERS) {
    const at = { hostname: bound, port: 0, certificatePem, keyPem, congestion };
    const listener = await transport.listen(at);
    const { port } = listener.address;
    const accepting = listener.accept();
    const to = { hostname: HERE, port, anchorPem: anchor, congestion };
    const client = await transport.connect(to);
    const server = await accepting;
    const found = [client, server].map((connection) => connection?.stats().congestion);
    assert.deepEqual(found, expected, bound);
    client.close("none", "");
    await server?.closed;
    listener.close();
  }
});

/** Where a server listens, what is wished for, and what client and server take. */
const CONTROLLERS = [
  [HERE, "auto", ["cubic", "cubic"]],
  // It does not know yet who comes.
  ["0.0.0.0", "auto", ["cubic", "bbr"]],
  [HERE, "bbr", ["bbr", "bbr"]],
  ["0.0.0.0", "cubic", ["cubic", "cubic"]],
] as const;

async function pems() {
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  return { ...leaf, anchor: anchorPem(identity.publicKey) };
}

async function serve(): Promise<{ readonly listener: Listener; readonly anchor: string }> {
  const { certificatePem, keyPem, anchor } = await pems();
  const at = { hostname: HERE, port: 0, certificatePem, keyPem };
  return { listener: await denoQuicTransport().listen(at), anchor };
}

function moduleText(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

/** Runs a module given on stdin; its stdout, once it ended well. */
async function runScript(source: string, flags: readonly string[]): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function readSome(from: Pick<ReceiveStream, "read">): Promise<number> {
  const got = await from.read(new Uint8Array(64 * 1024));
  assert.ok(got !== null);
  return got.byteLength;
}

import assert from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { denoQuicTransport } from "../transport/deno_quic.ts";
import { memoryTransport } from "../transport/memory.ts";
import type { Connection, Transport } from "../transport/transport.ts";
import { issueLeaf } from "../trust/certificate.ts";
import { generateIdentity } from "../trust/identity.ts";
import { isCode } from "./_fixture.ts";
import { claimIdentity, learnIdentity } from "./claim.ts";
import type { HostPort } from "../transport/transport.ts";
import type { ReachOptions } from "./reach.ts";

const KEY = new Uint8Array(32).fill(9);

/** A server of its own making; `answer` is what it does with its one connection. */
async function meet(
  answer: (connection: Connection) => Promise<void> | void,
  options: Partial<ReachOptions> = {},
): Promise<{ learned: Promise<Uint8Array>; carried: { bytes: number } }> {
  const carried = { bytes: 0 };
  const network = memoryTransport({ deliver: (bytes) => void (carried.bytes += bytes) });
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await network.listen(at);
  const learned = learnIdentity(reach(network, listener.address, options));
  const served = listener.accept().then(async (connection) => {
    assert.ok(connection !== null);
    assert.equal(connection.protocol, "sftpx-claim/1");
    await answer(connection);
    await connection.closed;
    listener.close();
  });
  return { learned: learned.finally(() => served), carried };
}

function reach(
  transport: Transport,
  address: HostPort,
  options: Partial<ReachOptions> = {},
): ReachOptions {
  const { signal } = new AbortController();
  return {
    transport,
    addresses: [address],
    congestion: "auto",
    timeoutMs: 10_000,
    signal,
    ...options,
  };
}

Deno.test("learnIdentity() hears the claim, and 32 bytes are all that travels", async () => {
  const { learned, carried } = await meet((connection) => claimIdentity(connection, KEY));
  assert.deepEqual(await learned, KEY);
  assert.equal(carried.bytes, KEY.byteLength);
});

Deno.test("learnIdentity() opens no stream of its own, and leaves in order", async () => {
  const opened: unknown[] = [];
  let left: unknown = null;
  const { learned } = await meet(async (connection) => {
    const control = assert.rejects(connection.acceptControl(), isCode("lost"));
    const lane = connection.acceptLane().then((found) => opened.push(found));
    await claimIdentity(connection, KEY);
    left = await connection.closed;
    await Promise.all([control, lane]);
  });
  await learned;
  assert.deepEqual(opened, [null]);
  assert.deepEqual(left, { code: "none", reason: "", remote: true });
});

const BAD_CLAIMS: Record<string, Uint8Array> = {
  "of no bytes": new Uint8Array(0),
  "a byte short": KEY.subarray(1),
  "a byte long": concatBytes([KEY, Uint8Array.of(1)]),
  "of far too much": new Uint8Array(100_000).fill(3),
  "that is a weak key": new Uint8Array(32),
};

for (const [what, claim] of Object.entries(BAD_CLAIMS)) {
  Deno.test(`learnIdentity() refuses a claim ${what}`, async () => {
    const { learned } = await meet(async (connection) => {
      const lane = await connection.openLane();
      await lane.write(claim.slice()).catch(() => {});
      await lane.close().catch(() => {});
    });
    await assert.rejects(learned, isCode("protocol", true));
  });
}

Deno.test("learnIdentity() does not take the end of a connection for a claim (I4)", async () => {
  const before = await meet((connection) => connection.close("none", ""));
  await assert.rejects(before.learned, isCode("unreachable"));
  const within = await meet(async (connection) => {
    const lane = await connection.openLane();
    await lane.write(KEY.slice());
    connection.close("none", "");
  });
  await assert.rejects(within.learned, isCode("unreachable"));
});

Deno.test("learnIdentity() tells why a server closes the connection", async () => {
  const { learned } = await meet((connection) => connection.close("limit", "too many\u001b[2J"));
  await assert.rejects(learned, (error) => {
    assert.ok(error instanceof SftpxError && isCode("limit", true)(error));
    assert.match(error.message, /closed the connection: too many\\u\{1b\}\[2J$/);
    return true;
  });
});

Deno.test("learnIdentity() gives up on a server that claims nothing", async () => {
  const { learned } = await meet(() => {}, { timeoutMs: 20 });
  await assert.rejects(learned, (error) => {
    assert.ok(error instanceof SftpxError && error.code === "unreachable");
    assert.match(error.message, /no answer within 0\.02 s; either no sftpx serves there/);
    return true;
  });
});

Deno.test("learnIdentity() stops when its caller does", async () => {
  const stop = new AbortController();
  const reason = new SftpxError("interrupted", "Cannot go on: interrupted");
  const { learned } = await meet(() => stop.abort(reason), { signal: stop.signal });
  await assert.rejects(learned, (error) => error === reason);
});

Deno.test("over QUIC any server is heard, and not one stream of the client's is seen", async () => {
  const identity = await generateIdentity();
  const { certificatePem, keyPem } = await issueLeaf(identity, { nowMs: Date.now() });
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    cert: certificatePem,
    key: keyPem,
    alpnProtocols: ["sftpx-claim/1"],
  });
  const serving = (async () => {
    const conn = await (await listener.incoming()).accept();
    const streams = [
      conn.incomingBidirectionalStreams,
      conn.incomingUnidirectionalStreams,
    ].map((incoming) => (incoming as ReadableStream<unknown>).getReader().read());
    const lane = (await conn.createUnidirectionalStream()).getWriter();
    await lane.write(identity.publicKey.slice());
    await lane.close();
    await conn.closed;
    return await Promise.all(
      streams.map((read) => read.then(({ done }) => done, () => true)),
    );
  })();
  // The test process has read its roots long ago, and to a claim they make no difference.
  const transport = { ...denoQuicTransport(), addsToRuntimeRoots: false };
  const learned = await learnIdentity(reach(transport, endpoint.addr));
  assert.deepEqual(learned, identity.publicKey);
  assert.deepEqual(await serving, [true, true]);
  endpoint.close();
});

Deno.test("over QUIC a server that knows no claims is of another version", async () => {
  const { certificatePem, keyPem } = await issueLeaf(await generateIdentity(), {
    nowMs: Date.now(),
  });
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    cert: certificatePem,
    key: keyPem,
    alpnProtocols: ["sftpx/1"],
  });
  const serving = (async () => {
    const incoming = await listener.incoming();
    await assert.rejects(Promise.resolve(incoming.accept()));
  })();
  const transport = { ...denoQuicTransport(), addsToRuntimeRoots: false };
  await assert.rejects(learnIdentity(reach(transport, endpoint.addr)), isCode("version", true));
  await serving;
  endpoint.close();
});

Deno.test("learnIdentity() connects nowhere before the runtime's roots are out of the way", async () => {
  const claim = JSON.stringify(new URL("./claim.ts", import.meta.url).href);
  const quic = JSON.stringify(new URL("../transport/deno_quic.ts", import.meta.url).href);
  const source = `const { learnIdentity } = await import(${claim});
    const { denoQuicTransport } = await import(${quic});
    const error = await learnIdentity({
      transport: denoQuicTransport(),
      addresses: [{ hostname: "127.0.0.1", port: 9 }],
      congestion: "auto",
      timeoutMs: 200,
      signal: new AbortController().signal,
    }).catch((error) => error);
    console.log(error.code);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--unstable-net", source],
    stdout: "piped",
    stderr: "null",
    env: { NO_COLOR: "1" },
  });
  assert.match(new TextDecoder().decode((await child.output()).stdout), /^unreachable/);
  const denied = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--unstable-net", "--allow-read", "--allow-net", "--no-prompt", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = denied.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  assert.match(new TextDecoder().decode((await denied.output()).stdout), /^permission/);
});

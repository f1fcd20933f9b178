import assert from "node:assert/strict";
import { issue } from "../../../tests/conformance/quic_peers.ts";
import { denoQuicTransport } from "../deno_quic.ts";
import { ThreadTransport } from "./thread.ts";

const WORKER = new URL("../../../workers/transport.ts", import.meta.url);
const STACK = denoQuicTransport();
const AT = { hostname: "127.0.0.1", port: 0 };

function thread(workerUrl = WORKER): ThreadTransport {
  return new ThreadTransport({ workerUrl, stack: STACK });
}

Deno.test("a listener on a thread lets nobody in who is not admitted", async () => {
  await using far = thread();
  const { anchorPem, ...leaf } = await issue();
  const listener = await far.listen({ ...AT, ...leaf });
  const to = { ...listener.address, anchorPem };
  const accepted = listener.accept();
  const turnedAway = async () => {
    // It may be told in the handshake, or right after it.
    const connection = await STACK.connect(to).catch(() => null);
    const ended = connection?.closed ?? { remote: true };
    const { remote } = await Promise.race([ended, accepted.then(() => assert.fail("it is in"))]);
    assert.ok(remote);
  };
  await turnedAway();
  await listener.admit(["127.0.0.2:1"]);
  await turnedAway();
  await listener.admit(["127.0.0.1:7"]);
  const [client, server] = await Promise.all([STACK.connect(to), accepted]);
  assert.ok(server !== null);
  client.close("none", "");
  await Promise.all([client.closed, server.closed]);
});

Deno.test("a thread that ends tells the peers of its connections, and refuses what comes after", async () => {
  const near = thread();
  const { anchorPem, ...leaf } = await issue();
  const listener = await STACK.listen({ ...AT, ...leaf });
  const to = { ...listener.address, anchorPem };
  const [client, server] = await Promise.all([near.connect(to), listener.accept()]);
  assert.ok(server !== null);
  const lane = await client.openLane();
  await near[Symbol.asyncDispose]();
  const { code, remote } = await server.closed;
  assert.deepEqual({ code, remote }, { code: "none", remote: true });
  await client.closed;
  await assert.rejects(lane.write(new Uint8Array(1)), { code: "lost" });
  await assert.rejects(near.connect(to), TypeError);
  listener.close();
});

Deno.test("a thread that dies fails what waits for it", async () => {
  const broken = new URL("data:application/javascript,throw new Error('broken')");
  await using far = thread(broken);
  await assert.rejects(far.listen({ ...AT, certificatePem: "", keyPem: "" }), {
    code: "lost",
    message: /the transport's thread failed: .*broken/,
  });
});

Deno.test("a connection on a thread that dies has ended as a silent loss", async () => {
  const dying = new URL(
    "data:application/javascript," + encodeURIComponent(
      `onmessage = ({ data }) => {
        if (data.kind !== "ask") return;
        if (data.what.kind !== "connect") throw new Error("it dies");
        const answer = { stack: "x", remoteAddress: "a:1", protocol: "sftpx/1", stats: {} };
        postMessage({ kind: "answer", ask: data.ask, answer });
      };`,
    ),
  );
  await using near = thread(dying);
  const connection = await near.connect({ ...AT, anchorPem: "" });
  await assert.rejects(connection.openLane(), { code: "lost" });
  const { code, remote } = await connection.closed;
  assert.deepEqual({ code, remote }, { code: null, remote: false });
});

Deno.test("a thread is told all that can be posted of what a dial is to do", async () => {
  const telling = new URL(
    "data:application/javascript," + encodeURIComponent(
      `onmessage = ({ data }) => {
        if (data.kind !== "ask" || data.what.kind !== "connect") return;
        const remoteAddress = JSON.stringify(data.what.options);
        const answer = { stack: "x", remoteAddress, protocol: "sftpx/1", stats: {} };
        postMessage({ kind: "answer", ask: data.ask, answer });
      };`,
    ),
  );
  await using near = thread(telling);
  const plain = { ...AT, anchorPem: "a", protocol: "sftpx-claim/1", patienceMs: 7 } as const;
  const { signal } = new AbortController();
  const connection = await near.connect({ ...plain, onAnswer: () => {}, signal });
  assert.deepEqual(JSON.parse(connection.remoteAddress), plain);
});

import assert from "node:assert/strict";
import { printedBy } from "../../../tests/own_process.ts";
import { LIMITS } from "../../base/limits.ts";
import { isLoopback } from "../addresses.ts";
import { packetBytesAsked, WindowLedger } from "./settings.ts";

const MiB = 1024 * 1024;

Deno.test("packets are long towards this machine, and as the environment says where it does", () => {
  assert.deepEqual(["127.0.0.1", "127.9.9.9", "::1"].map(isLoopback), [true, true, true]);
  assert.deepEqual(["10.0.0.1", "128.0.0.1", "::", "127.0.0.1.example"].map(isLoopback), [
    false,
    false,
    false,
    false,
  ]);
  const url = JSON.stringify(new URL("./settings.ts", import.meta.url).href);
  const script = `import { packetBytesByHost } from ${url};
    console.log(["192.0.2.1", "::1"].map(packetBytesByHost()).join(" "));`;
  const printed = (asked?: string) => printedBy(script, { SFTPX_PACKET_BYTES: asked });
  assert.equal(printed(), `${LIMITS.packetBytes} ${LIMITS.loopbackPacketBytes}`);
  assert.equal(printed("8900"), "8900 8900");
});

Deno.test("packetBytesAsked() takes sizes that a packet may have, and anything else is an error", () => {
  assert.deepEqual([undefined, "", "1200", "16383"].map(packetBytesAsked), [
    null,
    null,
    1200,
    16_383,
  ]);
  for (const text of ["1199", "16384", "65527", "1e4", "-1", "99999999", "9000 ", "abc"]) {
    assert.throws(() => packetBytesAsked(text), { code: "usage" }, text);
  }
});

Deno.test("a server and a client are told of a size of packets that there is not", () => {
  const url = JSON.stringify(new URL("./quiche.ts", import.meta.url).href);
  // The addon is not asked: the size is read first.
  const script = `const { quicheTransport } = await import(${url});
    const transport = quicheTransport({});
    const to = { hostname: "127.0.0.1", port: 1, anchorPem: "", certificatePem: "", keyPem: "" };
    for (const use of ["connect", "listen"]) {
      await transport[use](to).catch(({ code, message }) => console.log(code, message));
    }`;
  const told = printedBy(script, { SFTPX_PACKET_BYTES: "60000" }).split("\n");
  assert.equal(told.length, 2);
  for (const line of told) assert.match(line, /^usage .*"60000".*1200 to 16383/);
});

Deno.test("a connection may have ten windows of a stream, and a part of what is left", () => {
  const ledger = new WindowLedger(4096 * MiB);
  const first = ledger.offer(16 * MiB);
  assert.deepEqual([first.streamBytes, first.connectionBytes], [16 * MiB, 160 * MiB]);
  const greedy = ledger.offer(1024 * MiB);
  const part = Math.floor((4096 - 160) * MiB / 17);
  assert.deepEqual([greedy.streamBytes, greedy.connectionBytes], [part, part]);
});

Deno.test("what is offered counts at once, and is given back once", () => {
  const ledger = new WindowLedger(4096 * MiB);
  const [offer, other] = [ledger.offer(16 * MiB), ledger.offer(1 * MiB)];
  assert.equal(ledger.promisedBytes, 170 * MiB);
  offer.release();
  offer.release();
  assert.equal(ledger.promisedBytes, 10 * MiB);
  other.release();
  assert.equal(ledger.promisedBytes, 0);
});

Deno.test("handshakes that overlap are promised no more than there is (I8)", () => {
  for (const [mostMiB, windowMiB] of [[1024, 16], [1024, 256], [256, 256], [4096, 64]] as const) {
    const ledger = new WindowLedger(mostMiB * MiB);
    const count = 64;
    const offers = Array.from({ length: count }, () => ledger.offer(windowMiB * MiB));
    const promised = offers.reduce((sum, { connectionBytes }) => sum + connectionBytes, 0);
    assert.equal(ledger.promisedBytes, promised);
    const floor = LIMITS.firstConnectionWindowBytes;
    assert.ok(promised <= mostMiB * MiB + count * floor, `${promised} of ${mostMiB} MiB`);
    assert.ok(offers.every(({ connectionBytes }) => connectionBytes >= floor));
    for (const { release } of offers) release();
    assert.equal(ledger.promisedBytes, 0);
  }
});

Deno.test("a crowd that has proved nothing shares what connections begin with", () => {
  let nowMs = 0;
  const ledger = new WindowLedger(4096 * MiB, () => nowMs);
  const whole = LIMITS.firstConnectionWindowBytes;
  const crowd = Array.from(
    { length: LIMITS.unauthenticatedPeers },
    () => ledger.offer(LIMITS.windowBytes),
  );
  const firsts = crowd.map(({ firstBytes }) => firstBytes);
  assert.equal(firsts[0], whole);
  assert.ok(firsts[3]! > whole / 2, "a client with a few connections");
  assert.equal(firsts.at(-1), LIMITS.leastFirstWindowBytes);
  const most = LIMITS.strangersWindowBytes +
    LIMITS.unauthenticatedPeers * LIMITS.leastFirstWindowBytes;
  assert.ok(firsts.reduce((sum, bytes) => sum + bytes, 0) <= most);
  // Who is gone leaves it to others; who is there for long has proved itself.
  for (const { release } of crowd.slice(1)) {
    release();
    release();
  }
  const next = ledger.offer(LIMITS.windowBytes);
  assert.equal(next.firstBytes, (LIMITS.strangersWindowBytes - whole) / 8);
  nowMs = LIMITS.handshakeMs;
  const later = ledger.offer(LIMITS.windowBytes);
  assert.equal(later.firstBytes, whole);
  for (const { release } of [crowd[0]!, next, later]) release();
  const again = [1, 2].map(() => ledger.offer(LIMITS.windowBytes).firstBytes);
  assert.deepEqual(again, [whole, (LIMITS.strangersWindowBytes - whole) / 8]);
});

Deno.test("a crowd that has proved nothing leaves more than the least for whoever comes next", () => {
  let nowMs = 0;
  const ledger = new WindowLedger(4096 * MiB, () => nowMs);
  const crowd = Array.from(
    { length: LIMITS.unauthenticatedPeers },
    () => ledger.offer(LIMITS.windowBytes),
  );
  const next = ledger.offer(LIMITS.windowBytes);
  assert.ok(next.connectionBytes >= 2 * LIMITS.firstConnectionWindowBytes);
  // Those who are still there by then have proved themselves.
  nowMs = LIMITS.handshakeMs;
  const later = ledger.offer(LIMITS.windowBytes);
  assert.ok(later.connectionBytes > 4 * next.connectionBytes);
  for (const { release } of crowd) release();
});

Deno.test("however many connections there are, each has what it begins with and little more", () => {
  let nowMs = 0;
  const ledger = new WindowLedger(256 * MiB, () => nowMs += LIMITS.handshakeMs);
  for (let count = 0; count < 1000; count++) {
    const offer = ledger.offer(256 * MiB);
    assert.ok(offer.connectionBytes >= LIMITS.firstConnectionWindowBytes);
  }
  const last = ledger.offer(256 * MiB);
  assert.equal(last.connectionBytes, LIMITS.firstConnectionWindowBytes);
  assert.equal(last.streamBytes, LIMITS.firstConnectionWindowBytes);
});

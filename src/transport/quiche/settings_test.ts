import assert from "node:assert/strict";
import process from "node:process";
import { LIMITS } from "../../base/limits.ts";
import { isLoopback, packetBytesAsked, packetBytesTo, WindowLedger } from "./settings.ts";

const MiB = 1024 * 1024;

Deno.test("packets are long towards this machine, and as the environment says where it does", () => {
  assert.deepEqual(["127.0.0.1", "127.9.9.9", "::1"].map(isLoopback), [true, true, true]);
  assert.deepEqual(["10.0.0.1", "128.0.0.1", "::", "127.0.0.1.example"].map(isLoopback), [
    false,
    false,
    false,
    false,
  ]);
  const before = process.env["SFTPX_PACKET_BYTES"];
  try {
    delete process.env["SFTPX_PACKET_BYTES"];
    assert.equal(packetBytesTo("192.0.2.1"), LIMITS.packetBytes);
    assert.equal(packetBytesTo("::1"), LIMITS.loopbackPacketBytes);
    process.env["SFTPX_PACKET_BYTES"] = "8900";
    assert.equal(packetBytesTo("192.0.2.1"), 8900);
  } finally {
    if (before === undefined) delete process.env["SFTPX_PACKET_BYTES"];
    else process.env["SFTPX_PACKET_BYTES"] = before;
  }
});

Deno.test("packetBytesAsked() takes sizes that a packet may have", () => {
  assert.deepEqual(["1200", "65527"].map(packetBytesAsked), [1200, 65_527]);
  for (const text of [undefined, "", "1199", "65528", "1e4", "-1", "99999999", "9000 "]) {
    assert.equal(packetBytesAsked(text), null, String(text));
  }
});

Deno.test("a connection may have ten windows of a stream, and a quarter of what is left", () => {
  const ledger = new WindowLedger(1024 * MiB);
  const first = ledger.offer(16 * MiB);
  assert.deepEqual([first.streamBytes, first.connectionBytes], [16 * MiB, 160 * MiB]);
  const greedy = ledger.offer(1024 * MiB);
  assert.deepEqual([greedy.streamBytes, greedy.connectionBytes], [256 * MiB, 256 * MiB]);
});

Deno.test("only what is taken counts, and it is given back once", () => {
  const ledger = new WindowLedger(1024 * MiB);
  const offer = ledger.offer(16 * MiB);
  assert.equal(ledger.promisedBytes, 0);
  offer.take();
  offer.take();
  assert.equal(ledger.promisedBytes, 160 * MiB);
  offer.release();
  offer.release();
  offer.take();
  assert.equal(ledger.promisedBytes, 0);
});

Deno.test("however many connections there are, each has what it begins with and little more", () => {
  const ledger = new WindowLedger(256 * MiB);
  for (let count = 0; count < 1000; count++) {
    const offer = ledger.offer(256 * MiB);
    assert.ok(offer.connectionBytes >= LIMITS.firstConnectionWindowBytes);
    offer.take();
  }
  const last = ledger.offer(256 * MiB);
  assert.equal(last.connectionBytes, LIMITS.firstConnectionWindowBytes);
  assert.equal(last.streamBytes, LIMITS.firstConnectionWindowBytes);
});

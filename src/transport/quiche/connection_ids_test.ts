import assert from "node:assert/strict";
import { ConnectionIds, newId, OWN_ID_BYTES } from "./connection_ids.ts";

/** A packet with a short header, or a long one with ids of any length. */
function shortPacket(id: Uint8Array): Uint8Array {
  return Uint8Array.of(0x40, ...id, 1, 2, 3);
}

function longPacket(id: Uint8Array): Uint8Array {
  return Uint8Array.of(0xc0, 0, 0, 0, 1, id.length, ...id, 0, 9, 9);
}

Deno.test("an id of our own finds its owner in packets of both kinds", () => {
  const ids = new ConnectionIds<string>();
  const [one, two] = [ids.issue("one"), ids.issue("two")];
  assert.equal(one.length, OWN_ID_BYTES);
  assert.equal(ids.find(shortPacket(one)), "one");
  assert.equal(ids.find(longPacket(two)), "two");
  ids.remove(one);
  assert.equal(ids.find(shortPacket(one)), undefined);
  assert.equal(ids.find(shortPacket(two)), "two");
});

Deno.test("what a client made up finds it in long headers alone, until it is forgotten", () => {
  const ids = new ConnectionIds<string>();
  for (const bytes of [8, OWN_ID_BYTES, 20]) {
    const id = new Uint8Array(bytes).fill(bytes);
    ids.addForeign(id, "client");
    assert.equal(ids.find(longPacket(id)), "client");
    assert.equal(ids.find(longPacket(id.map((byte) => byte ^ 1))), undefined);
    if (bytes === OWN_ID_BYTES) assert.equal(ids.find(shortPacket(id)), undefined);
    ids.removeForeign(id);
    assert.equal(ids.find(longPacket(id)), undefined);
  }
  assert.equal(ids.size, 0);
});

Deno.test("a packet that is cut short belongs to nobody", () => {
  const ids = new ConnectionIds<string>();
  const id = ids.issue("one");
  ids.addForeign(new Uint8Array(8), "two");
  for (const packet of [shortPacket(id), longPacket(id)]) {
    const idEnd = packet[0] === 0x40 ? 1 + id.length : 6 + id.length;
    for (let bytes = 0; bytes < idEnd; bytes++) {
      assert.equal(ids.find(packet.subarray(0, bytes)), undefined, `${bytes} bytes`);
    }
    assert.equal(ids.find(packet.subarray(0, idEnd)), "one");
  }
});

Deno.test("an id whose first bytes are taken is refused", () => {
  const ids = new ConnectionIds<string>();
  const id = newId();
  assert.equal(ids.add(id, "one"), true);
  const alike = id.slice();
  alike[OWN_ID_BYTES - 1]! ^= 1;
  assert.equal(ids.add(alike, "two"), false);
  assert.equal(ids.find(shortPacket(id)), "one");
});

import assert from "node:assert/strict";
import { SftpxError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { decodeHeader, encodeHeader, HEADER_BYTES, type MuxFrame, REASON_BYTES } from "./frames.ts";

/** Every kind, with its largest numbers where there are any; and its bytes as they have always been. */
const GOLDEN: readonly (readonly [MuxFrame, string])[] = [
  [{ kind: "open", stream: 0 }, "00 00 0000 00000000 00000000"],
  [{ kind: "data", stream: 3, bytes: 1, spends: false }, "01 00 0000 00000003 00000001"],
  [
    { kind: "data", stream: 0xffffffff, bytes: LIMITS.muxFrameBytes, spends: true },
    "01 01 0000 ffffffff 00100000",
  ],
  [{ kind: "end", stream: 1 }, "02 00 0000 00000001 00000000"],
  [{ kind: "reset", stream: 2 }, "03 00 0000 00000002 00000000"],
  [{ kind: "stop", stream: 4 }, "04 00 0000 00000004 00000000"],
  [
    { kind: "credit", stream: 5, bytes: LIMITS.mostWindowBytes },
    "05 00 0000 00000005 10000000",
  ],
  [{ kind: "done", stream: 7 }, "06 00 0000 00000007 00000000"],
  [{ kind: "close", code: 0x51, reasonBytes: REASON_BYTES }, "07 00 0000 00000051 00000100"],
];

Deno.test("every frame has the header that PROTOCOL gives it, and is read back", () => {
  for (const [frame, hex] of GOLDEN) {
    const bytes = new Uint8Array(HEADER_BYTES + 3);
    encodeHeader(frame, new DataView(bytes.buffer), 3);
    assert.equal(bytes.subarray(3).toHex(), hex.replaceAll(" ", ""), frame.kind);
    assert.deepEqual(decodeHeader(new DataView(bytes.buffer), 3), frame);
  }
});

Deno.test("a header that breaks a bound is refused, whatever it says besides", () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ["08 00 0000 00000001 00000000", /none of this protocol's/],
    ["ff 00 0000 00000001 00000000", /none of this protocol's/],
    ["01 02 0000 00000001 00000001", /none of this protocol's/],
    ["02 01 0000 00000001 00000000", /none of this protocol's/],
    ["02 00 0001 00000001 00000000", /none of this protocol's/],
    ["01 00 0000 00000001 00000000", /it has 0 bytes/],
    ["01 00 0000 00000001 00100001", /it has 1048577 bytes/],
    ["01 00 0000 00000001 ffffffff", /it has 4294967295 bytes/],
    ["05 00 0000 00000001 00000000", /it allows 0 bytes/],
    ["05 00 0000 00000001 10000001", /it allows 268435457 bytes/],
    ["07 00 0000 00000001 00000101", /its reason has 257 bytes/],
    ["00 00 0000 00000001 00000001", /bytes where none belong/],
    ["06 00 0000 00000001 80000000", /bytes where none belong/],
  ];
  for (const [hex, found] of bad) {
    const bytes = Uint8Array.fromHex(hex.replaceAll(" ", ""));
    assert.throws(() => decodeHeader(new DataView(bytes.buffer)), (thrown) => {
      assert.ok(thrown instanceof SftpxError && thrown.code === "protocol" && thrown.remote, hex);
      return found.test(thrown.message);
    });
  }
});

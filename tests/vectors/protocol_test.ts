// PROTOCOL.md against the code: what the prose prints as bytes and numbers is what the program uses.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { toHex } from "../../src/base/bytes.ts";
import { ERROR_TABLE } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { anchorPem } from "../../src/trust/anchor.ts";
import { clientAuthBytes } from "../../src/trust/client_auth.ts";
import { receiptBytes } from "../../src/trust/receipt.ts";
import { FRAME_HEADER_BYTES, RECORD_BYTES } from "../../src/wire/frame.ts";
import { bodyMap } from "./control_probe.ts";
import { countingBytes, SAMPLE_MESSAGES } from "./messages.ts";

const PROTOCOL = readFileSync(new URL("../../src/wire/PROTOCOL.md", import.meta.url), "utf8");

Deno.test("PROTOCOL.md prints the anchor's template", () => {
  const identity = countingBytes(0xd0, 32);
  const template = /```anchor\n([^`]*)```/.exec(PROTOCOL)?.[1];
  assert.ok(template !== undefined);
  const hex = template.replace("IDENTITY", toHex(identity)).replace("SIGNATURE", "00".repeat(64))
    .replaceAll(/\s/g, "");
  const base64 = anchorPem(identity).replaceAll(/-----[^-]+-----|\s/g, "");
  assert.equal(hex, toHex(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))));
});

Deno.test("PROTOCOL.md lists every error code with its number, and no other", () => {
  const rows = [...PROTOCOL.matchAll(/^\| 0x([0-9a-f]{2}) +\| `([a-z_]+)` +\|/gm)]
    .map(([, number, code]) => [code, parseInt(number!, 16)]);
  assert.deepEqual(
    Object.fromEntries(rows),
    Object.fromEntries(Object.entries(ERROR_TABLE).map(([code, kind]) => [code, kind.quic])),
  );
});

Deno.test("PROTOCOL.md names only limits that exist", () => {
  const named = [...PROTOCOL.matchAll(/LIMITS\.(\w+)/g)].map(([, name]) => name!);
  assert.ok(named.length > 20);
  for (const name of named) if (name !== "x") assert.ok(name in LIMITS, name);
});

Deno.test("PROTOCOL.md gives the contexts and the parts of what is signed", () => {
  const [server, client] = [countingBytes(1, 32), countingBytes(2, 32)];
  const auth = clientAuthBytes({
    serverIdentity: server,
    clientIdentity: client,
    clientHello: Uint8Array.of(7),
    serverHello: Uint8Array.of(8, 9),
  });
  assert.equal(
    toHex(auth),
    statement("sftpx client auth 1", [
      new TextEncoder().encode("sftpx/1"),
      server,
      client,
      Uint8Array.of(7),
      Uint8Array.of(8, 9),
    ]),
  );
  const root = countingBytes(3, 32);
  const receipt = receiptBytes({
    serverIdentity: server,
    clientIdentity: client,
    transfer: 5,
    root,
    files: 6,
    bytes: 2 ** 40,
    failed: 1,
    changed: 3,
    deleted: 9,
  });
  const count = (low: number, high = 0) => Uint8Array.of(0, 0, high, 0, 0, 0, 0, low);
  assert.equal(
    toHex(receipt),
    statement("sftpx receipt 1", [
      server,
      client,
      Uint8Array.of(0, 0, 0, 5),
      root,
      count(6),
      count(0, 1),
      count(1),
      count(3),
      count(9),
    ]),
  );
});

Deno.test("PROTOCOL.md names every context that the code signs or hashes with", () => {
  const files = [
    "trust/client_auth.ts",
    "trust/join.ts",
    "trust/receipt.ts",
    "trust/ticket.ts",
    "engine/root.ts",
  ];
  for (const file of files) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8");
    const contexts = source.match(/"sftpx [a-z0-9 ]+"/g) ?? [];
    assert.ok(contexts.length > 0, file);
    for (const context of contexts) {
      assert.ok(PROTOCOL.includes("`" + context.slice(1, -1) + "`"), `${file} ${context}`);
    }
  }
});

Deno.test("PROTOCOL.md gives the sizes of header and record", () => {
  assert.ok(PROTOCOL.includes(`### Header (${FRAME_HEADER_BYTES} bytes)`));
  assert.ok(PROTOCOL.includes(`### Chunk record (${RECORD_BYTES} bytes)`));
});

Deno.test("PROTOCOL.md gives every plan action its number", () => {
  const planned = SAMPLE_MESSAGES["planned"]!;
  assert.ok(planned.type === "planned");
  const [, section = ""] = PROTOCOL.split(/^(?=#### `planned`)/m).map((text) =>
    text.split("#### `plan_end`")[0]
  );
  const rows = [...section.matchAll(/^\| (\d) +\| _([a-z]+)_ +\|/gm)]
    .map(([, number, action]) => [Number(number), action]);
  const steps = bodyMap(planned)["s"] as readonly { readonly a: number }[];
  const numbers = planned.steps.map(({ action }, at) => [steps[at]!.a, action]);
  assert.deepEqual(rows, numbers);
});

function statement(context: string, parts: readonly Uint8Array[]): string {
  const pieces = parts.map((part) => part.byteLength.toString(16).padStart(8, "0") + toHex(part));
  return toHex(new TextEncoder().encode(context)) + "00" + pieces.join("");
}

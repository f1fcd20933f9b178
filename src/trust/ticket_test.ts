import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { encodeUtf8, fromBase32, fromHex, toBase32, toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { statementBytes } from "./statement.ts";
import { decodeTicket, encodeTicket, TICKET_PREFIX, type TicketAddress } from "./ticket.ts";

const IDENTITY = fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
const SECRET = new Uint8Array(32).fill(0xa5);
const ADDRESSES: TicketAddress[] = [
  { hostname: "192.0.2.7", port: 4443 },
  { hostname: "2001:db8::1", port: 4444 },
  { hostname: "files.example.org", port: 65535 },
];
const TICKET = { identity: IDENTITY, secret: SECRET, addresses: ADDRESSES };

/** A ticket around any body, with a checksum that matches. */
function ticketOf(body: Uint8Array): string {
  const hash = createHash("sha256").update(statementBytes("sftpx ticket checksum 1", [body]));
  return TICKET_PREFIX + toBase32(Uint8Array.of(...body, ...hash.digest().subarray(0, 4)));
}

function bodyOf(text: string): Uint8Array<ArrayBuffer> {
  return fromBase32(text.slice(TICKET_PREFIX.length)).slice(0, -4);
}

function usage(found: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof SftpxError, String(thrown));
    assert.equal(thrown.code, "usage");
    assert.match(thrown.message, found);
    return true;
  };
}

Deno.test("encodeTicket() writes the layout that PROTOCOL fixes", () => {
  assert.equal(
    toHex(bodyOf(encodeTicket(TICKET))),
    "01" + toHex(IDENTITY) + "a5".repeat(32) + "03" +
      "04c0000207115b" +
      "0620010db8000000000000000000000001115c" +
      "0111" + toHex(encodeUtf8("files.example.org")) + "ffff",
  );
});

Deno.test("decodeTicket() reads back what encodeTicket() writes, blanks around it aside", () => {
  const text = encodeTicket(TICKET);
  assert.match(text, /^sftpx1[a-z2-7]+$/);
  assert.deepEqual(decodeTicket(text), TICKET);
  assert.deepEqual(decodeTicket(`\n ${text}\r\n`), TICKET);
});

Deno.test("a ticket has one text: decode, then encode gives it back", () => {
  const port = fc.integer({ min: 1, max: 65535 });
  const hostname = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("a.example"));
  const addresses = fc.array(fc.record({ hostname, port }), { minLength: 1, maxLength: 16 });
  fc.assert(fc.property(addresses, (list) => {
    const text = encodeTicket({ ...TICKET, addresses: list });
    assert.equal(encodeTicket(decodeTicket(text)), text);
  }));
});

Deno.test("decodeTicket() refuses a ticket with any one character changed", () => {
  const text = encodeTicket(TICKET);
  for (let at = 0; at < text.length; at++) {
    for (const letter of ["a", "7", "q", "-", "1"]) {
      const changed = text.slice(0, at) + letter + text.slice(at + 1);
      if (changed !== text) {
        assert.throws(() => decodeTicket(changed), usage(/^Cannot read ticket/));
      }
    }
  }
});

Deno.test("decodeTicket() refuses a ticket cut anywhere, doubled or in capitals", () => {
  const text = encodeTicket(TICKET);
  for (let at = 0; at < text.length; at++) {
    assert.throws(() => decodeTicket(text.slice(0, at)), usage(/^Cannot read ticket/));
  }
  assert.throws(() => decodeTicket(text + text), usage(/Cannot read ticket/));
  assert.throws(() => decodeTicket(text.toUpperCase()), usage(/does not begin with sftpx1/));
  assert.throws(() => decodeTicket("sftpx://host/path"), usage(/does not begin with sftpx1/));
});

Deno.test("decodeTicket() never quotes the ticket (I9)", () => {
  const text = encodeTicket(TICKET);
  const mangled = [
    text.slice(0, -1),
    text.slice(0, 40) + "0" + text.slice(41),
    text + "a",
    "x" + text,
  ];
  for (const wrong of mangled) {
    assert.throws(() => decodeTicket(wrong), (thrown: unknown) => {
      const shown = Deno.inspect(thrown, { depth: 9 });
      for (let at = 6; at + 12 < text.length; at += 6) {
        assert.ok(!shown.includes(text.slice(at, at + 12)), "a part of the ticket shows");
      }
      return true;
    });
  }
});

Deno.test("decodeTicket() bounds the text before reading it (I3)", () => {
  const long = TICKET_PREFIX + "a".repeat(LIMITS.ticketBytes - TICKET_PREFIX.length);
  assert.throws(() => decodeTicket(long), usage(/checksum|wrong or missing/));
  assert.throws(() => decodeTicket(long + "a"), usage(/longer than 1024 characters/));
});

Deno.test("decodeTicket() refuses a body that no encoder writes, checksum or not", () => {
  const good = bodyOf(encodeTicket({ ...TICKET, addresses: [{ hostname: "a.b", port: 1 }] }));
  assert.equal(decodeTicket(ticketOf(good)).addresses[0]?.hostname, "a.b", "the forger is sound");
  const head = good.slice(0, 65);
  const with_ = (...tail: number[]) => ticketOf(Uint8Array.of(...head, ...tail));
  const newer = good.slice();
  newer[0] = 2;
  const weak = good.slice();
  weak.fill(0, 1, 33);
  const cases: [string, RegExp][] = [
    [ticketOf(newer), /version 2 is newer/],
    [ticketOf(weak), /no usable key/],
    [ticketOf(head), /cut short/],
    [ticketOf(head.slice(0, 20)), /cut short/],
    [with_(0), /has 0 addresses/],
    [with_(LIMITS.ticketAddresses + 1), /has 17 addresses/],
    [with_(1, 4, 127, 0, 0), /cut short/],
    [with_(1, 4, 127, 0, 0, 1, 0, 0), /port 0/],
    [with_(1, 5, 127, 0, 0, 1, 0, 1), /unknown kind 5/],
    [with_(1, 4, 127, 0, 0, 1, 0, 1, 0), /bytes follow/],
    [with_(2, 4, 127, 0, 0, 1, 0, 1), /cut short/],
    [with_(1, 1, 0, 0, 1), /host name is malformed/],
    [with_(1, 1, 1, 0x1b, 0, 1), /host name is malformed/],
    [with_(1, 1, 1, 0x41, 0, 1), /host name is malformed/],
    [with_(1, 1, 255, 0x61, 0, 1), /cut short/],
    [with_(1, 1, 7, ...encodeUtf8("1.1.1.1"), 0, 1), /host name is malformed/],
  ];
  for (const [text, found] of cases) assert.throws(() => decodeTicket(text), usage(found));
});

Deno.test("encodeTicket() takes as many addresses as the limit, and not one more", () => {
  const many = (length: number) => Array.from({ length }, () => ADDRESSES[1]!);
  const full = encodeTicket({ ...TICKET, addresses: many(LIMITS.ticketAddresses) });
  assert.equal(decodeTicket(full).addresses.length, LIMITS.ticketAddresses);
  const one = { ...TICKET, addresses: many(LIMITS.ticketAddresses + 1) };
  assert.throws(() => encodeTicket(one), usage(/17 addresses, not 1 to 16/));
  assert.throws(() => encodeTicket({ ...TICKET, addresses: [] }), usage(/0 addresses/));
});

Deno.test("encodeTicket() never writes what decodeTicket() refuses as too long", () => {
  const hostname = Array(3).fill("a".repeat(60)).join(".");
  const longest = { hostname, port: 1 };
  const three = encodeTicket({ ...TICKET, addresses: Array(3).fill(longest) });
  assert.ok(three.length <= LIMITS.ticketBytes);
  assert.throws(
    () => encodeTicket({ ...TICKET, addresses: Array(4).fill(longest) }),
    usage(/take/),
  );
});

Deno.test("encodeTicket() refuses an address that means nothing elsewhere", () => {
  const bad: TicketAddress[] = [
    { hostname: "fe80::1%eth0", port: 1 },
    { hostname: "", port: 1 },
    { hostname: "a b", port: 1 },
    { hostname: "a", port: 0 },
    { hostname: "a", port: 65536 },
    { hostname: "a", port: 1.5 },
  ];
  for (const address of bad) {
    assert.throws(() => encodeTicket({ ...TICKET, addresses: [address] }), usage(/no address/));
  }
});

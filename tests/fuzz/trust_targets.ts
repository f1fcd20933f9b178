// What the trust room reads under fuzz: tickets, key files, PEM, DER, host names, identities, and the
// bytes that are signed. Text that is taken has one meaning, and written anew it is the same.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { concatBytes, fromBase32, toBase32, toHex } from "../../src/base/bytes.ts";
import { keyLines, withLine, withoutLines } from "../../src/trust/key_line.ts";
import { parseAuthorizedKeys } from "../../src/trust/authorized_keys.ts";
import { isWeakKey, seedFromPkcs8, seedToPkcs8, verifySignature } from "../../src/trust/ed25519.ts";
import { formatHost, parseHost } from "../../src/trust/host.ts";
import { identityName, parseIdentityName } from "../../src/trust/identity.ts";
import { parseKnownHosts } from "../../src/trust/known_hosts.ts";
import { decodePem, encodePem } from "../../src/trust/pem.ts";
import { statementBytes } from "../../src/trust/statement.ts";
import { decodeTicket, encodeTicket, TICKET_PREFIX } from "../../src/trust/ticket.ts";
import type { Random } from "../simulation/clock.ts";
import { mutatedBytes, shownBytes, smallerBytes } from "./mutation.ts";
import { outcomeOf, worded } from "./outcome.ts";
import { type Target, textTarget, valueTarget } from "./target.ts";

/** Points of the curve, so that they may be identities. */
const NAMES = [
  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
].map((hex) => identityName(Uint8Array.fromHex(hex)));
const IDENTITIES = NAMES.map(parseIdentityName);
const HOSTS = [
  "example.org",
  "192.0.2.1",
  "2001:db8::1",
  "::ffff:192.0.2.7",
  "[::1]",
  "a-b.c_d.example.",
  "0x7f.1",
  "::",
];
const KEY_FILES = [
  `# everything\n${NAMES[0]} laptop\nwrite ${NAMES[1]} ci runner\n`,
  `\ufeffread ${NAMES[0]}\r\n\r\nwrite-once read ${NAMES[1]} drop box\r\n`,
  `root="a b/c",write,quota=10GiB,from=192.0.2.0/24,expires=2030-01-01 ${NAMES[2]} x\n`,
  `append-only max-file=1MiB ${NAMES[2]} y\nread root=x ${NAMES[0]}`,
];
const HOST_FILES = [
  `example.org:4443 ${NAMES[0]}\n[2001:db8::1]:1 ${NAMES[1]} note\n# c\n192.0.2.1:65535 ${
    NAMES[2]
  }\n`,
  `a:1 ${NAMES[0]}\na:1 ${NAMES[0]} again\n`,
];
const WORDS = [
  ...NAMES,
  "read",
  "write",
  "write-once",
  "append-only",
  "root=",
  "quota=",
  "from=",
  "expires=",
];
const TICKETS = [1, 2, 16].map((count) =>
  encodeTicket({
    identity: IDENTITIES[0]!,
    secret: new Uint8Array(32).fill(7),
    addresses: HOSTS.slice(0, 4).concat(HOSTS.slice(0, 4), HOSTS.slice(0, 4), HOSTS.slice(0, 4))
      .slice(0, count).map((hostname, at) => ({ hostname, port: 4443 + at })),
  })
);
const TICKET_BODIES = TICKETS.map((text) =>
  fromBase32(text.slice(TICKET_PREFIX.length)).slice(0, -4)
);
const PEMS = [1, 47, 48, 49, 300].map((size) =>
  encodePem("PRIVATE KEY", new Uint8Array(size).fill(size))
);

export const TRUST_TARGETS: readonly Target[] = [
  textTarget("ticket-text", { seeds: TICKETS, words: [TICKET_PREFIX], check: checkTicket }),
  valueTarget({
    name: "ticket-body",
    make: (random) => mutatedBytes(random, TICKET_BODIES),
    show: shownBytes,
    smaller: smallerBytes,
    // With the right checksum, so that what stands behind it is read.
    check: (body) => checkTicket(TICKET_PREFIX + toBase32(concatBytes([body, checksumOf(body)]))),
  }),
  textTarget("authorized-keys", { seeds: KEY_FILES, words: WORDS, check: checkAuthorizedKeys }),
  textTarget("known-hosts", {
    seeds: HOST_FILES,
    words: [...NAMES, ...HOSTS, ":443"],
    check: (text) => {
      const outcome = outcomeOf(() => parseKnownHosts(text, { path: "f" }));
      if (outcome.refused !== null) return worded(outcome);
      for (const { hostname, port, identity } of outcome.value.entries()) {
        const found = outcome.value.lookup(hostname, port);
        assert.equal(found === null ? null : identityName(found), identity);
      }
      return checkEdits(text);
    },
  }),
  textTarget("host", {
    seeds: HOSTS,
    words: [":", "::", "%eth0", "[", "]", "0x", "ffff:"],
    check: (text) => {
      const host = parseHost(text);
      if (host === null) return "refused";
      const shown = formatHost(host);
      assert.ok(/^[a-z0-9_.:-]+$/.test(shown), shown);
      assert.deepEqual(parseHost(shown), host);
      assert.equal(formatHost(parseHost(shown)!), shown);
      return host.kind;
    },
  }),
  textTarget("identity", {
    seeds: NAMES,
    check: (text) => {
      const outcome = outcomeOf(() => parseIdentityName(text));
      if (outcome.refused !== null) return worded(outcome);
      assert.equal(identityName(outcome.value), text.toLowerCase());
      assert.equal(isWeakKey(outcome.value), false);
      return "taken";
    },
  }),
  textTarget("pem", {
    seeds: PEMS,
    words: ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "=", "A"],
    check: (text) => {
      const der = decodePem("PRIVATE KEY", text);
      if (der === null) return "refused";
      const flat = (pem: string) => pem.replaceAll(/\s/g, "");
      assert.equal(flat(encodePem("PRIVATE KEY", der)), flat(text));
      return "taken";
    },
  }),
  valueTarget({
    name: "pkcs8",
    make: (random) => mutatedBytes(random, [seedToPkcs8(new Uint8Array(32).fill(9))]),
    show: shownBytes,
    smaller: smallerBytes,
    check: (der) => {
      const seed = seedFromPkcs8(der);
      if (seed === null) return "refused";
      assert.equal(toHex(seedToPkcs8(seed)), toHex(der));
      return "taken";
    },
  }),
  valueTarget({
    name: "signature",
    make: (random) =>
      [random.bytes(32), random.bytes(64), random.bytes(random.below(100))] as const,
    show: (parts) => parts.map(shownBytes).join(" "),
    check: async ([key, signature, bytes]) => {
      assert.equal(await verifySignature(key, signature, bytes.slice()), false);
      return "refused";
    },
  }),
  valueTarget({
    name: "statement",
    make: (random) => [partsOf(random), partsOf(random)] as const,
    show: (lists) => JSON.stringify(lists.map((parts) => parts.map(toHex))),
    check: ([a, b]) => {
      const isSame = a.length === b.length && a.every((part, at) => toHex(part) === toHex(b[at]!));
      const [x, y] = [statementBytes("sftpx fuzz 1", a), statementBytes("sftpx fuzz 1", b)];
      assert.equal(toHex(x) === toHex(y), isSame, "two lists of parts are the same bytes");
      return isSame ? "same" : "different";
    },
  }),
];

function checkTicket(text: string): string {
  const outcome = outcomeOf(() => decodeTicket(text));
  if (outcome.refused !== null) {
    const { message } = outcome.refused;
    const secret = text.trim().slice(TICKET_PREFIX.length, TICKET_PREFIX.length + 80);
    assert.ok(secret.length < 20 || !message.includes(secret), "the error quotes the ticket");
    return worded(outcome);
  }
  assert.equal(encodeTicket(outcome.value), text.trim(), "two texts are one ticket");
  return "taken";
}

function checksumOf(body: Uint8Array): Uint8Array {
  const hash = createHash("sha256").update(statementBytes("sftpx ticket checksum 1", [body]));
  return new Uint8Array(hash.digest()).slice(0, 4);
}

function checkAuthorizedKeys(text: string): string {
  const outcome = outcomeOf(() => parseAuthorizedKeys(text, { path: "f" }));
  if (outcome.refused !== null) return worded(outcome);
  for (const key of outcome.value.entries()) {
    assert.ok(key.grant.read || key.grant.write, "a line that grants nothing");
    assert.deepEqual(outcome.value.find(parseIdentityName(key.identity)), key);
  }
  return checkEdits(text);
}

/** An edit changes its own lines and no other. */
function checkEdits(text: string): string {
  const lines = keyLines(text);
  const words = (of: string) => keyLines(of).map((line) => line.words.join(" "));
  assert.deepEqual(words(withLine(text, "x")), [...words(text), "x"]);
  for (const { number } of lines.slice(0, 3)) {
    const rest = withoutLines(text, new Set([number]));
    assert.deepEqual(
      words(rest),
      lines.filter((line) => line.number !== number)
        .map((line) => line.words.join(" ")),
    );
  }
  return "taken";
}

function partsOf(random: Random): readonly Uint8Array[] {
  return Array.from({ length: random.below(3) }, () => new Uint8Array(random.below(6)));
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { grantOfAccess } from "./grant.ts";
import {
  isFrom,
  type KeyRestrictions,
  momentText,
  parseMoment,
  parseRange,
  parseRestrictions,
  RestrictionProblem,
  restrictionWords,
} from "./restrictions.ts";

const OPEN: KeyRestrictions = { grant: grantOfAccess("both"), from: null, expiresMs: null };

function refused(text: string, found: RegExp): void {
  assert.throws(() => parseRestrictions(text), (thrown: unknown) => {
    assert.ok(thrown instanceof RestrictionProblem, String(thrown));
    assert.match(thrown.message, found, text);
    return true;
  }, text);
}

Deno.test("parseRestrictions() reads words by blanks and by commas alike", () => {
  const { grant } = parseRestrictions("read append-only quota=10GB");
  assert.deepEqual(grant, {
    read: true,
    write: true,
    writeOnce: false,
    appendOnly: true,
    quotaBytes: 10e9,
    root: "",
  });
  for (const text of ["read,append-only,quota=10GB", "read , append-only\tquota=10GB "]) {
    assert.deepEqual(parseRestrictions(text).grant, grant, text);
  }
  assert.deepEqual(parseRestrictions(""), OPEN);
});

Deno.test("a restriction that names no right leaves both, below what it names", () => {
  const { grant } = parseRestrictions('root="a dir/b" max-file=1MiB');
  assert.deepEqual(grant, { ...grantOfAccess("both"), maxFileBytes: 2 ** 20, root: "a dir/b" });
});

Deno.test("parseRestrictions() takes all addresses of from=, and a right behind them", () => {
  const { from, grant } = parseRestrictions("from=192.0.2.0/24,2001:db8::/32,198.51.100.7,write");
  assert.deepEqual(from?.map(({ text }) => text), [
    "192.0.2.0/24",
    "2001:db8::/32",
    "198.51.100.7",
  ]);
  assert.deepEqual([grant.read, grant.write], [false, true]);
  assert.deepEqual(parseRestrictions('from="192.0.2.1,::1" read').from?.length, 2);
});

Deno.test("parseRestrictions() refuses what is unknown, said twice or not exact", () => {
  const cases: [string, RegExp][] = [
    ["laptop", /"laptop" is neither a known restriction/],
    ["Read", /neither/],
    ["read=yes", /"read=yes" is neither/],
    ["read read", /"read" stands there twice/],
    ["quota=1GB quota=2GB", /"quota" stands there twice/],
    ["from=::1 from=::2", /twice/],
    ["quota", /"quota" says nothing, write quota=/],
    ["quota=", /quota "" is no size/],
    ["quota=5", /no size with a unit/],
    ["quota=1.5B", /no size/],
    ["quota=-1GB", /no size/],
    ["max-file=9999999TB", /no size/],
    ["root=/srv", /root "\/srv": /],
    ["root=a/../b", /root/],
    ["root=.", /names no place/],
    ["root=", /names no place/],
    ["root=a/.sftpx", /root/],
    ['root="a', /a quote is not/],
    ['root=a"b"', /a quote is not/],
    ['"read"', /a quote is not/],
    ["read,,write", /a comma stands/],
    [",read", /a comma stands/],
    ["read,", /a comma stands/],
    ["from=", /is no address/],
    ["from=host.example", /is no address/],
    ["from=192.0.2.0/33", /no such number of bits/],
    ["from=192.0.2.1/24/3", /is no address/],
    ["from=192.0.2.1:80", /is no address/],
    ["from=[::1]", /is no address/],
    ["from=::/129", /no such number of bits/],
    ["from=::1,laptop", /"laptop" is neither/],
    ["from=::1 192.0.2.1", /"192.0.2.1" is neither/],
    ["expires=2031-02-30", /is no date/],
    ["expires=2031-13-01", /is no date/],
    ["expires=tomorrow", /is no date/],
    ["expires=2031-01-01T00:00:00", /is no date/],
    ["expires=2031-01-01T24:61:00Z", /is no date/],
    ["\u00a0read", /neither/],
  ];
  for (const [text, found] of cases) refused(text, found);
});

Deno.test("isFrom() compares the bits of addresses, whatever their form", () => {
  const within = (address: string, range: string) => isFrom(address, [parseRange(range)]);
  const yes: [string, string][] = [
    ["192.0.2.7:443", "192.0.2.0/24"],
    ["[::ffff:192.0.2.7]:443", "192.0.2.0/24"],
    ["192.0.2.7:443", "::ffff:192.0.2.0/120"],
    ["[::ffff:c000:207]:1", "192.0.2.7"],
    ["[2001:db8:0:0::1]:443", "2001:DB8::/32"],
    ["[fe80::1%eth0]:1", "fe80::/10"],
    ["[64:ff9b::192.0.2.7]:1", "64:ff9b::192.0.2.0/120"],
    ["[64:ff9b::192.0.2.7]:1", "64:ff9b::/96"],
    ["203.0.113.9:1", "0.0.0.0/0"],
    ["[::1]:1", "::/0"],
  ];
  for (const [address, range] of yes) assert.ok(within(address, range), `${address} in ${range}`);
  const no: [string, string][] = [
    ["192.0.3.7:443", "192.0.2.0/24"],
    ["192.0.2.8:443", "192.0.2.7"],
    // What a translator has put there, or somebody who makes packets of that prefix.
    ["[64:ff9b::192.0.2.7]:443", "192.0.2.7"],
    ["192.0.2.7:443", "64:ff9b::192.0.2.7"],
    ["[64:ff9b::192.0.2.7]:443", "0.0.0.0/0"],
    ["[2001:db9::1]:443", "2001:db8::/32"],
    ["[::1]:1", "0.0.0.0/0"],
    ["203.0.113.9:1", "::/0"],
    ["", "0.0.0.0/0"],
    ["memory", "::/0"],
  ];
  for (const [address, range] of no) assert.ok(!within(address, range), `${address} in ${range}`);
});

Deno.test("a date ends with its day, a time when it says", () => {
  assert.equal(parseMoment("2031-12-31"), Date.UTC(2032, 0, 1));
  assert.equal(parseMoment("2031-12-31T18:00:00Z"), Date.UTC(2031, 11, 31, 18));
  assert.equal(parseMoment("2031-12-31t18:00:00.5+02:00"), Date.UTC(2031, 11, 31, 16, 0, 0, 500));
  assert.equal(momentText(Date.UTC(2032, 0, 1)), "2031-12-31");
});

Deno.test("restrictionWords() writes what is read back as the same", () => {
  const root = fc.constantFrom("", "a", 'a "b"/c, d', "a\\b c", "x=y").filter((text) =>
    !text.includes("\\")
  );
  const bytes = fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { nil: undefined });
  fc.assert(fc.property(
    fc.record({
      read: fc.boolean(),
      writeOnce: fc.boolean(),
      appendOnly: fc.boolean(),
      quotaBytes: bytes,
      maxFileBytes: bytes,
      root,
      expires: fc.option(fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })),
    }),
    ({ read, writeOnce, appendOnly, quotaBytes, maxFileBytes, root, expires }) => {
      const grant = {
        read,
        write: true,
        writeOnce,
        ...(appendOnly ? { appendOnly } : {}),
        ...(quotaBytes === undefined ? {} : { quotaBytes }),
        ...(maxFileBytes === undefined ? {} : { maxFileBytes }),
        root,
      };
      const from = read ? [parseRange("192.0.2.0/24"), parseRange("::1")] : null;
      const given = { grant, from, expiresMs: expires?.getTime() ?? null };
      const words = restrictionWords(given);
      assert.deepEqual(parseRestrictions(words.join(" ")), given);
      assert.deepEqual(parseRestrictions(words.join(",")), given);
    },
  ));
});

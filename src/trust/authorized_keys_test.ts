import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { loadAuthorizedKeys, parseAuthorizedKeys } from "./authorized_keys.ts";
import { parseIdentityName } from "./identity.ts";

const A = "b".repeat(51) + "a";
const B = "c".repeat(51) + "a";
const C = "d".repeat(51) + "a";
const D = "e".repeat(51) + "a";

function parse(text: string) {
  const keys = parseAuthorizedKeys(text, { path: "keys" });
  return { size: keys.size, grant: (name: string) => keys.lookup(parseIdentityName(name)) };
}

function refusal(line: number, found: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof SftpxError, String(thrown));
    assert.equal(thrown.code, "usage");
    assert.match(thrown.message, new RegExp(`^Cannot read authorized keys "keys": line ${line}: `));
    assert.match(thrown.message, found);
    return true;
  };
}

Deno.test("parseAuthorizedKeys() reads identities, restrictions and comments", () => {
  const keys = parse(
    `\ufeff# who may come\r\n\r\n${A}\r\n  read ${B} laptop, read only\n` +
      `\twrite\t${C}\n#${D}\nwrite-once read ${D} # drop box`,
  );
  assert.equal(keys.size, 4);
  assert.deepEqual(keys.grant(A), { read: true, write: true, writeOnce: false });
  assert.deepEqual(keys.grant(B), { read: true, write: false, writeOnce: false });
  assert.deepEqual(keys.grant(C), { read: false, write: true, writeOnce: false });
  assert.deepEqual(keys.grant(D), { read: true, write: true, writeOnce: true });
});

Deno.test("an identity that is not listed has no grant", () => {
  assert.equal(parse("").grant(A), null);
  assert.equal(parse(`# ${A}`).grant(A), null);
  assert.equal(parse(`${B} ${A}`).grant(A), null, "a comment grants nothing");
});

Deno.test("words after the identity restrict nothing, words before it do", () => {
  assert.deepEqual(parse(`${A} read`).grant(A), { read: true, write: true, writeOnce: false });
  assert.deepEqual(parse(`write write-once ${A}`).grant(A), {
    read: false,
    write: true,
    writeOnce: true,
  });
});

Deno.test("parseAuthorizedKeys() fails closed on what it does not know", () => {
  const cases: [string, number, RegExp][] = [
    [`root=/srv ${A}`, 1, /"root=\/srv" is neither a known restriction/],
    [`quota=1GB ${A}`, 1, /neither/],
    [`${A}\nReAd ${B}`, 2, /"ReAd" is neither/],
    [`read,write ${A}`, 1, /neither/],
    [`\n\nread`, 3, /names no identity/],
    [`laptop ${A}`, 1, /neither/],
    [`${A.slice(1)}`, 1, /neither/],
    [`${A.toUpperCase()}`, 1, /is no identity/],
    [`${"a".repeat(52)}`, 1, /is no identity/],
    [`${A}\nread ${A}`, 2, /earlier line/],
    [`read\u00a0${A}`, 1, /neither/],
    [`\x1b[2J ${A}`, 1, /"\\u\{1b\}\[2J"/],
  ];
  for (const [text, line, found] of cases) {
    assert.throws(() => parseAuthorizedKeys(text, { path: "keys" }), refusal(line, found), text);
  }
});

Deno.test("loadAuthorizedKeys() reads a file and insists that there is one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-keys-"));
  try {
    const path = join(directory, "keys");
    await assert.rejects(loadAuthorizedKeys(path), { code: "failed", message: /there is no file/ });
    await writeFile(path, `read ${A}\n`);
    assert.equal((await loadAuthorizedKeys(path)).size, 1);
  } finally {
    await rm(directory, { recursive: true });
  }
});

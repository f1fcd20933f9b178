import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import {
  authorizeKey,
  loadAuthorizedKeys,
  parseAuthorizedKeys,
  revokeKey,
} from "./authorized_keys.ts";
import { type Access, grantOfAccess } from "./grant.ts";
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
  assert.deepEqual(keys.grant(A), { read: true, write: true, writeOnce: false, root: "" });
  assert.deepEqual(keys.grant(B), { read: true, write: false, writeOnce: false, root: "" });
  assert.deepEqual(keys.grant(C), { read: false, write: true, writeOnce: false, root: "" });
  assert.deepEqual(keys.grant(D), { read: true, write: true, writeOnce: true, root: "" });
});

Deno.test("an identity that is not listed has no grant", () => {
  assert.equal(parse("").grant(A), null);
  assert.equal(parse(`# ${A}`).grant(A), null);
  assert.equal(parse(`${B} ${A}`).grant(A), null, "a comment grants nothing");
});

Deno.test("words after the identity restrict nothing, words before it do", () => {
  assert.deepEqual(parse(`${A} read`).grant(A), {
    read: true,
    write: true,
    writeOnce: false,
    root: "",
  });
  assert.deepEqual(parse(`write write-once ${A}`).grant(A), {
    read: false,
    write: true,
    writeOnce: true,
    root: "",
  });
});

Deno.test("parseAuthorizedKeys() fails closed on what it does not know", () => {
  const cases: [string, number, RegExp][] = [
    [`root=/srv ${A}`, 1, /root "\/srv": /],
    [`quota=1XB ${A}`, 1, /no size/],
    [`${A}\nReAd ${B}`, 2, /"ReAd" is neither/],
    [`read,,write ${A}`, 1, /a comma stands/],
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

async function withKeys(run: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-keys-"));
  try {
    await run(join(directory, "home", "authorized_keys"));
    const left = await readdir(join(directory, "home")).catch(() => []);
    assert.deepEqual(left.filter((name) => name !== "authorized_keys"), []);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const key = (name: string, access: Access = "both", comment = "") => ({
  identity: parseIdentityName(name),
  grant: grantOfAccess(access),
  from: null,
  expiresMs: null,
  comment,
});

Deno.test("entries() tells every line with what it grants", () => {
  const text = `# all\n${A} a  laptop\n\nread write-once ${B}\n`;
  assert.deepEqual(parseAuthorizedKeys(text, { path: "keys" }).entries(), [
    {
      identity: A,
      grant: grantOfAccess("both"),
      from: null,
      expiresMs: null,
      comment: "a laptop",
      line: 2,
    },
    {
      identity: B,
      grant: { ...grantOfAccess("write-once"), read: true },
      from: null,
      expiresMs: null,
      comment: "",
      line: 4,
    },
  ]);
});

Deno.test("authorizeKey() makes a private file, and writes what is read back", () =>
  withKeys(async (path) => {
    const words = ["both", "read", "write", "write-once"] as const;
    for (const [index, name] of [A, B, C, D].entries()) {
      assert.equal(await authorizeKey(path, key(name, words[index]!, ` of ${index} `)), true);
    }
    assert.equal(
      await readFile(path, "utf8"),
      `${A} of 0\nread ${B} of 1\nwrite ${C} of 2\nwrite-once ${D} of 3\n`,
    );
    const keys = await loadAuthorizedKeys(path);
    for (const [index, name] of [A, B, C, D].entries()) {
      assert.deepEqual(keys.lookup(parseIdentityName(name)), grantOfAccess(words[index]!));
    }
    if (Deno.build.os === "windows") return;
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(path, ".."))).mode & 0o777, 0o700);
  }));

Deno.test("authorizeKey() keeps a person's file byte for byte, and its mode", () =>
  withKeys(async (path) => {
    await authorizeKey(path, key(D));
    const given = `\ufeff# who\tmay come \r\n\r\n  read   ${A}  the  laptop\r\n# end`;
    await writeFile(path, given);
    if (Deno.build.os !== "windows") await chmod(path, 0o664);
    assert.equal(await authorizeKey(path, key(B, "write", "ci")), true);
    assert.equal(await readFile(path, "utf8"), `${given}\nwrite ${B} ci\n`);
    if (Deno.build.os !== "windows") assert.equal((await stat(path)).mode & 0o777, 0o664);
    assert.equal(await revokeKey(path, parseIdentityName(A)), true);
    const left = `\ufeff# who\tmay come \r\n\r\n# end\nwrite ${B} ci\n`;
    assert.equal(await readFile(path, "utf8"), left);
    await writeFile(path, `\ufeff${A}\n# end`);
    await revokeKey(path, parseIdentityName(A));
    assert.equal(await readFile(path, "utf8"), "\ufeff# end");
    await writeFile(path, `${A}\r\n`);
    await authorizeKey(path, key(B));
    assert.equal(await readFile(path, "utf8"), `${A}\r\n${B}\r\n`);
  }));

Deno.test("authorizeKey() adds no line twice and changes no right in passing", () =>
  withKeys(async (path) => {
    await authorizeKey(path, key(A, "read", "first"));
    const before = await stat(path);
    assert.equal(await authorizeKey(path, key(A, "read", "again")), false);
    for (const access of ["both", "write", "write-once"] as const) {
      await assert.rejects(authorizeKey(path, key(A, access)), (thrown: unknown) => {
        assert.ok(thrown instanceof SftpxError && thrown.code === "failed", String(thrown));
        assert.match(thrown.message, /line 1 of ".+" grants it something else; revoke that first/);
        return true;
      });
    }
    assert.equal((await stat(path)).ino, before.ino, "the file was not even replaced");
  }));

Deno.test("authorizeKey() refuses a comment that would not stay a comment", () =>
  withKeys(async (path) => {
    for (const comment of [`x\n${B}`, "a\rb", "\x1b[2J", "a\u202eb", "x".repeat(1025)]) {
      assert.throws(() => authorizeKey(path, key(A, "read", comment)), {
        code: "usage",
        message: /^Cannot use comment/,
      });
    }
    await assert.rejects(stat(path), { code: "ENOENT" });
  }));

Deno.test("revokeKey() takes away one line, and makes nothing where there is none", () =>
  withKeys(async (path) => {
    assert.equal(await revokeKey(path, parseIdentityName(A)), false);
    await assert.rejects(stat(join(path, "..")), { code: "ENOENT" });
    await authorizeKey(path, key(A));
    await authorizeKey(path, key(B));
    assert.equal(await revokeKey(path, parseIdentityName(C)), false);
    assert.equal(await revokeKey(path, parseIdentityName(B)), true);
    assert.equal(await readFile(path, "utf8"), `${A}\n`);
    assert.equal(await revokeKey(path, parseIdentityName(A)), true);
    assert.equal(await readFile(path, "utf8"), "");
    assert.equal((await loadAuthorizedKeys(path)).size, 0);
  }));

Deno.test("a damaged file of keys is refused with its line, and never rewritten", () =>
  withKeys(async (path) => {
    await authorizeKey(path, key(A));
    const damaged = `${A}\nroot=/srv ${B}\n`;
    await writeFile(path, damaged);
    const refused = { code: "usage", message: /authorized_keys": line 2: root "\/srv": / };
    await assert.rejects(authorizeKey(path, key(C)), refused);
    await assert.rejects(revokeKey(path, parseIdentityName(A)), refused);
    assert.equal(await readFile(path, "utf8"), damaged);
    await writeFile(path, Uint8Array.of(0x23, 0xff, 0x0a));
    await assert.rejects(authorizeKey(path, key(C)), SftpxError);
    assert.deepEqual([...await readFile(path)], [0x23, 0xff, 0x0a]);
  }));

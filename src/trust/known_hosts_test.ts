import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { parseIdentityName } from "./identity.ts";
import {
  addKnownHost,
  knownHostLine,
  loadKnownHosts,
  parseKnownHosts,
  removeKnownHost,
} from "./known_hosts.ts";

const A = "b".repeat(51) + "a";
const B = "c".repeat(51) + "a";
const KEY_A = parseIdentityName(A);
const KEY_B = parseIdentityName(B);

const parse = (text: string) => parseKnownHosts(text, { path: "hosts" });

Deno.test("lookup() finds a server however its address is written", () => {
  const hosts = parse(
    `# servers\nFiles.Example.org:4443 ${A} office\r\n\n[2001:DB8:0::1]:4443 ${B}\n192.0.2.7:1 ${B}`,
  );
  assert.deepEqual(hosts.lookup("files.example.ORG", 4443), KEY_A);
  assert.deepEqual(hosts.lookup("2001:db8::1", 4443), KEY_B);
  assert.deepEqual(hosts.lookup("[2001:db8:0:0::1]", 4443), KEY_B);
  assert.deepEqual(hosts.lookup("192.0.2.7", 1), KEY_B);
});

Deno.test("lookup() does not take one server for another", () => {
  const hosts = parse(`a.example:4443 ${A}`);
  assert.equal(hosts.lookup("a.example", 4444), null);
  assert.equal(hosts.lookup("b.a.example", 4443), null);
  assert.equal(hosts.lookup("example", 4443), null);
  assert.equal(hosts.lookup("not a host", 4443), null);
  assert.equal(hosts.lookup("a.example", 0), null);
});

Deno.test("lookup() hands out a copy", () => {
  const hosts = parse(`a:1 ${A}`);
  hosts.lookup("a", 1)?.fill(0);
  assert.deepEqual(hosts.lookup("a", 1), KEY_A);
});

Deno.test("parseKnownHosts() names the line it cannot use", () => {
  const cases: [string, number, RegExp][] = [
    [`a:1 ${A}\na ${A}`, 2, /"a" is no HOST:PORT/],
    [`:1 ${A}`, 1, /no HOST:PORT/],
    [`a:0 ${A}`, 1, /no HOST:PORT/],
    [`a:65536 ${A}`, 1, /no HOST:PORT/],
    [`a:x ${A}`, 1, /no HOST:PORT/],
    [`::1:4443 ${A}`, 1, /no HOST:PORT/],
    [`fe80::1%eth0:1 ${A}`, 1, /no HOST:PORT/],
    [`${A} a:1`, 1, /no HOST:PORT/],
    [`\n# x\na:1`, 3, /names no identity/],
    [`a:1 ${A.slice(1)}`, 1, /is no identity/],
    [`a:1 # ${A}`, 1, /is no identity/],
    [`a:1 ${A}\nA:1 ${B}`, 2, /another identity/],
  ];
  for (const [text, line, found] of cases) {
    assert.throws(() => parse(text), (thrown: unknown) => {
      assert.ok(thrown instanceof SftpxError, String(thrown));
      assert.equal(thrown.code, "usage");
      assert.ok(thrown.message.startsWith(`Cannot read known hosts "hosts": line ${line}: `), text);
      assert.match(thrown.message, found);
      return true;
    }, text);
  }
  assert.ok(parse(`a:1 ${A}\na:1 ${A} again`));
});

Deno.test("knownHostLine() writes what parseKnownHosts() reads", () => {
  for (const hostname of ["2001:DB8::1", "192.0.2.7", "Host.example"]) {
    const line = knownHostLine({ hostname, port: 4443, identity: KEY_A });
    assert.deepEqual(parse(line).lookup(hostname, 4443), KEY_A);
  }
  assert.equal(
    knownHostLine({ hostname: "::1", port: 4443, identity: KEY_A }),
    `[::1]:4443 ${A}`,
  );
  const bad = { hostname: "a\nb", port: 1, identity: KEY_A };
  assert.throws(() => knownHostLine(bad), SftpxError);
});

Deno.test("loadKnownHosts() takes a missing file for an empty one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-hosts-"));
  try {
    const path = join(directory, "hosts");
    assert.equal((await loadKnownHosts(path)).lookup("a", 1), null);
    await writeFile(path, `a:1 ${A}\n`);
    assert.deepEqual((await loadKnownHosts(path)).lookup("a", 1), KEY_A);
  } finally {
    await rm(directory, { recursive: true });
  }
});

const HOST = { hostname: "a.example", port: 4443 };

async function withHosts(run: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-hosts-"));
  try {
    await run(join(directory, "home", "known_hosts"));
    const left = await readdir(join(directory, "home")).catch(() => []);
    assert.deepEqual(left.filter((name) => name !== "known_hosts"), []);
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("find() and entries() tell the line, the address and the comment", () => {
  const hosts = parse(`# x\n\n[2001:DB8::1]:1 ${A} two  words\nB.example:2 ${B}\n`);
  const first = { hostname: "2001:db8::1", port: 1, identity: A, comment: "two words", line: 3 };
  const second = { hostname: "b.example", port: 2, identity: B, comment: "", line: 4 };
  assert.deepEqual(hosts.entries(), [first, second]);
  assert.deepEqual(hosts.find("2001:db8:0::1", 1), first);
  assert.deepEqual(hosts.find("b.EXAMPLE", 2), second);
  assert.equal(hosts.find("b.example", 1), null);
  assert.equal(hosts.find("not a host", 1), null);
});

Deno.test("addKnownHost() makes a private file and adds one line, once", () =>
  withHosts(async (path) => {
    assert.equal(await addKnownHost(path, { ...HOST, identity: KEY_A }), true);
    assert.equal(await addKnownHost(path, { ...HOST, port: 1, identity: KEY_B }), true);
    assert.equal(
      await addKnownHost(path, { ...HOST, hostname: "A.Example", identity: KEY_A }),
      false,
    );
    assert.equal(await readFile(path, "utf8"), `a.example:4443 ${A}\na.example:1 ${B}\n`);
    if (Deno.build.os === "windows") return;
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(path, ".."))).mode & 0o777, 0o700);
  }));

Deno.test("addKnownHost() never contradicts a line, and names it", () =>
  withHosts(async (path) => {
    await addKnownHost(path, { hostname: "b.example", port: 1, identity: KEY_B });
    await addKnownHost(path, { ...HOST, identity: KEY_A });
    const before = await readFile(path, "utf8");
    await assert.rejects(addKnownHost(path, { ...HOST, identity: KEY_B }), (thrown: unknown) => {
      assert.ok(thrown instanceof SftpxError, String(thrown));
      assert.equal(thrown.code, "identity_mismatch");
      assert.match(thrown.message, new RegExp(`line 2 of ".+known_hosts" says ${A}$`));
      return true;
    });
    assert.equal(await readFile(path, "utf8"), before);
  }));

Deno.test("two first contacts at once both stay", () =>
  withHosts(async (path) => {
    const ports = Array.from({ length: 20 }, (_, index) => index + 1);
    await Promise.all(
      ports.map((port) => addKnownHost(path, { ...HOST, port, identity: KEY_A })),
    );
    const known = (await loadKnownHosts(path)).entries().map(({ port }) => port);
    assert.deepEqual(known.toSorted((a, b) => a - b), ports);
  }));

Deno.test("removeKnownHost() takes every line of a server away and keeps the rest", () =>
  withHosts(async (path) => {
    assert.equal(await removeKnownHost(path, HOST), false);
    await assert.rejects(stat(join(path, "..")), { code: "ENOENT" });
    await addKnownHost(path, { ...HOST, identity: KEY_A });
    const other = `# my servers \r\na.example:1   ${B}  other\n`;
    await writeFile(path, `A.example:4443 ${A}\n${other}\ta.example:4443 ${A} again`);
    assert.equal(await removeKnownHost(path, { ...HOST, port: 9 }), false);
    assert.equal(await removeKnownHost(path, HOST), true);
    assert.equal(await readFile(path, "utf8"), other);
    assert.equal(await removeKnownHost(path, HOST), false);
  }));

Deno.test("a damaged file of hosts is refused with its line, and never rewritten", () =>
  withHosts(async (path) => {
    await addKnownHost(path, { ...HOST, identity: KEY_A });
    const damaged = `a.example:4443 ${A}\nb.example ${B}\n`;
    await writeFile(path, damaged);
    const refused = { code: "usage", message: /known_hosts": line 2: "b.example" is no HOST:PORT/ };
    const server = { hostname: "c", port: 1, identity: KEY_A };
    await assert.rejects(addKnownHost(path, server), refused);
    await assert.rejects(removeKnownHost(path, HOST), refused);
    assert.equal(await readFile(path, "utf8"), damaged);
  }));

Deno.test("addKnownHost() and removeKnownHost() refuse what is no address", () => {
  const bad = { hostname: "a b", port: 1, identity: KEY_A };
  assert.throws(() => addKnownHost("hosts", bad), { code: "usage" });
  assert.throws(() => removeKnownHost("hosts", bad), { code: "usage" });
  assert.throws(() => removeKnownHost("hosts", { ...HOST, port: 0 }), { code: "usage" });
});

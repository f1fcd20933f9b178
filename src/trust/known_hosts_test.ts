import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { parseIdentityName } from "./identity.ts";
import { knownHostLine, loadKnownHosts, parseKnownHosts } from "./known_hosts.ts";

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

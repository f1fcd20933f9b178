import assert from "node:assert/strict";
import { assertQuick } from "../../tests/quickest.ts";
import { SftpxError } from "../base/errors.ts";
import {
  checkIdentity,
  formatHostPort,
  hostNameIn,
  parseHostPort,
  parseRemotePath,
  parseTarget,
  type Target,
  ticketWarning,
} from "./target.ts";

const IDENTITY = "a".repeat(51) + "q";
const TICKET = "sftpx1" + "ab23".repeat(20);

function usage(text: RegExp) {
  return (error: unknown) =>
    error instanceof SftpxError && error.code === "usage" && text.test(error.message);
}

function url(hostname: string, rest: Partial<Extract<Target, { kind: "url" }>> = {}): Target {
  return { kind: "url", hostname, port: 4443, identity: null, path: "", ...rest };
}

Deno.test("parseTarget() reads every form of the grammar", () => {
  const cases: [string, Target][] = [
    [TICKET, { kind: "ticket", text: TICKET, path: "" }],
    [`${TICKET}/`, { kind: "ticket", text: TICKET, path: "" }],
    [`${TICKET}/a/b c`, { kind: "ticket", text: TICKET, path: "a/b c" }],
    [`${TICKET}/a%20b`, { kind: "ticket", text: TICKET, path: "a%20b" }],
    ["@", { kind: "environment", path: "" }],
    ["@/", { kind: "environment", path: "" }],
    ["@/x%41/", { kind: "environment", path: "x%41/" }],
    ["@/dir/.", { kind: "environment", path: "dir/" }],
    ["@/.", { kind: "environment", path: "" }],
    ["sftpx://host", url("host")],
    ["sftpx://host/", url("host")],
    ["SFTPX://host/a", url("host", { path: "a" })],
    ["sftpx://host:1/a/b/", url("host", { port: 1, path: "a/b/" })],
    ["sftpx://10.0.0.1/a%20b", url("10.0.0.1", { path: "a b" })],
    ["sftpx://h/%c3%a9", url("h", { path: "é" })],
    ["sftpx://h/a%2525", url("h", { path: "a%25" })],
    ["sftpx://h/a?b#c", url("h", { path: "a?b#c" })],
    ["sftpx://h/a@b:c", url("h", { path: "a@b:c" })],
    ["sftpx://[::1]:9/x", url("::1", { port: 9, path: "x" })],
    ["sftpx://[fe80::1%eth0]", url("fe80::1%eth0")],
    [`sftpx://${IDENTITY}@host/x`, url("host", { identity: IDENTITY, path: "x" })],
    [`sftpx://${IDENTITY.toUpperCase()}@host`, url("host", { identity: IDENTITY })],
  ];
  for (const [text, target] of cases) assert.deepEqual(parseTarget(text), target, text);
});

Deno.test("parseTarget() takes everything else as a local file", () => {
  for (
    const text of [
      "a",
      "./sftpx1abc",
      "sftpx1",
      "sftpx1.txt",
      "sftpx1-a",
      "@home",
      "./@",
      "C:\\x",
      "host:path",
      "dir/",
      "..",
      "-",
      "sftpx2abc",
      "sftpx:/host",
      "a\nb",
      "sftpx1abc.bak/x",
    ]
  ) {
    assert.deepEqual(parseTarget(text), { kind: "local", path: text }, text);
  }
});

Deno.test("parseTarget() refuses a URL that is not well formed", () => {
  const cases: [string, RegExp][] = [
    ["", /it is empty/],
    ["http://host/x", /only sftpx:\/\//],
    ["sftpx://", /host is missing/],
    ["sftpx:///x", /host is missing/],
    ["sftpx://:1/x", /host is missing/],
    ["sftpx://h:/x", /port is not a number/],
    ["sftpx://h:65536", /port is not a number/],
    ["sftpx://h:0/", /port 0/],
    ["sftpx://h:1x/", /port is not a number/],
    ["sftpx://::1/", /write sftpx:|port is not a number/],
    ["sftpx://[zz]/", /no IPv6/],
    ["sftpx://[]/", /no IPv6/],
    ["sftpx://[1.2.3.4]/", /no IPv6/],
    ["sftpx://ho st/x", /no host name/],
    ["sftpx://-h/x", /no host name/],
    ["sftpx://user@host/x", /52 base32/],
    ["sftpx://@host/x", /52 base32/],
    ["sftpx://a@b@host/x", /write sftpx:/],
    ["sftpx://h/%zz", /two hex digits/],
    ["sftpx://h/%ff", /two hex digits/],
    ["sftpx://h/a%2fb", /encoded "\/"/],
    ["sftpx://h/a%2Fb", /encoded "\/"/],
  ];
  for (const [text, state] of cases) assert.throws(() => parseTarget(text), usage(state), text);
});

Deno.test("parseTarget() refuses a path that the server would refuse", () => {
  for (
    const path of [
      "/a",
      "../a",
      "a/../b",
      "a//b",
      "a/./b",
      "%00",
      "a%0ab",
      ".sftpx/x",
      "a%5cb",
      "..",
    ]
  ) {
    assert.throws(() => parseTarget(`sftpx://h/${path}`), usage(/its path cannot be used/), path);
  }
  assert.throws(() => parseTarget("@//a"), usage(/it is absolute/));
});

Deno.test("parseTarget() does not repeat a ticket in an error", () => {
  assert.throws(() => parseTarget(`${TICKET}/..`), (error: Error) => {
    assert.doesNotMatch(error.message, /ab23/);
    return true;
  });
});

Deno.test("checkIdentity() refuses a wrong length and wrong characters", () => {
  assert.equal(checkIdentity(IDENTITY), IDENTITY);
  for (const text of ["", IDENTITY.slice(1), `${IDENTITY}a`, "1" + IDENTITY.slice(1)]) {
    assert.throws(() => checkIdentity(text), usage(/not 52 base32 characters/), text);
  }
});

Deno.test("parseHostPort() reads hosts, ports and brackets", () => {
  const fallbackPort = 4443;
  assert.deepEqual(parseHostPort("h", { fallbackPort }), { hostname: "h", port: 4443 });
  assert.deepEqual(parseHostPort("h:1", { fallbackPort }), { hostname: "h", port: 1 });
  assert.deepEqual(parseHostPort("[::]:0", { fallbackPort: null, allowZero: true }), {
    hostname: "::",
    port: 0,
  });
});

Deno.test("parseHostPort() refuses a missing port, a bare IPv6 address and port 0", () => {
  const cases: [string, RegExp][] = [
    ["h", /port is missing/],
    [":1", /host is missing/],
    ["::1", /host is missing|IPv6 in brackets|not a number/],
    ["[::1", /brackets/],
    ["h:0", /port 0/],
    ["h:x", /not a number/],
  ];
  for (const [text, state] of cases) {
    assert.throws(() => parseHostPort(text, { fallbackPort: null }), usage(state), text);
  }
});

Deno.test("formatHostPort() puts IPv6 in brackets", () => {
  assert.equal(formatHostPort({ hostname: "::1", port: 5 }), "[::1]:5");
  assert.equal(formatHostPort({ hostname: "h", port: 5 }), "h:5");
});

Deno.test("ticketWarning() warns of a ticket on the command line only", () => {
  assert.match(ticketWarning([{ kind: "ticket", text: TICKET, path: "" }]) ?? "", /SFTPX_TICKET/);
  assert.equal(ticketWarning([{ kind: "environment", path: "" }]), null);
});

Deno.test("parseTarget() puts a named host's place in front of the path", () => {
  const place = (path: string) => ({
    kind: "url" as const,
    hostname: "files.example.org",
    port: 7,
    identity: "a".repeat(51) + "q",
    path,
  });
  const targetOf = (text: string, prefix: string) =>
    parseTarget(text, { hosts: (name) => name === "prod" ? place(prefix) : null });
  for (
    const [text, prefix, path] of [
      ["sftpx://prod/x", "", "x"],
      ["sftpx://prod", "", ""],
      ["sftpx://prod/x", "backup", "backup/x"],
      ["sftpx://prod/x/", "backup/", "backup/x/"],
      ["sftpx://prod", "backup", "backup"],
      ["sftpx://prod", "backup/", "backup/"],
      ["sftpx://prod/", "backup", "backup/"],
      ["sftpx://prod/a%20b", "backup", "backup/a b"],
    ] as const
  ) assert.deepEqual(targetOf(text, prefix), place(path), `${text} ${prefix}`);
});

Deno.test("parseTarget() takes a name as written, without port and identity, for a named host", () => {
  const hosts = (name: string) => {
    assert.notEqual(name, "other");
    return name === "prod"
      ? { kind: "url" as const, hostname: "h", port: 7, identity: null, path: "" }
      : null;
  };
  const hostOf = (text: string) => {
    const target = parseTarget(text, { hosts });
    return target.kind === "url" ? target.hostname : null;
  };
  assert.equal(hostOf("sftpx://prod/x"), "h");
  assert.equal(hostOf("sftpx://PROD/x"), "PROD");
  assert.equal(hostOf("sftpx://prod:4443/x"), "prod");
  assert.equal(hostOf(`sftpx://${"a".repeat(51)}q@prod/x`), "prod");
});

Deno.test("parseTarget() lets no path climb above a named host's place", () => {
  const hosts = () => ({
    kind: "url" as const,
    hostname: "h",
    port: 7,
    identity: null,
    path: "backup",
  });
  for (const path of ["../x", "a/../../x", "%2e%2e/x"]) {
    assert.throws(() => parseTarget(`sftpx://prod/${path}`, { hosts }), /cannot be used/, path);
  }
});

Deno.test("an address to listen on is none to connect to", () => {
  for (const host of ["0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]"]) {
    assert.throws(() => parseTarget(`sftpx://${host}/x`), usage(/is nowhere to reach/), host);
    assert.throws(() => parseHostPort(`${host}:1`, { fallbackPort: null }), /nowhere to reach/);
    parseHostPort(`${host}:1`, { fallbackPort: null, allowZero: true });
  }
  parseTarget("sftpx://[::1]/x");
  parseTarget("sftpx://10.0.0.0/x");
});

Deno.test("hostNameIn() is a name that stands alone in a URL, whatever else is wrong with it", () => {
  for (const text of ["sftpx://nas", "sftpx://nas/", "sftpx://nas/%2f", "SFTPX://nas/a/b"]) {
    assert.equal(hostNameIn(text), "nas", text);
  }
  const identity = "a".repeat(51) + "q";
  for (
    const text of [`sftpx://${identity}@nas/`, "sftpx://nas:4443/", "nas", "@/nas", "http://nas"]
  ) {
    assert.equal(hostNameIn(text), null, text);
  }
});

Deno.test("parseRemotePath() takes no longer over slashes than over anything else", () => {
  // A pattern that looks at each slash anew takes far longer.
  assertQuick(() => {
    assert.equal(parseRemotePath(`a${"/".repeat(200_000)}`), "a");
    assert.throws(() => parseRemotePath(`a${"/".repeat(200_000)}b`), { code: "usage" });
  }, { withinMs: 5_000 });
});

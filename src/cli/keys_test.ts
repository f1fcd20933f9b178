import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PLAIN_OUTPUT, testContext } from "../../tests/command_context.ts";
import { SftpxError } from "../base/errors.ts";
import { generateIdentity, loadIdentity } from "../trust/identity.ts";
import type { KeysAction, KeysCommand } from "./command.ts";
import { runKeys } from "./keys.ts";

const HOST = { hostname: "host.example", port: 4443 };

async function inHome(
  test: (
    home: string,
    run: (action: KeysAction, options?: { json?: boolean } & Partial<KeysCommand>) => Promise<{
      code: number;
      out: string;
      err: string;
      lines: () => Record<string, unknown>[];
    }>,
  ) => Promise<void>,
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "sftpx-keys-"));
  try {
    await test(home, async (action, { json = false, ...rest } = {}) => {
      const { context, stdout, stderr } = testContext(home, { json });
      const command: KeysCommand = {
        name: "keys",
        output: PLAIN_OUTPUT,
        action,
        identityPath: null,
        knownHostsPath: null,
        authorizedKeysPath: null,
        ...rest,
      };
      const code = await runKeys(command, context);
      return { code, out: stdout.text, err: stderr.text, lines: () => stdout.jsonLines() };
    });
  } finally {
    await rm(home, { recursive: true });
  }
}

const UNBOUND = { path: "", bounds: {}, from: null, expires: null } as const;

Deno.test("runKeys() shows nothing where there is nothing, and makes no identity", () =>
  inHome(async (home, run) => {
    const { code, out, err } = await run({ kind: "list" });
    assert.deepEqual([code, out], [0, ""]);
    assert.match(err, /no identity of your own yet: "sftpx init" makes one/);
    assert.match(err, /no authorized keys in .*authorized_keys/);
    assert.match(err, /no known hosts in .*known_hosts/);
    await assert.rejects(stat(join(home, "identity")));
  }));

Deno.test("runKeys() authorizes an identity and revokes it again", () =>
  inHome(async (home, run) => {
    const { name } = await generateIdentity();
    const added = await run({
      kind: "authorize",
      identity: name,
      access: "write",
      ...UNBOUND,
      comment: "ci runner",
    });
    assert.equal(added.code, 0);
    assert.match(added.err, /may come in: write/);
    assert.match(
      await readFile(join(home, "authorized_keys"), "utf8"),
      new RegExp(`^write ${name} ci runner$`, "m"),
    );
    const { out } = await run({ kind: "list" });
    assert.equal(out, `authorized  ${name}  write  ci runner\n`);
    assert.equal((await run({ kind: "revoke", identity: name })).code, 0);
    assert.ok(!(await readFile(join(home, "authorized_keys"), "utf8")).includes(name));
    await assert.rejects(run({ kind: "revoke", identity: name }), (error: unknown) => {
      return error instanceof SftpxError && error.code === "failed" &&
        /not among the authorized keys/.test(error.message);
    });
  }));

Deno.test("runKeys() trusts a host, refuses to contradict itself, and forgets the host", () =>
  inHome(async (home, run) => {
    const [server, other] = [await generateIdentity(), await generateIdentity()];
    const trust = { kind: "trust", host: HOST, identity: server.name } as const;
    assert.match((await run(trust)).err, /is known from now on/);
    assert.match((await run(trust)).err, /was known before/);
    assert.equal(
      await readFile(join(home, "known_hosts"), "utf8"),
      `host.example:4443 ${server.name}\n`,
    );
    await assert.rejects(run({ ...trust, identity: other.name }), SftpxError);
    const { out } = await run({ kind: "list" });
    assert.equal(out, `known host  ${server.name}  host.example:4443\n`);
    assert.equal((await run({ kind: "forget", host: HOST })).code, 0);
    await assert.rejects(run({ kind: "forget", host: HOST }), /not among the known hosts/);
    assert.equal((await run({ ...trust, identity: other.name })).code, 0);
  }));

Deno.test("runKeys() lists everything as JSON, own identity first", () =>
  inHome(async (home, run) => {
    const own = await loadIdentity(join(home, "identity"), { create: true });
    const { name } = await generateIdentity();
    await run({ kind: "authorize", identity: name, access: "both", ...UNBOUND, comment: "" });
    await run({ kind: "trust", host: { hostname: "::1", port: 9 }, identity: name });
    const lines = (await run({ kind: "list" }, { json: true })).lines();
    assert.deepEqual(lines.map(({ event, role }) => [event, role]), [
      ["key", "own"],
      ["key", "authorized"],
      ["key", "known_host"],
      ["end", undefined],
    ]);
    assert.equal(lines[0]?.["identity"], own.name);
    assert.equal(lines[1]?.["access"], "both");
    assert.equal(lines[2]?.["host"], "[::1]:9");
    assert.equal(lines[3]?.["count"], 3);
  }));

Deno.test("runKeys() tells a change as one JSON line, in the files it is given", () =>
  inHome(async (home, run) => {
    const { name } = await generateIdentity();
    const authorizedKeysPath = join(home, "elsewhere");
    const change = await run(
      { kind: "authorize", identity: name, access: "read", ...UNBOUND, comment: "x" },
      { json: true, authorizedKeysPath },
    );
    const [line] = change.lines();
    assert.equal(line?.["change"], "added");
    assert.equal(line?.["file"], authorizedKeysPath);
    assert.match(await readFile(authorizedKeysPath, "utf8"), new RegExp(`read ${name} x`));
    await assert.rejects(stat(join(home, "authorized_keys")));
  }));

Deno.test("runKeys() refuses an identity that is no usable key", () =>
  inHome(async (_home, run) => {
    const identity = "a".repeat(52);
    const authorize = { kind: "authorize", access: "both", ...UNBOUND, comment: "" } as const;
    await assert.rejects(run({ ...authorize, identity }), {
      code: "usage",
    });
    await assert.rejects(run({ kind: "trust", host: HOST, identity }), { code: "usage" });
  }));

Deno.test("runKeys() writes restrictions that are read back, and lists them", () =>
  inHome(async (_home, run) => {
    const { name } = await generateIdentity();
    const added = await run({
      kind: "authorize",
      identity: name,
      access: "append-only",
      path: "logs of a/b/",
      bounds: { quotaBytes: 10e9, maxFileBytes: 2 ** 20 },
      from: ["192.0.2.0/24", "2001:db8::1"],
      expires: { kind: "at", ms: Date.UTC(2032, 0, 1) },
      comment: "web server",
    });
    const words = 'append-only root="logs of a/b" quota=10GB max-file=1MiB ' +
      "from=192.0.2.0/24,2001:db8::1 expires=2031-12-31";
    assert.ok(added.err.includes(`may come in: ${words}`), added.err);
    const listed = await run({ kind: "list" });
    assert.ok(listed.out.includes(words), listed.out);
    const climbing = { kind: "authorize", access: "read", ...UNBOUND, comment: "" } as const;
    await assert.rejects(run({ ...climbing, identity: name, path: "a/../b" }), { code: "usage" });
  }));

Deno.test("runKeys() takes a right to read beside one to add, and how long a key is good", () =>
  inHome(async (_home, run) => {
    const { name } = await generateIdentity();
    const added = await run({
      kind: "authorize",
      identity: name,
      access: "read,append-only",
      ...UNBOUND,
      expires: { kind: "after", ms: 86_400_000 },
      comment: "",
    });
    assert.match(added.err, /may come in: read append-only expires=2\d{3}-/);
    const [line] = (await run({ kind: "list" }, { json: true })).lines().slice(1);
    assert.equal(line?.["access"], "read,append-only");
    assert.equal(line?.["expired"], undefined);
  }));

Deno.test("runKeys() writes no key that is over already, and marks one that is", () =>
  inHome(async (home, run) => {
    const { name } = await generateIdentity();
    const authorize = { kind: "authorize", identity: name, access: "both", comment: "" } as const;
    const expires = { kind: "at", ms: Date.UTC(2020, 0, 2) } as const;
    await assert.rejects(run({ ...authorize, ...UNBOUND, expires }), {
      code: "usage",
      message: /2020-01-02T00:00:00.000Z is over already/,
    });
    await assert.rejects(stat(join(home, "authorized_keys")));
    await writeFile(join(home, "authorized_keys"), `expires=2020-01-01 ${name} old\n`, {
      mode: 0o600,
    });
    assert.match((await run({ kind: "list" })).out, /expires=2020-01-01 \(expired\) +old\n/);
    const lines = (await run({ kind: "list" }, { json: true })).lines();
    assert.equal(lines.find(({ role }) => role === "authorized")?.["expired"], true);
  }));

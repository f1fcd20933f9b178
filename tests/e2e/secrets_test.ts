// Secrets stay where they belong (I9): a whole working life of a server and its clients, and every byte
// that any of them printed or left on disk is gone through for the tickets' secrets and the private
// keys, in whatever letters. And the files that they are in are this user's alone.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fs from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import { toBase32, toHex } from "../../src/base/bytes.ts";
import { decodeTicket, encodeTicket } from "../../src/trust/ticket.ts";
import { Line, QUICK, told } from "./line.ts";
import { type Running, Scratch } from "./sftpx_process.ts";
import { makeFile } from "./trees.ts";

/** Something that only some may hold. */
interface Secret {
  readonly what: string;
  readonly bytes: Uint8Array;
  /** How else it is written: a ticket as a whole, for one. */
  readonly texts: readonly string[];
}

/** Bytes that were told or kept, and which secrets may be in them. */
interface Place {
  readonly name: string;
  readonly bytes: Uint8Array;
}

Deno.test("a session with all that can happen to it leaves no secret where it does not belong", async () => {
  await using line = await Line.open("send", {
    flags: ["--verbose", ...QUICK.flags],
    serve: ["--verbose", "--log-format", "json"],
  });
  const { scratch } = line;
  const { ticket } = line.server;
  await makeFile(scratch.path("small/a"), "a");
  await makeFile(scratch.path("ticket-file"), `${ticket}\n`);
  const { identity, secret, addresses } = decodeTicket(ticket);
  const wrong = crypto.getRandomValues(new Uint8Array(32));
  const refused = encodeTicket({ identity, secret: wrong, addresses });
  const minted = (await scratch.run(["ticket", line.server.root, "--uses", "1"])).stdout.trim();

  const runs: Record<string, Running> = {};
  const start = (name: string, args: readonly string[], env: Record<string, string> = {}) => {
    runs[name] = scratch.start([...args, "--verbose", "--json"], { env });
    return runs[name].ended;
  };
  const by = { SFTPX_TICKET: ticket };
  assert.equal((await start("send", ["send", "small", "@"], by)).code, 0);
  assert.equal((await start("get", ["get", "@/small", "back"], by)).code, 0);
  assert.equal((await start("ls", ["ls", "@"], by)).code, 0);
  assert.equal((await start("file", ["ls", "@", "--ticket-file", "ticket-file"])).code, 0);
  assert.equal((await start("argv", ["ls", ticket])).code, 0);
  assert.equal((await start("plan", ["send", "-n", "small", "@"], by)).code, 0);
  assert.equal(
    (await start("once", ["get", "@/small", "again"], { SFTPX_TICKET: minted })).code,
    0,
  );
  assert.equal(
    (await start("spent", ["get", "@/small/a", "b"], { SFTPX_TICKET: minted })).code,
    12,
  );
  assert.equal((await start("refused", ["ls", "@"], { SFTPX_TICKET: refused })).code, 12);
  assert.equal((await start("mangled", ["ls", "@"], { SFTPX_TICKET: `${ticket}a` })).code, 2);
  assert.equal((await start("mangled argv", ["ls", `${ticket.slice(0, -1)}`])).code, 2);
  assert.equal((await start("as a file", ["send", ticket, "small"])).code, 2);
  assert.equal((await start("as a value", ["ls", "@", "--pin", ticket], by)).code, 2);
  await start("listed", ["ticket", "list"]);
  await start("config", ["config", "show"], by);
  const moving = await line.startToMiddle();
  runs["reconnect"] = moving;
  line.relay.swallow("up", "down");
  await told(moving, "reconnecting");
  line.relay.restore();
  await line.arrives(moving);
  const server = await line.server.running;
  await line.stopServer("SIGTERM");
  assert.equal((await start("gone", ["ls", "@", "--timeout", "1s"], by)).code, 10);

  const key = await fs.readFile(scratch.path("home/identity"), "utf8");
  const secrets: readonly Secret[] = [
    { what: "ticket", bytes: secret, texts: [ticket] },
    { what: "minted ticket", bytes: decodeTicket(minted).secret, texts: [minted] },
    { what: "refused ticket", bytes: wrong, texts: [refused] },
    { what: "key", ...privateKey(key) },
  ];
  const places = await placesOf({ ...runs, server }, scratch);
  const found = places.flatMap(({ name, bytes }) =>
    secrets.filter((one) => holds(bytes, one)).map(({ what }) => `${what} in ${name}`)
  );
  assert.deepEqual(found.sort(), [
    "key in file home/identity",
    "ticket in file ticket-file",
    "ticket in stdout of server",
  ]);
});

/** Every stream and every file; what was sent may hold anything, and holds no secret of ours. */
async function placesOf(
  runs: Readonly<Record<string, Running>>,
  scratch: Scratch,
): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (const [name, running] of Object.entries(runs)) {
    const { stdout, stderr } = await running.ended;
    places.push({ name: `stdout of ${name}`, bytes: Buffer.from(stdout) });
    places.push({ name: `stderr of ${name}`, bytes: Buffer.from(stderr) });
  }
  const names = await fs.readdir(scratch.directory, { recursive: true, withFileTypes: true });
  for (const entry of names) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = `file ${path.slice(scratch.directory.length + 1)}`;
    places.push({ name, bytes: await fs.readFile(path) });
  }
  return places;
}

/** Looks for a secret as it is, and in the letters that anybody would write it in. */
function holds(bytes: Uint8Array, { bytes: secret, texts }: Secret): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const own = Buffer.from(secret);
  const spelled = [
    toHex(secret),
    toHex(secret).toUpperCase(),
    toBase32(secret).slice(0, 40),
    own.toString("base64").slice(0, 40),
    own.toString("base64url").slice(0, 40),
    JSON.stringify([...secret]).slice(1, -1),
    // What is left of a longer text that was cut: the secret is in its middle.
    ...texts.flatMap((text) => [text, text.slice(64, 100)]),
  ];
  return buffer.includes(own) || spelled.some((text) => buffer.includes(text));
}

/** The 32 bytes of an identity file, and the line they are in. */
function privateKey(pem: string): Omit<Secret, "what"> {
  const body = pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, "");
  return { bytes: Buffer.from(body, "base64").subarray(-32), texts: [`${body}${body}`] };
}

Deno.test({
  name:
    "files that secrets and trust rest on are this user's alone, and refused where they are not",
  ignore: process.platform === "win32",
  async fn(t) {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("src/a"), "a");
    const ready = scratch.path("ready");
    const server = await scratch.serve("root", ["--ready-file", ready]);
    const { identity, port } = server;
    await scratch.run(["keys", "authorize", identity]);
    await scratch.run(["keys", "trust", `127.0.0.1:${port}`, identity]);
    assert.equal((await scratch.run(["send", "src", server.ticket])).code, 0);

    await t.step("as they are made", async () => {
      const kept = [
        ...await modesIn(scratch.path("home")),
        ...await modesIn(server.root + "/.sftpx"),
      ];
      const names = kept.map(([name]) => name);
      for (const name of ["identity", "tickets.db", "known_hosts", "authorized_keys", "state.db"]) {
        assert.ok(names.includes(name), `${name} is not among ${names}`);
      }
      assert.ok(names.some((name) => name.endsWith("-wal")), `no -wal among ${names}`);
      assert.deepEqual(kept.filter(([, mode]) => (mode & 0o077) !== 0), []);
      assert.equal((await fs.stat(`${server.root}/.sftpx`)).mode & 0o777, 0o700);
      // It says where a server is and who, which anybody may know.
      assert.equal((await fs.stat(ready)).mode & 0o022, 0);
      assert.doesNotMatch(await fs.readFile(ready, "utf8"), /sftpx1|ticket/);
    });
    await server.stop();
    await makeFile(scratch.path("home/config.toml"), 'timeout = "10s"\n');
    await makeFile(scratch.path("the-ticket"), server.ticket);

    const keys = ["serve", "root", "--authorized-keys", scratch.path("home/authorized_keys")];
    const at = `sftpx://127.0.0.1:${port}/`;
    const cases: readonly (readonly [string, number, readonly string[]])[] = [
      ["home/identity", 0o640, ["send", "src", server.ticket]],
      ["home/identity", 0o602, ["init"]],
      ["home/tickets.db", 0o604, ["ticket", "list"]],
      ["home/tickets.db", 0o620, ["serve", "root", "--listen", "127.0.0.1:0"]],
      ["home/known_hosts", 0o602, ["ls", at]],
      ["home/authorized_keys", 0o602, [...keys, "--listen", "127.0.0.1:0"]],
      ["home/config.toml", 0o602, ["ls", at]],
      ["the-ticket", 0o602, ["ls", "@", "--ticket-file", "the-ticket"]],
      ["root/.sftpx", 0o722, ["serve", "root", "--listen", "127.0.0.1:0"]],
    ];
    for (const [path, mode, args] of cases) {
      await t.step(`${basename(path)} of mode ${mode.toString(8)}: ${args[0]}`, async () => {
        const before = (await fs.stat(scratch.path(path))).mode & 0o777;
        await fs.chmod(scratch.path(path), mode);
        const { code, stderr } = await scratch.run(args);
        await fs.chmod(scratch.path(path), before);
        assert.equal(code, path.endsWith("config.toml") ? 2 : 1, stderr);
        assert.match(stderr, /others may reach it|everyone may write it|others may write to it/);
      });
    }
  },
});

/** Files below a directory, and their permission bits. */
async function modesIn(directory: string): Promise<readonly (readonly [string, number])[]> {
  const entries = await fs.readdir(directory, { recursive: true, withFileTypes: true });
  return await Promise.all(
    entries.filter((entry) => entry.isFile()).map(async (entry) => {
      const { mode } = await fs.lstat(join(entry.parentPath, entry.name));
      return [entry.name, mode & 0o777] as const;
    }),
  );
}

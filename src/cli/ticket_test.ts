import { grantOfAccess } from "../trust/grant.ts";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PLAIN_OUTPUT, testContext } from "../../tests/command_context.ts";
import { SftpxError } from "../base/errors.ts";
import { generateIdentity, loadIdentity } from "../trust/identity.ts";
import { decodeTicket } from "../trust/ticket.ts";
import { TicketBook, ticketBookPath } from "../trust/ticket_book.ts";
import type { TicketAction } from "./command.ts";
import { runTicket } from "./ticket.ts";

const HOUR_MS = 3_600_000;

/** A home and a ROOT, and `sftpx ticket` run in them. */
class Place implements AsyncDisposable {
  readonly home: string;
  readonly root: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.home = join(directory, "home");
    this.root = join(directory, "root");
  }

  static async open(): Promise<Place> {
    const place = new Place(await realpath(await mkdtemp(join(tmpdir(), "sftpx-ticket-"))));
    await mkdir(join(place.root, "photos"), { recursive: true });
    return place;
  }

  get bookPath(): string {
    return ticketBookPath(join(this.home, "identity"));
  }

  async run(action: TicketAction, options: { json?: boolean; laterMs?: number } = {}) {
    const { context, stdout, stderr, clock } = testContext(this.home, options);
    clock.ms += options.laterMs ?? 0;
    const code = await runTicket(
      { name: "ticket", output: PLAIN_OUTPUT, identityPath: null, action },
      context,
    );
    return { code, stdout, stderr };
  }

  create(rest: Partial<Extract<TicketAction, { kind: "create" }>> = {}): TicketAction {
    return {
      kind: "create",
      root: this.root,
      path: "",
      access: "both",
      bounds: {},
      uses: null,
      expires: { kind: "after", ms: HOUR_MS },
      advertise: [{ hostname: "198.51.100.7", port: 9 }],
      ...rest,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

async function redeemed(place: Place, ticket: string) {
  using book = TicketBook.open(place.bookPath);
  const { publicKey } = await generateIdentity();
  const { secret } = decodeTicket(ticket);
  const nowMs = testContext(place.home).clock.ms;
  return book.redeem(secret, { root: place.root, identity: publicKey, nowMs });
}

Deno.test("runTicket() prints a ticket alone, that opens what was asked for", async () => {
  await using place = await Place.open();
  const action = place.create({ path: "photos/", access: "write-once", uses: 2 });
  const { code, stdout, stderr } = await place.run(action);
  assert.equal(code, 0);
  assert.match(stdout.text, /^sftpx1[a-z2-7]+\n$/);
  const ticket = stdout.text.trim();
  const { identity, addresses } = decodeTicket(ticket);
  const own = await loadIdentity(join(place.home, "identity"), { create: false });
  assert.deepEqual(identity, own.publicKey);
  assert.deepEqual(addresses, [{ hostname: "198.51.100.7", port: 9 }]);
  const { grant } = await redeemed(place, ticket);
  assert.deepEqual(grant, { read: false, write: true, writeOnce: true, root: "photos" });
  assert.match(stderr.text, /write, never replace .*photos, 2 transfers, until/);
  assert.match(stderr.text, /sftpx ticket revoke [0-9a-f]+/);
  assert.ok(!stderr.text.includes(ticket.slice(10, 30)), "the ticket is on stdout only");
});

Deno.test("runTicket() writes down what bounds a ticket, and tells it", async () => {
  await using place = await Place.open();
  const bounds = { quotaBytes: 10e9, maxFileBytes: 2 ** 20 };
  const action = place.create({ access: "append-only", bounds });
  const { stdout, stderr } = await place.run(action);
  const { grant } = await redeemed(place, stdout.text.trim());
  assert.deepEqual(grant, { ...grantOfAccess("append-only"), ...bounds });
  assert.match(stderr.text, /write, only add .*, quota 10 GB, max-file 1 MiB, any number/);
  const listed = await place.run({ kind: "list", root: place.root });
  assert.match(listed.stdout.text, /append-only, quota 10 GB, max-file 1 MiB/);
  const { stdout: json } = await place.run({ kind: "list", root: null }, { json: true });
  const [line] = json.jsonLines();
  assert.deepEqual([line?.["access"], line?.["quotaBytes"]], ["append-only", 10e9]);
});

Deno.test("runTicket() names where the running serve is, else the usual port and says so", async () => {
  await using place = await Place.open();
  const action = place.create({ advertise: [] });
  const before = await place.run(action);
  assert.equal(decodeTicket(before.stdout.text).addresses[0]?.port, 4443);
  assert.match(before.stderr.text, /nothing serves .* now: the ticket names port 4443/);
  const named = await place.run(place.create({ advertise: [{ hostname: "h", port: 0 }] }));
  assert.deepEqual(decodeTicket(named.stdout.text).addresses, [{ hostname: "h", port: 4443 }]);
  assert.match(named.stderr.text, /nothing serves/);
  assert.doesNotMatch((await place.run(place.create())).stderr.text, /nothing serves/);
  using book = TicketBook.open(place.bookPath);
  const addresses = [{ hostname: "127.0.0.1", port: 7777 }, { hostname: "h.example", port: 9 }];
  book.announce(place.root, { port: 7777, addresses });
  try {
    const now = await place.run(action);
    assert.deepEqual(decodeTicket(now.stdout.text).addresses, addresses);
    assert.doesNotMatch(now.stderr.text, /nothing serves/);
    const advertise = [{ hostname: "h", port: 0 }, { hostname: "i", port: 5 }];
    const named = await place.run(place.create({ advertise }));
    assert.deepEqual(decodeTicket(named.stdout.text).addresses, [
      { hostname: "h", port: 7777 },
      { hostname: "i", port: 5 },
    ]);
  } finally {
    book.announce(place.root, null);
  }
});

Deno.test("runTicket() makes one JSON line with the ticket, and an end", async () => {
  await using place = await Place.open();
  const { stdout } = await place.run(place.create({ path: "photos" }), { json: true });
  const [line, end, ...rest] = stdout.jsonLines();
  assert.deepEqual(rest, []);
  assert.equal(line?.["event"], "ticket");
  assert.equal(line?.["path"], "photos");
  assert.equal(line?.["access"], "both");
  assert.equal(line?.["usesLeft"], null);
  assert.equal(line?.["state"], "valid");
  assert.equal(line?.["expires"], "2027-01-02T04:04:05.000Z");
  assert.ok(await redeemed(place, String(line?.["ticket"])));
  assert.equal(end?.["event"], "end");
});

Deno.test("runTicket() lists tickets with their state, and never a secret", async () => {
  await using place = await Place.open();
  const tickets: string[] = [];
  const actions = [place.create({ access: "read", path: "photos" }), place.create()];
  for (const [index, action] of actions.entries()) {
    tickets.push((await place.run(action, { laterMs: index })).stdout.text.trim());
  }
  const { stdout } = await place.run({ kind: "list", root: place.root });
  const [head, first, second] = stdout.text.split("\n");
  assert.match(head ?? "", /^ID +PATH +ACCESS +USES LEFT +UNTIL +STATE$/);
  assert.match(first ?? "", /^[0-9a-f]{12} +photos +read +any +\S+ \S+ +valid$/);
  assert.match(second ?? "", /^[0-9a-f]+ +\. +both /);
  const all = await place.run({ kind: "list", root: null }, { laterMs: 2 * HOUR_MS });
  assert.match(all.stdout.text, /STATE +ROOT\n/);
  assert.match(all.stdout.text, new RegExp(`expired +${place.root}\n`));
  const json = await place.run({ kind: "list", root: null }, { json: true });
  assert.deepEqual(json.stdout.jsonLines().map((line) => line["event"]), [
    "ticket",
    "ticket",
    "end",
  ]);
  for (const ticket of tickets) {
    for (const text of [stdout.text, all.stdout.text, json.stdout.text]) {
      assert.ok(!text.includes(ticket.slice(70, 90)));
    }
  }
  for (const line of json.stdout.jsonLines()) assert.ok(!("ticket" in line));
});

Deno.test("runTicket() ends a ticket by the beginning of its id", async () => {
  await using place = await Place.open();
  const { stdout } = await place.run(place.create(), { json: true });
  const [line] = stdout.jsonLines();
  const id = String(line?.["id"]);
  const revoked = await place.run({ kind: "revoke", id: id.slice(0, 8) });
  assert.match(revoked.stderr.text, /opens nothing any more/);
  await assert.rejects(redeemed(place, String(line?.["ticket"])), (error: unknown) => {
    return error instanceof SftpxError && error.code === "refused" && /revoked/.test(error.message);
  });
  const list = await place.run({ kind: "list", root: place.root });
  assert.match(list.stdout.text, /revoked\n$/);
  await assert.rejects(place.run({ kind: "revoke", id: "00000000" }), { code: "usage" });
});

Deno.test("runTicket() forgets what opens nothing any more, and only that", async () => {
  await using place = await Place.open();
  const made = (await place.run(place.create(), { json: true })).stdout.jsonLines()[0];
  const id = String(made?.["id"]);
  await place.run(place.create());
  await place.run({ kind: "revoke", id });
  const json = await place.run({ kind: "prune", root: place.root }, { json: true });
  const [line, end] = json.stdout.jsonLines();
  assert.deepEqual([line?.["id"], line?.["state"], end?.["count"]], [id, "revoked", 1]);
  const again = await place.run({ kind: "prune", root: place.root });
  assert.equal(again.stderr.text, `0 tickets for ${place.root} forgotten\n`);
  const left = await place.run({ kind: "list", root: null }, { json: true });
  assert.deepEqual(left.stdout.jsonLines().map((line) => line["state"]), ["valid", undefined]);
  const late = await place.run({ kind: "prune", root: null }, { laterMs: 2 * HOUR_MS });
  assert.equal(late.stderr.text, "1 ticket forgotten\n");
});

Deno.test("runTicket() lists nothing that ended more than a week ago", async () => {
  await using place = await Place.open();
  await place.run(place.create());
  const WEEK_MS = 7 * 24 * HOUR_MS;
  for (const [laterMs, count] of [[WEEK_MS, 1], [WEEK_MS + 2 * HOUR_MS, 0]] as const) {
    const list = await place.run({ kind: "list", root: null }, { json: true, laterMs });
    assert.equal(list.stdout.jsonLines().at(-1)?.["count"], count);
  }
});

Deno.test("runTicket() says so when there is none, and refuses a ROOT that is not there", async () => {
  await using place = await Place.open();
  const { code, stdout, stderr } = await place.run({ kind: "list", root: null });
  assert.deepEqual([code, stdout.text, stderr.text], [0, "", "no tickets\n"]);
  const absent = join(place.root, "absent");
  for (const action of [{ kind: "list", root: absent } as const, place.create({ root: absent })]) {
    await assert.rejects(place.run(action), { code: "usage" });
  }
});

Deno.test("runTicket() keeps no ticket in the book that it could not print", async () => {
  await using place = await Place.open();
  const advertise = Array.from({ length: 17 }, (_, index) => ({ hostname: "h", port: index + 1 }));
  await assert.rejects(place.run(place.create({ advertise })), { code: "usage" });
  const { stdout } = await place.run({ kind: "list", root: null }, { json: true });
  const states = stdout.jsonLines().map((line) => line["state"]);
  assert.ok(!states.includes("valid"), String(states));
});

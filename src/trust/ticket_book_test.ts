import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { toBase32, toHex } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { TicketBook } from "./ticket_book.ts";

const ALICE = new Uint8Array(32).fill(1);
const BOB = new Uint8Array(32).fill(2);
const HOUR_MS = 3_600_000;
const NOW_MS = 1_800_000_000_000;
const ONCE = { uses: 1, expiresMs: NOW_MS + HOUR_MS, nowMs: NOW_MS };
const ANY = { uses: null, expiresMs: NOW_MS + HOUR_MS, nowMs: NOW_MS };

const by = (identity: Uint8Array, nowMs: number = NOW_MS) => ({ identity, nowMs });

function withBook(run: (path: string, book: TicketBook) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-book-"));
    const path = join(directory, "state", "tickets.json");
    try {
      await run(path, await TicketBook.open(path));
    } finally {
      await rm(directory, { recursive: true });
    }
  };
}

function coded(code: ErrorCode, text: RegExp = /./) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof SftpxError, String(thrown));
    assert.equal(thrown.code, code);
    assert.match(thrown.message, text);
    return true;
  };
}

Deno.test(
  "a ticket of any number of uses opens for everyone until it expires",
  withBook(async (_path, book) => {
    const secret = await book.mint(ANY);
    assert.equal(secret.byteLength, 32);
    for (const identity of [ALICE, BOB, ALICE]) {
      const { id } = book.redeem(secret, by(identity));
      await (await book.begin(id, by(identity))).spend();
    }
    const lastMs = ANY.expiresMs - 1;
    const { id } = book.redeem(secret, by(ALICE, lastMs));
    const late = by(ALICE, ANY.expiresMs);
    assert.throws(() => book.redeem(secret, late), coded("refused", /expired/));
    await assert.rejects(book.begin(id, late), coded("refused", /expired/));
  }),
);

Deno.test(
  "redeem() refuses a secret that was never minted, or is near one",
  withBook(async (_path, book) => {
    const secret = await book.mint(ANY);
    for (const at of [0, 31]) {
      const near = secret.slice();
      near[at]! ^= 1;
      assert.throws(() => book.redeem(near, by(ALICE)), coded("refused", /unknown/));
    }
    assert.throws(() => book.redeem(secret.slice(1), by(ALICE)), coded("refused"));
    assert.throws(() => book.redeem(new Uint8Array(0), by(ALICE)), coded("refused"));
    assert.ok(book.redeem(secret, by(ALICE)));
  }),
);

Deno.test(
  "a counted use is spent by a commit, not by a connection",
  withBook(async (_path, book) => {
    const secret = await book.mint(ONCE);
    book.redeem(secret, by(BOB));
    const { id } = book.redeem(secret, by(ALICE));
    const use = await book.begin(id, by(ALICE));
    await use.spend();
    for (const identity of [ALICE, BOB]) {
      assert.throws(() => book.redeem(secret, by(identity)), coded("refused", /used up/));
      await assert.rejects(book.begin(id, by(identity)), coded("refused", /used up/));
    }
  }),
);

Deno.test(
  "the identity that began a transfer may resume it, and nobody takes its place",
  withBook(async (_path, book) => {
    const secret = await book.mint(ONCE);
    const { id } = book.redeem(secret, by(ALICE));
    (await book.begin(id, by(ALICE))).pause();
    assert.throws(() => book.redeem(secret, by(BOB)), coded("refused", /another peer/));
    await assert.rejects(book.begin(id, by(BOB)), coded("refused", /another peer/));
    assert.equal(book.redeem(secret, by(ALICE)).id, id);
    await (await book.begin(id, by(ALICE))).spend();
    assert.throws(() => book.redeem(secret, by(ALICE)), coded("refused"));
  }),
);

Deno.test(
  "two peers that redeem at once do not both get the one use",
  withBook(async (_path, book) => {
    const secret = await book.mint(ONCE);
    const ids = [ALICE, BOB].map((identity) => book.redeem(secret, by(identity)).id);
    const begun = await Promise.allSettled([
      book.begin(ids[0]!, by(ALICE)),
      book.begin(ids[1]!, by(BOB)),
    ]);
    assert.deepEqual(begun.map(({ status }) => status), ["fulfilled", "rejected"]);
  }),
);

Deno.test(
  "one identity runs no two transfers on one use",
  withBook(async (_path, book) => {
    const secret = await book.mint({ ...ONCE, uses: 2 });
    const { id } = book.redeem(secret, by(ALICE));
    const first = await book.begin(id, by(ALICE));
    const second = await book.begin(id, by(ALICE));
    await assert.rejects(book.begin(id, by(ALICE)), coded("busy"));
    first.pause();
    const resumed = await book.begin(id, by(ALICE));
    await Promise.all([second.spend(), resumed.spend()]);
    assert.throws(() => book.redeem(secret, by(ALICE)), coded("refused"));
  }),
);

Deno.test(
  "release() gives the use back to anyone; settling twice counts once",
  withBook(async (_path, book) => {
    const secret = await book.mint({ ...ONCE, uses: 2 });
    const { id } = book.redeem(secret, by(ALICE));
    const use = await book.begin(id, by(ALICE));
    await use.release();
    await use.release();
    use.pause();
    await use.spend();
    await (await book.begin(id, by(BOB))).spend();
    await (await book.begin(id, by(BOB))).spend();
    assert.throws(() => book.redeem(secret, by(BOB)), coded("refused"));
  }),
);

Deno.test(
  "a book opened again after a kill keeps tickets, held uses and grants",
  withBook(async (path, book) => {
    const grant = { read: false, write: true, writeOnce: true };
    const secret = await book.mint({ ...ONCE, uses: 2, grant });
    const { id } = book.redeem(secret, by(ALICE));
    await (await book.begin(id, by(BOB))).spend();
    await book.begin(id, by(ALICE)); // running when the process is killed
    const again = await TicketBook.open(path);
    assert.throws(() => again.redeem(secret, by(BOB)), coded("refused", /another peer/));
    assert.deepEqual(again.redeem(secret, by(ALICE)), { id, grant });
    await (await again.begin(id, by(ALICE))).spend();
    const last = await TicketBook.open(path);
    assert.throws(() => last.redeem(secret, by(ALICE)), coded("refused", /unknown/));
  }),
);

Deno.test(
  "the file holds no secret and is private",
  withBook(async (path, book) => {
    const secret = await book.mint(ONCE);
    const text = await readFile(path, "utf8");
    assert.ok(!text.includes(toHex(secret)) && !text.includes(toBase32(secret)));
    assert.ok(!text.includes(secret.join()));
    assert.deepEqual(await readdir(join(path, "..")), ["tickets.json"]);
    if (Deno.build.os !== "windows") assert.equal((await stat(path)).mode & 0o777, 0o600);
  }),
);

Deno.test(
  "clear() ends every ticket and takes the file away",
  withBook(async (path, book) => {
    const secret = await book.mint(ANY);
    const counted = await book.mint(ONCE);
    const use = await book.begin(book.redeem(counted, by(ALICE)).id, by(ALICE));
    await book.clear();
    assert.throws(() => book.redeem(secret, by(ALICE)), coded("refused"));
    await use.spend(); // a transfer that ends after the stop brings nothing back
    assert.deepEqual(await readdir(join(path, "..")), []);
    const again = await TicketBook.open(path);
    assert.throws(() => again.redeem(secret, by(ALICE)), coded("refused"));
  }),
);

Deno.test(
  "concurrent changes all reach the file",
  withBook(async (path, book) => {
    const minted: Promise<Uint8Array>[] = [];
    for (let i = 0; i < 60; i++) {
      minted.push(book.mint(ONCE));
      // A turn of the loop, so that writes of different states are under way together.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const secrets = await Promise.all(minted);
    const again = await TicketBook.open(path);
    for (const secret of secrets) assert.ok(again.redeem(secret, by(ALICE)));
  }),
);

Deno.test(
  "mint() drops expired tickets before it refuses one too many",
  withBook(async (path, book) => {
    const id = (n: number) => n.toString(16).padStart(64, "0");
    const grant = { read: true, write: true, writeOnce: false };
    const ticket = (n: number) => ({
      id: id(n),
      expiresMs: NOW_MS + n,
      uses: null,
      held: [],
      grant,
    });
    const tickets = Array.from({ length: LIMITS.heldTickets }, (_, n) => ticket(n + 1));
    await book.mint(ANY); // makes the directory
    await writeFile(path, JSON.stringify({ v: 1, tickets }), { mode: 0o600 });
    const full = await TicketBook.open(path);
    await assert.rejects(full.mint({ ...ANY, nowMs: NOW_MS }), coded("limit"));
    assert.ok(await full.mint({ ...ANY, nowMs: NOW_MS + 1 }));
    await assert.rejects(full.mint({ ...ANY, nowMs: NOW_MS + 1 }), coded("limit"));
  }),
);

Deno.test(
  "mint() insists on counts and times that make sense",
  withBook(async (_path, book) => {
    for (const uses of [0, -1, 1.5, NaN, LIMITS.ticketUses + 1]) {
      await assert.rejects(book.mint({ ...ONCE, uses }), RangeError);
    }
    assert.ok(await book.mint({ ...ONCE, uses: LIMITS.ticketUses }));
    await assert.rejects(book.mint({ ...ONCE, expiresMs: NOW_MS }), RangeError);
    await assert.rejects(book.mint({ ...ONCE, expiresMs: NaN }), RangeError);
  }),
);

Deno.test(
  "open() refuses a damaged book, without quoting it",
  withBook(async (path, book) => {
    await book.mint(ONCE);
    const good = JSON.parse(await readFile(path, "utf8"));
    const [ticket] = good.tickets;
    const damaged: unknown[] = [
      [],
      { ...good, v: 2 },
      { ...good, tickets: {} },
      { ...good, tickets: [null] },
      { ...good, tickets: [ticket, ticket] },
      ...[
        { id: "xyz" },
        { id: ticket.id.toUpperCase() },
        { expiresMs: "soon" },
        { expiresMs: 1.5 },
        { uses: 0 },
        { uses: "1" },
        { uses: undefined },
        { held: ["short"] },
        { held: ["a".repeat(52), "b".repeat(52)] },
        { grant: null },
        { grant: { read: true, write: true } },
        { grant: { read: 1, write: true, writeOnce: false } },
      ].map((change) => ({ ...good, tickets: [{ ...ticket, ...change }] })),
    ];
    await TicketBook.open(path);
    for (const text of ["", "{", ...damaged.map((value) => JSON.stringify(value))]) {
      await writeFile(path, text);
      await assert.rejects(
        TicketBook.open(path),
        coded("failed", /^Cannot load ticket book "[^"]+": (it|its|ticket) [a-zA-Z0-9 ]+$/),
      );
    }
  }),
);

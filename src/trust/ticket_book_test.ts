import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBase32, toHex } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { openDatabase } from "../runtime/database.ts";
import { grantOfAccess } from "./grant.ts";
import { identityName } from "./identity.ts";
import { encodeTicket } from "./ticket.ts";
import { type MintOptions, TicketBook, ticketBookPath } from "./ticket_book.ts";

const ALICE = new Uint8Array(32).fill(1);
const BOB = new Uint8Array(32).fill(2);
const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
const NOW_MS = 1_800_000_000_000;
const ROOT = "/srv/files";
const ANY: MintOptions = {
  root: ROOT,
  grant: grantOfAccess("both"),
  uses: null,
  expiresMs: NOW_MS + HOUR_MS,
  nowMs: NOW_MS,
  standing: false,
};
const ONCE: MintOptions = { ...ANY, uses: 1 };

const PURPOSE = new Uint8Array(32).fill(1);
const OTHER_PURPOSE = new Uint8Array(32).fill(2);
const by = (identity: Uint8Array, nowMs: number = NOW_MS, root: string = ROOT) => ({
  identity,
  nowMs,
  root,
  purpose: PURPOSE,
});
const forAnother = (identity: Uint8Array) => ({ ...by(identity), purpose: OTHER_PURPOSE });
/** A server at a port, as it announces itself. */
const at = (port: number) => ({
  port,
  addresses: [{ hostname: "files.example.org", port }, { hostname: "2001:db8::1", port: 7 }],
});
const everything = { root: null, nowMs: NOW_MS };

interface Desk {
  readonly path: string;
  readonly book: TicketBook;
  /** The same book once more, as another process has it. */
  open(): TicketBook;
}

function withBook(run: (desk: Desk) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-book-"));
    const path = join(directory, "home", "tickets.db");
    const books: TicketBook[] = [];
    const open = () => {
      const book = TicketBook.open(path);
      books.push(book);
      return book;
    };
    try {
      await run({ path, book: open(), open });
    } finally {
      for (const book of books) book.close();
      await rm(directory, { recursive: true });
    }
  };
}

function coded(code: ErrorCode, text: RegExp = /./) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof SftpxError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, text);
    return true;
  };
}

Deno.test("ticketBookPath() is beside the identity", () => {
  assert.equal(
    ticketBookPath("/home/a/.config/sftpx/identity"),
    "/home/a/.config/sftpx/tickets.db",
  );
});

Deno.test(
  "a ticket of any number of uses opens for everyone until it expires",
  withBook(({ book }) => {
    const { id, secret } = book.mint(ANY);
    assert.equal(secret.byteLength, 32);
    for (const identity of [ALICE, BOB, ALICE]) {
      assert.deepEqual(book.redeem(secret, by(identity)), { id, grant: ANY.grant });
      book.begin(id, by(identity)).spend();
    }
    book.redeem(secret, by(ALICE, ANY.expiresMs - 1));
    const late = by(ALICE, ANY.expiresMs);
    assert.throws(() => book.redeem(secret, late), coded("refused", /it has expired/));
    assert.throws(() => book.begin(id, late), coded("refused", /it has expired/));
  }),
);

Deno.test(
  "redeem() refuses a secret that was never minted, or is near one",
  withBook(({ book }) => {
    const { secret } = book.mint(ANY);
    for (const at of [0, 31]) {
      const near = secret.slice();
      near[at]! ^= 1;
      assert.throws(() => book.redeem(near, by(ALICE)), coded("refused", /unknown/));
    }
    assert.throws(() => book.redeem(secret.slice(1), by(ALICE)), coded("refused", /unknown/));
    assert.throws(() => book.redeem(new Uint8Array(0), by(ALICE)), coded("refused", /unknown/));
    assert.ok(book.redeem(secret, by(ALICE)));
  }),
);

Deno.test(
  "a ticket of another directory is unknown, and looks like one that never was",
  withBook(({ book }) => {
    const { secret } = book.mint(ANY);
    const elsewhere = by(ALICE, NOW_MS, "/srv/files/below");
    const texts = [secret, new Uint8Array(32)].map((tried) => {
      try {
        return book.redeem(tried, elsewhere);
      } catch (thrown) {
        return String(thrown);
      }
    });
    assert.match(String(texts[0]), /unknown/);
    assert.equal(texts[0], texts[1]);
  }),
);

Deno.test(
  "a counted use is spent by a commit, not by a connection",
  withBook(({ book }) => {
    const { id, secret } = book.mint(ONCE);
    book.redeem(secret, by(BOB));
    book.redeem(secret, by(ALICE));
    book.begin(id, by(ALICE)).spend();
    for (const identity of [ALICE, BOB]) {
      assert.throws(() => book.redeem(secret, by(identity)), coded("refused", /used up/));
      assert.throws(() => book.begin(id, by(identity)), coded("refused", /used up/));
    }
  }),
);

Deno.test(
  "the identity that began a transfer may resume it, and nobody takes its place",
  withBook(({ book }) => {
    const { id, secret } = book.mint(ONCE);
    book.begin(id, by(ALICE)).pause();
    assert.throws(() => book.redeem(secret, by(BOB)), coded("refused", /another peer/));
    assert.throws(() => book.begin(id, by(BOB)), coded("refused", /another peer/));
    assert.equal(book.redeem(secret, by(ALICE)).id, id);
    book.begin(id, by(ALICE)).spend();
    assert.throws(() => book.redeem(secret, by(ALICE)), coded("refused", /used up/));
  }),
);

Deno.test(
  "one identity runs no two transfers on one use",
  withBook(({ book }) => {
    const { id, secret } = book.mint({ ...ONCE, uses: 2 });
    const first = book.begin(id, by(ALICE));
    const second = book.begin(id, by(ALICE));
    assert.throws(() => book.begin(id, by(ALICE)), coded("busy"));
    first.pause();
    const resumed = book.begin(id, by(ALICE));
    second.spend();
    resumed.spend();
    assert.throws(() => book.redeem(secret, by(ALICE)), coded("refused", /used up/));
  }),
);

Deno.test(
  "a held use is for the transfer it was begun for, and for no other one",
  withBook(({ book }) => {
    const { id, secret } = book.mint(ONCE);
    const first = book.begin(id, by(ALICE));
    assert.throws(() => book.begin(id, forAnother(ALICE)), coded("busy"));
    first.pause();
    const kept = coded("refused", /it is kept for the transfer that was begun with it/);
    assert.throws(() => book.begin(id, forAnother(ALICE)), kept);
    assert.equal(book.redeem(secret, by(ALICE)).id, id);
    book.begin(id, by(ALICE)).spend();
    assert.throws(() => book.begin(id, forAnother(ALICE)), coded("refused", /used up/));
  }),
);

Deno.test(
  "another transfer of the same identity takes another use",
  withBook(({ book }) => {
    const { id } = book.mint({ ...ONCE, uses: 2 });
    book.begin(id, by(ALICE)).pause();
    const other = book.begin(id, forAnother(ALICE));
    assert.deepEqual(book.list(everything)[0]?.heldBy, [ALICE, ALICE].map(identityName));
    assert.throws(() => book.begin(id, by(BOB)), coded("refused", /another peer/));
    other.release();
    book.begin(id, by(BOB)).spend();
    book.begin(id, by(ALICE)).spend();
    assert.equal(book.list(everything)[0]?.state, "used");
  }),
);

Deno.test(
  "release() of a transfer that resumed gives nothing back",
  withBook(({ book, open, path }) => {
    const { id } = book.mint(ONCE);
    book.begin(id, by(ALICE)).pause();
    book.begin(id, by(ALICE)).release();
    assert.throws(() => book.begin(id, by(BOB)), coded("refused", /another peer/));
    assert.throws(() => book.begin(id, forAnother(ALICE)), coded("refused", /kept/));
    book.announce(ROOT, null);
    using again = open();
    assert.throws(() => again.begin(id, by(BOB)), coded("refused", /another peer/), path);
    again.begin(id, by(ALICE)).spend();
  }),
);

Deno.test(
  "begin() insists on a whole purpose",
  withBook(({ book }) => {
    const { id } = book.mint(ONCE);
    const short = { ...by(ALICE), purpose: new Uint8Array(31) };
    assert.throws(() => book.begin(id, short), RangeError);
  }),
);

Deno.test(
  "release() gives the use back to anyone; settling twice counts once",
  withBook(({ book }) => {
    const { id, secret } = book.mint({ ...ONCE, uses: 2 });
    const use = book.begin(id, by(ALICE));
    use.release();
    use.release();
    use.pause();
    use.spend();
    book.begin(id, by(BOB)).spend();
    book.begin(id, by(BOB)).spend();
    assert.throws(() => book.redeem(secret, by(BOB)), coded("refused", /used up/));
  }),
);

Deno.test(
  "a book opened again after a kill keeps tickets, held uses and grants",
  withBook(async ({ path, book, open }) => {
    const grant = { ...grantOfAccess("write-once"), root: "in/box" };
    const { id, secret } = book.mint({ ...ONCE, uses: 2, grant });
    book.begin(id, by(BOB)).spend();
    book.begin(id, by(ALICE)); // running when the process is killed
    // What a kill leaves: the files as they are at this moment, and no lock.
    const killed = join(path, "..", "..", "killed.db");
    for (const suffix of ["", "-wal"]) await copyFile(path + suffix, killed + suffix);
    book.close();
    using again = TicketBook.open(killed);
    assert.throws(() => again.redeem(secret, by(BOB)), coded("refused", /another peer/));
    assert.deepEqual(again.redeem(secret, by(ALICE)), { id, grant });
    again.begin(id, by(ALICE)).spend();
    assert.throws(() => again.redeem(secret, by(ALICE)), coded("refused", /used up/));
    assert.equal(open().redeem(secret, by(ALICE)).id, id, "the copy is another book");
  }),
);

Deno.test(
  "the files hold no secret and are private, whatever the umask",
  withBook(async ({ path, book }) => {
    const { secret } = book.mint(ONCE);
    const directory = join(path, "..");
    const names = await readdir(directory);
    assert.ok(names.includes("tickets.db"));
    assert.deepEqual(names.filter((name) => !name.startsWith("tickets.db")), []);
    for (const name of names) {
      const text = await readFile(join(directory, name), "latin1");
      const raw = String.fromCharCode(...secret);
      assert.ok(![raw, toHex(secret), toBase32(secret)].some((form) => text.includes(form)), name);
      if (Deno.build.os === "windows") continue;
      assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
    }
    if (Deno.build.os !== "windows") assert.equal((await stat(directory)).mode & 0o777, 0o700);
  }),
);

Deno.test(
  "a ticket that another process makes is good at once, and one it revokes is not",
  withBook(({ book, open }) => {
    const other = open();
    const { id, secret } = other.mint({ ...ANY, standing: true });
    assert.equal(book.redeem(secret, by(ALICE)).id, id);
    other.revoke(id.slice(0, 8));
    assert.throws(() => book.redeem(secret, by(ALICE)), coded("refused", /revoked/));
    assert.throws(() => book.begin(id, by(ALICE)), coded("refused", /revoked/));
  }),
);

Deno.test(
  "of two processes on one root, one runs counted transfers until it lets go",
  withBook(({ book, open }) => {
    const other = open();
    const { id, secret } = book.mint({ ...ONCE, uses: 2 });
    const use = book.begin(id, by(ALICE));
    for (const identity of [ALICE, BOB]) {
      assert.throws(() => other.begin(id, by(identity)), coded("busy", /another process serves/));
    }
    use.spend();
    book.announce(ROOT, null);
    other.begin(id, by(BOB)).spend();
    assert.throws(() => other.redeem(secret, by(BOB)), coded("refused", /used up/));
    assert.equal(other.list(everything)[0]?.usesLeft, 0);
  }),
);

const RACER = `
import { TicketBook } from ${JSON.stringify(new URL("./ticket_book.ts", import.meta.url).href)};
const [path, id] = Deno.args;
let spent = 0;
for (let n = 0; n < 10_000; n++) {
  const identity = new Uint8Array(32).fill(1 + n % 3);
  using book = TicketBook.open(path);
  try {
    const use = book.begin(id, { identity, nowMs: ${NOW_MS}, purpose: new Uint8Array(32).fill(n % 3) });
    if (n % 5 === 1) use.release();
    else if (n % 5 === 2) use.pause(); // its identity comes again in three rounds, and spends
    else {
      use.spend();
      spent++;
    }
  } catch (thrown) {
    if (thrown.code === "refused" && /used up/.test(thrown.message)) break;
    if (thrown.code !== "refused" && thrown.code !== "busy") throw thrown;
  }
}
console.log(spent);
`;

Deno.test(
  "processes that race for a counted ticket never spend more than it has",
  withBook(async ({ path, book }) => {
    const { id } = book.mint({ ...ONCE, uses: 25 });
    const script = join(path, "..", "racer.ts");
    await writeFile(script, RACER);
    const racers = [1, 2].map(() =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-lock", script, path, id],
        stderr: "inherit",
      }).output()
    );
    const done = await Promise.all(racers);
    const spent = done.map(({ stdout }) => Number(new TextDecoder().decode(stdout)));
    assert.ok(done.every(({ success }) => success));
    assert.equal(spent.reduce((sum, each) => sum + each, 0), 25);
    const [info] = book.list(everything);
    assert.deepEqual([info?.usesLeft, info?.heldBy, info?.state], [0, [], "used"]);
  }),
);

const MAKER = `
import { TicketBook } from ${JSON.stringify(new URL("./ticket_book.ts", import.meta.url).href)};
const [directory, beginMs] = Deno.args;
for (let n = 0; n < 20; n++) {
  while (Date.now() < Number(beginMs) + n * 15); // all makers at the same moment
  using book = TicketBook.open(\`\${directory}/\${n}/tickets.db\`);
  console.log(n, book.mint(${JSON.stringify(ANY)}).id);
}
`;

Deno.test(
  "processes that make the book at once end with one",
  withBook(async ({ path }) => {
    const directory = join(path, "..");
    const script = join(directory, "maker.ts");
    await writeFile(script, MAKER);
    const beginMs = String(Date.now() + 300);
    const made = await Promise.all([1, 2, 3].map(() =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-lock", script, directory, beginMs],
        stderr: "inherit",
      }).output()
    ));
    const minted = made.flatMap(({ stdout }) =>
      new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.split(" "))
    );
    assert.equal(minted.length, 3 * 20);
    for (let n = 0; n < 20; n++) {
      using again = TicketBook.open(join(directory, String(n), "tickets.db"));
      const ids = minted.filter(([of]) => of === String(n)).map(([, id]) => id);
      assert.deepEqual(again.list(everything).map(({ id }) => id).sort(), ids.sort());
      const names = await readdir(join(directory, String(n)));
      assert.deepEqual(names.filter((name) => name.endsWith(".tmp")), []);
    }
  }),
);

Deno.test(
  "list() tells what a ticket is good for and what became of it",
  withBook(({ book }) => {
    const grant = { ...grantOfAccess("read"), root: "out" };
    const { id } = book.mint({ ...ONCE, uses: 3, grant, standing: true });
    book.begin(id, by(ALICE)).spend();
    book.begin(id, by(BOB)).pause();
    const [info, ...others] = book.list({ root: ROOT, nowMs: NOW_MS });
    assert.deepEqual(others, []);
    assert.deepEqual(info, {
      id,
      root: ROOT,
      grant,
      uses: 3,
      usesLeft: 2,
      createdMs: NOW_MS,
      expiresMs: ANY.expiresMs,
      standing: true,
      state: "valid",
      heldBy: [identityName(BOB)],
    });
    assert.equal(book.list({ root: ROOT, nowMs: ANY.expiresMs })[0]?.state, "expired");
  }),
);

Deno.test(
  "list() keeps to one root when asked, the newest last",
  withBook(({ book }) => {
    const late = book.mint({ ...ANY, nowMs: NOW_MS + 1 });
    const early = book.mint(ANY);
    const other = book.mint({ ...ANY, root: "/srv" });
    const ids = (root: string | null) => book.list({ root, nowMs: NOW_MS }).map(({ id }) => id);
    assert.deepEqual(ids(ROOT), [early.id, late.id]);
    assert.deepEqual(ids("/srv"), [other.id]);
    assert.deepEqual(ids("/"), []);
    assert.equal(ids(null).length, 3);
  }),
);

Deno.test(
  "endSession() ends a root's own tickets; standing ones and other roots' go on",
  withBook(({ book, open }) => {
    const own = book.mint(ANY);
    const counted = book.mint(ONCE);
    const standing = book.mint({ ...ANY, standing: true });
    const other = book.mint({ ...ANY, root: "/srv/other" });
    const use = book.begin(counted.id, by(ALICE));
    book.endSession(ROOT);
    const ended = coded("refused", /it ended when its server was stopped/);
    assert.throws(() => book.redeem(own.secret, by(ALICE)), ended);
    use.spend(); // a transfer that ends after the stop brings nothing back
    assert.throws(() => book.redeem(counted.secret, by(ALICE)), ended);
    assert.ok(book.redeem(standing.secret, by(ALICE)));
    assert.ok(book.redeem(other.secret, by(ALICE, NOW_MS, "/srv/other")));
    const again = open();
    assert.throws(() => again.redeem(own.secret, by(ALICE)), ended);
    assert.ok(again.redeem(standing.secret, by(ALICE)));
  }),
);

Deno.test(
  "revoke() takes the first digits of an id, or the ticket itself",
  withBook(({ book }) => {
    const [a, b] = [book.mint(ANY), book.mint(ANY)];
    assert.equal(book.revoke(a.id.slice(0, 12).toUpperCase()).state, "revoked");
    const address = { hostname: "192.0.2.1", port: 1 };
    const identity = new Uint8Array(32).fill(9);
    const text = encodeTicket({ identity, secret: b.secret, addresses: [address] });
    const info = book.revoke(` ${text}\n`);
    assert.deepEqual([info.id, info.state], [b.id, "revoked"]);
    assert.throws(() => book.redeem(b.secret, by(ALICE)), coded("refused", /revoked/));
    book.endSession(ROOT);
    const states = () => book.list(everything).map(({ state }) => state);
    assert.deepEqual(states(), ["revoked", "revoked"], "they were revoked before they ended");
    const { id } = book.mint({ ...ANY, root: "/srv" });
    book.endSession("/srv");
    assert.equal(book.revoke(id).state, "ended", "and this one ended before it was revoked");
  }),
);

Deno.test(
  "revoke() refuses a name that names none or several, and quotes none",
  withBook(({ book, path }) => {
    book.mint(ANY);
    const id = (tail: string) => "abcd".padEnd(63, "0") + tail;
    const database = openDatabase(path);
    for (const tail of ["1", "2"]) {
      database.exec(
        `INSERT INTO tickets VALUES ('${id(tail)}', '${ROOT}', '', 1, 1, 0, NULL, 0, 0, ${
          NOW_MS * 2
        }, 0, NULL, 0, NULL, NULL)`,
      );
    }
    database.close();
    assert.throws(() => book.revoke("abcd"), coded("usage", /several/));
    assert.throws(() => book.revoke(id("3")), coded("usage", /no ticket goes by/));
    assert.equal(book.revoke(id("2")).id, id("2"));
    for (const name of ["", "abc", "abc*", "abcd*", "[a-f]???", "xyzw", "a".repeat(65)]) {
      assert.throws(() => book.revoke(name), (thrown: unknown) => {
        coded("usage", /4 to 64 hex digits/)(thrown);
        return name === "" || !String(thrown).includes(name);
      });
    }
    assert.throws(() => book.revoke("sftpx1aaaa"), coded("usage", /^Cannot read ticket/));
    assert.equal(book.list(everything).filter(({ state }) => state === "valid").length, 2);
  }),
);

Deno.test(
  "announce() tells other processes port and addresses until it is taken back",
  withBook(({ book, open }) => {
    const other = open();
    assert.equal(other.announced(ROOT), null);
    book.announce(ROOT, at(4443));
    book.announce(ROOT, at(4444));
    assert.deepEqual(other.announced(ROOT), at(4444));
    assert.deepEqual(book.announced(ROOT), at(4444));
    assert.equal(other.announced("/srv"), null);
    assert.throws(() => other.announce(ROOT, at(1)), coded("busy", /another process/));
    assert.deepEqual(other.announced(ROOT), at(4444));
    book.announce(ROOT, null);
    assert.equal(other.announced(ROOT), null);
    other.announce(ROOT, at(1));
    assert.deepEqual(book.announced(ROOT), at(1));
  }),
);

Deno.test(
  "announced() does not believe what a killed server left behind",
  withBook(async ({ path, book }) => {
    const script = join(path, "..", "server.ts");
    await writeFile(
      script,
      `import { TicketBook } from ${
        JSON.stringify(new URL("./ticket_book.ts", import.meta.url).href)
      };
TicketBook.open(Deno.args[0]).announce(${JSON.stringify(ROOT)}, ${JSON.stringify(at(4443))});
console.log("up");
setInterval(() => {}, 1000);`,
    );
    const server = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", script, path],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = server.stdout.getReader();
    await reader.read();
    assert.deepEqual(book.announced(ROOT), at(4443));
    server.kill("SIGKILL");
    await server.status;
    await reader.cancel();
    assert.equal(book.announced(ROOT), null);
    book.announce(ROOT, at(5));
    assert.deepEqual(book.announced(ROOT), at(5));
  }),
);

Deno.test(
  "a closed book leaves no lock and no sidecar behind",
  withBook(async ({ path, book }) => {
    book.announce(ROOT, at(1));
    book.close();
    book.close();
    assert.deepEqual(await readdir(join(path, "..")), ["tickets.db"]);
  }),
);

Deno.test(
  "mint() makes no more than so many valid tickets of a root that stand by themselves",
  withBook(({ book }) => {
    const standing = { ...ANY, standing: true };
    for (let n = 1; n < LIMITS.heldTickets; n++) book.mint(standing);
    const short = book.mint({ ...standing, expiresMs: NOW_MS + 1 });
    assert.throws(
      () => book.mint(standing),
      coded("limit", /256 for "\/srv\/files" are still valid/),
    );
    assert.throws(() => book.mint(ANY), coded("limit"), "no ticket of the server's own to end");
    assert.ok(book.mint({ ...standing, root: "/srv/other" }));
    assert.ok(book.mint({ ...standing, nowMs: NOW_MS + 1 }), "an expired one makes room");
    assert.throws(() => book.mint({ ...standing, nowMs: NOW_MS + 1 }), coded("limit"));
    const valid = book.list({ root: ROOT, nowMs: NOW_MS + 1 }).find(({ state }) =>
      state === "valid"
    );
    book.revoke(valid!.id);
    assert.ok(book.mint({ ...standing, nowMs: NOW_MS + 1 }), "a revoked one makes room");
    assert.throws(
      () => book.redeem(short.secret, by(ALICE, NOW_MS + 1)),
      coded("refused", /expired/),
    );
  }),
);

Deno.test(
  "a server killed and started again all day comes up: its oldest own ticket makes room",
  withBook(({ book }) => {
    const standing = book.mint({ ...ANY, standing: true, nowMs: NOW_MS - 2 });
    const oldest = book.mint({ ...ANY, nowMs: NOW_MS - 1 });
    for (let n = 2; n < LIMITS.heldTickets; n++) book.mint(ANY);
    assert.throws(
      () => book.mint({ ...ANY, standing: true }),
      coded("limit"),
      "not for a person's",
    );
    assert.ok(book.redeem(oldest.secret, by(ALICE)));
    const newest = book.mint(ANY);
    assert.throws(() => book.redeem(oldest.secret, by(ALICE)), coded("refused", /ended/));
    assert.ok(book.redeem(standing.secret, by(ALICE)));
    assert.ok(book.redeem(newest.secret, by(ALICE)));
  }),
);

Deno.test(
  "mint() forgets what ended a week ago, and of the dead keeps the newest",
  withBook(({ book }) => {
    const { secret } = book.mint(ANY);
    const atMs = ANY.expiresMs + WEEK_MS;
    const mintAt = (nowMs: number) => book.mint({ ...ANY, nowMs, expiresMs: nowMs + 1 });
    mintAt(atMs);
    assert.throws(() => book.redeem(secret, by(ALICE, atMs)), coded("refused", /expired/));
    mintAt(atMs + 1);
    assert.throws(() => book.redeem(secret, by(ALICE, atMs)), coded("refused", /unknown/));
    for (let n = 2; n < LIMITS.heldTickets + 20; n++) mintAt(atMs + n);
    const left = book.list({ root: ROOT, nowMs: atMs + LIMITS.heldTickets + 20 });
    assert.equal(left.length, LIMITS.heldTickets + 1);
    assert.equal(left.at(-1)?.createdMs, atMs + LIMITS.heldTickets + 19);
  }),
);

Deno.test(
  "prune() forgets what opens nothing, of one root or of all, and what runs goes on",
  withBook(({ book }) => {
    const valid = book.mint(ANY);
    const running = book.mint(ONCE);
    const elsewhere = book.mint({ ...ANY, root: `${ROOT}-b` });
    const use = book.begin(running.id, by(ALICE));
    for (const { id } of [running, elsewhere]) book.revoke(id);
    const gone = book.prune({ root: ROOT, nowMs: NOW_MS });
    assert.deepEqual(gone.map(({ id, state }) => [id, state]), [[running.id, "revoked"]]);
    use.spend();
    assert.throws(() => book.redeem(running.secret, by(ALICE)), coded("refused", /unknown/));
    assert.equal(book.prune({ root: null, nowMs: NOW_MS }).length, 1);
    assert.ok(book.redeem(valid.secret, by(ALICE)));
    assert.deepEqual(book.list(everything).map(({ id }) => id), [valid.id]);
  }),
);

Deno.test(
  "a use whose ticket was forgotten meanwhile settles quietly",
  withBook(({ book }) => {
    const { id } = book.mint(ONCE);
    const spent = book.begin(id, by(ALICE));
    const released = book.begin(book.mint(ONCE).id, by(ALICE));
    book.mint({ ...ANY, nowMs: ANY.expiresMs + WEEK_MS + 1, expiresMs: NOW_MS * 2 });
    spent.spend();
    released.release();
    assert.equal(book.list(everything).length, 1);
  }),
);

Deno.test(
  "mint() insists on a root, counts and times that make sense",
  withBook(({ book }) => {
    for (const uses of [0, -1, 1.5, NaN, LIMITS.ticketUses + 1]) {
      assert.throws(() => book.mint({ ...ONCE, uses }), RangeError);
    }
    assert.ok(book.mint({ ...ONCE, uses: LIMITS.ticketUses }));
    assert.throws(() => book.mint({ ...ONCE, expiresMs: NOW_MS }), RangeError);
    assert.throws(() => book.mint({ ...ONCE, expiresMs: NaN }), RangeError);
    assert.throws(() => book.mint({ ...ONCE, root: "files" }), RangeError);
    assert.equal(book.list(everything).length, 1);
  }),
);

Deno.test(
  "open() refuses a damaged or foreign book and leaves it as it is",
  withBook(async ({ path, book }) => {
    for (let n = 0; n < 40; n++) book.mint(ONCE);
    book.close();
    const good = new Uint8Array(await readFile(path));
    const torn = good.slice();
    torn.fill(0xff, 4096 * 2, 4096 * 2 + 200);
    const foreign = good.slice();
    foreign.fill(0, 68, 72); // its application id, as SQLite's format places it
    const newer = good.slice();
    newer[63] = 3; // its user version
    const cases: [Uint8Array | string, RegExp][] = [
      ["", /it is empty; move it away/],
      ["tickets\n".repeat(1000), /it is damaged; move it away/],
      [good.slice(0, good.byteLength - 4096), /it is damaged; move it away/],
      [torn, /it is damaged; move it away/],
      [foreign, /no ticket book/],
      [newer, /its version 3 is not 2/],
    ];
    for (const [bytes, found] of cases) {
      await writeFile(path, bytes);
      const before = createHash("sha256").update(await readFile(path)).digest("hex");
      assert.throws(
        () => TicketBook.open(path),
        (thrown: unknown) =>
          coded("failed", /^Cannot load ticket book ".+tickets\.db": /)(thrown) &&
            found.test(String(thrown)) || assert.fail(String(thrown)),
      );
      assert.equal(createHash("sha256").update(await readFile(path)).digest("hex"), before);
      for (const suffix of ["-wal", "-shm"]) await rm(path + suffix, { force: true });
    }
    await writeFile(path, good);
    using whole = TicketBook.open(path);
    assert.equal(whole.list(everything).length, 40, "the cases were cut from a sound book");
  }),
);

Deno.test({
  name: "open() refuses a book that others may reach, its sidecars and its directory included",
  ignore: Deno.build.os === "windows",
  fn: withBook(async ({ path, book }) => {
    book.mint(ANY); // so that there is a write-ahead log
    for (const suffix of ["", "-wal", "-shm"]) {
      for (const mode of [0o640, 0o604, 0o620, 0o602]) {
        await chmod(path + suffix, mode);
        assert.throws(
          () => TicketBook.open(path),
          coded("permission", new RegExp(`tickets.db${suffix}": its mode is 0${mode.toString(8)}`)),
        );
      }
      await chmod(path + suffix, 0o600);
    }
    for (const mode of [0o703, 0o777, 0o1777]) {
      await chmod(join(path, ".."), mode);
      assert.throws(() => TicketBook.open(path), coded("permission", /may write its directory/));
    }
    await chmod(join(path, ".."), 0o755);
    TicketBook.open(path).close();
  }),
});

Deno.test(
  "open() names a directory in the book's place",
  withBook(async ({ path, book }) => {
    book.close();
    await rm(path);
    await mkdir(path);
    assert.throws(() => TicketBook.open(path), coded("failed", /it is no file/));
    await rm(path, { recursive: true });
    await writeFile(path, "");
    const below = join(path, "tickets.db");
    assert.throws(
      () => TicketBook.open(below),
      coded("io", /^Cannot load ticket book ".+": a file/),
    );
  }),
);

Deno.test(
  "a use that cannot be written back stays taken",
  withBook(({ book, path }) => {
    const { id } = book.mint({ ...ONCE, uses: 2 });
    const use = book.begin(id, by(ALICE));
    const database = openDatabase(path);
    database.exec(
      "CREATE TRIGGER broken BEFORE UPDATE ON tickets BEGIN SELECT RAISE(ABORT, 'x'); END",
    );
    assert.throws(() => use.spend(), coded("io", /^Cannot save ticket book/));
    database.exec("DROP TRIGGER broken");
    database.close();
    book.begin(id, by(ALICE)).spend(); // the second use
    assert.throws(() => book.begin(id, by(ALICE)), coded("busy"));
    assert.throws(() => book.begin(id, by(BOB)), coded("refused", /another peer/));
  }),
);

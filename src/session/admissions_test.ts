import assert from "node:assert/strict";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, type Identity } from "../trust/identity.ts";
import { openDatabase } from "../runtime/database.ts";
import { TicketBook, ticketBookPath } from "../trust/ticket_book.ts";
import { isCode } from "./_fixture.ts";
import { Admissions, type AdmissionsOptions } from "./admissions.ts";

const ADDRESS = "192.0.2.7:4444";

const PURPOSE = new Uint8Array(32).fill(1);

interface Scene {
  readonly admissions: Admissions;
  readonly options: AdmissionsOptions;
  readonly one: Identity;
  readonly two: Identity;
  /** Replaces the authorized keys' file. */
  write(text: string): Promise<void>;
}

async function withAdmissions(
  more: Partial<AdmissionsOptions>,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "sftpx-admissions-")));
  const [one, two] = [await generateIdentity(), await generateIdentity()];
  const path = join(directory, "keys");
  const write = (text: string) => writeFile(path, text, { mode: 0o600 });
  await write(`read ${one.name} first\n`);
  const options: AdmissionsOptions = {
    identityPath: join(directory, "home/identity"),
    root: directory,
    access: "both",
    authorizedKeysPath: path,
    ...more,
  };
  const admissions = await Admissions.open(options);
  try {
    await body({ admissions, options, one, two, write });
  } finally {
    admissions.close();
    await rm(directory, { recursive: true });
  }
}

const shutOut = (admissions: Admissions, { publicKey }: Identity) =>
  admissions.isShutOut({ identity: publicKey, ticket: null }, ADDRESS);

const rights = ({ read, write }: { read: boolean; write: boolean }) => [read, write];

Deno.test("nobody comes in without a ticket or a key", async () => {
  await withAdmissions({}, ({ admissions, two }) => {
    const caller = { identity: two.publicKey, ticket: null };
    assert.throws(() => admissions.grantOf(caller, ADDRESS), isCode("unauthorized"));
    const made = { ...caller, ticket: new Uint8Array(32) };
    assert.throws(() => admissions.grantOf(made, ADDRESS), isCode("refused"));
    return Promise.resolve();
  });
});

Deno.test("a ticket counts before a key, and the server's access before both", async () => {
  await withAdmissions({}, ({ admissions, one, two }) => {
    const ticket = admissions.mint({ once: false });
    const by = (identity: Identity, shown: Uint8Array | null) => {
      const { grant, by } = admissions.grantOf(
        { identity: identity.publicKey, ticket: shown },
        ADDRESS,
      );
      return [...rights(grant), by];
    };
    assert.deepEqual(by(two, ticket), [true, true, "ticket"]);
    assert.deepEqual(by(one, ticket), [true, true, "ticket"]);
    assert.deepEqual(by(one, null), [true, false, "key"]);
    return Promise.resolve();
  });
  await withAdmissions({ access: "write" }, ({ admissions, one, two }) => {
    const of = (identity: Identity, ticket: Uint8Array | null) =>
      rights(admissions.grantOf({ identity: identity.publicKey, ticket }, ADDRESS).grant);
    assert.deepEqual(of(two, admissions.mint({ once: false })), [false, true]);
    assert.deepEqual(of(one, null), [false, false]);
    return Promise.resolve();
  });
});

Deno.test("a ticket means one place whoever shows it, and its refusal holds for a key too", async () => {
  await withAdmissions({}, ({ admissions, options, one, two }) => {
    using book = TicketBook.open(ticketBookPath(options.identityPath));
    const nowMs = Date.now();
    const grant = { read: false, write: true, writeOnce: true, root: "artifacts" };
    const { secret: ticket, id } = book.mint({
      root: options.root,
      uses: null,
      expiresMs: nowMs + 60_000,
      nowMs,
      grant,
      standing: true,
    });
    for (const { publicKey } of [one, two]) {
      assert.deepEqual(admissions.grantOf({ identity: publicKey, ticket }, ADDRESS).grant, grant);
    }
    book.revoke(id);
    for (const { publicKey } of [one, two]) {
      const caller = { identity: publicKey, ticket };
      assert.throws(() => admissions.grantOf(caller, ADDRESS), isCode("refused"));
      assert.throws(() => admissions.claimTicket(caller, PURPOSE), isCode("refused"));
    }
    assert.equal(admissions.grantOf({ identity: one.publicKey, ticket: null }, ADDRESS).by, "key");
    return Promise.resolve();
  });
});

Deno.test("with once the ticket is good for one transfer, for who has a key too", async () => {
  const three = await generateIdentity();
  await withAdmissions({}, ({ admissions, one, two }) => {
    const ticket = admissions.mint({ once: true });
    admissions.claimTicket({ identity: two.publicKey, ticket }, PURPOSE)?.spend();
    for (const { publicKey } of [one, three]) {
      const late = { identity: publicKey, ticket };
      assert.throws(() => admissions.claimTicket(late, PURPOSE), isCode("refused"));
      assert.equal(admissions.claimTicket({ ...late, ticket: null }, PURPOSE), null);
    }
    return Promise.resolve();
  });
});

Deno.test("reload() that fails keeps the keys, one that is asked for later counts", async () => {
  await withAdmissions({}, async ({ admissions, one, two, write }) => {
    await write("nonsense\n");
    await assert.rejects(admissions.reload(), /line 1/);
    assert.ok(!shutOut(admissions, one));
    await write(`${one.name}\n${two.name}\n`);
    assert.deepEqual(await Promise.all([admissions.reload(), admissions.reload()]), [2, 2]);
    assert.ok(!shutOut(admissions, two));
  });
});

Deno.test("without a file of keys nobody is authorized, and nothing is read anew", async () => {
  await withAdmissions({ authorizedKeysPath: null }, async ({ admissions, one }) => {
    assert.ok(shutOut(admissions, one));
    const bearer = { identity: one.publicKey, ticket: admissions.mint({ once: false }) };
    assert.equal(admissions.isShutOut(bearer, ADDRESS), false, "its ticket let it in");
    assert.equal(await admissions.reload(), null);
  });
});

Deno.test("a server that ends takes its ticket with it; one that never began ends nothing", async () => {
  for (const how of ["end", "close"] as const) {
    await withAdmissions({}, ({ admissions, options }) => {
      admissions.announce({ port: 4443, addresses: [] });
      admissions.mint({ once: false });
      admissions[how]();
      using book = TicketBook.open(ticketBookPath(options.identityPath));
      const states = book.list({ root: options.root, nowMs: Date.now() });
      assert.deepEqual(states.map(({ state }) => state), [how === "end" ? "ended" : "valid"]);
      assert.equal(book.announced(options.root), null);
      return Promise.resolve();
    });
  }
});

Deno.test("a ticket of an earlier day gives no more than the server's access now", async () => {
  await withAdmissions({ access: "append-only" }, ({ admissions, options, two }) => {
    using book = TicketBook.open(ticketBookPath(options.identityPath));
    const nowMs = Date.now();
    const { secret: ticket } = book.mint({
      root: options.root,
      uses: null,
      expiresMs: nowMs + 60_000,
      nowMs,
      grant: { read: true, write: true, writeOnce: false, quotaBytes: 5, root: "a" },
      standing: true,
    });
    const { grant } = admissions.grantOf({ identity: two.publicKey, ticket }, ADDRESS);
    assert.deepEqual(grant, {
      read: false,
      write: true,
      writeOnce: false,
      appendOnly: true,
      quotaBytes: 5,
      root: "a",
    });
    return Promise.resolve();
  });
});

Deno.test("a client hears that the ticket book fails, and not where it lies", async () => {
  await withAdmissions({}, ({ admissions, options, one }) => {
    const caller = { identity: one.publicKey, ticket: admissions.mint({ once: true }) };
    const book = openDatabase(ticketBookPath(options.identityPath));
    book.exec("ALTER TABLE tickets RENAME TO others");
    book.close();
    const asked = [
      () => admissions.grantOf(caller, ADDRESS),
      () => admissions.claimTicket(caller, PURPOSE),
    ];
    const message = "Cannot take the client in: the server's ticket book cannot be used";
    for (const ask of asked) assert.throws(ask, { code: "failed", message });
    return Promise.resolve();
  });
});

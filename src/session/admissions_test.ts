import assert from "node:assert/strict";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, type Identity } from "../trust/identity.ts";
import { TicketBook, ticketBookPath } from "../trust/ticket_book.ts";
import { isCode } from "./_fixture.ts";
import { Admissions, type AdmissionsOptions } from "./admissions.ts";

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

const rights = ({ read, write }: { read: boolean; write: boolean }) => [read, write];

Deno.test("nobody comes in without a ticket or a key", async () => {
  await withAdmissions({}, ({ admissions, two }) => {
    const caller = { identity: two.publicKey, ticket: null };
    assert.throws(() => admissions.grantOf(caller), isCode("refused"));
    const made = { ...caller, ticket: new Uint8Array(32) };
    assert.throws(() => admissions.grantOf(made), isCode("refused"));
    return Promise.resolve();
  });
});

Deno.test("a key counts before a ticket, and the server's access before both", async () => {
  await withAdmissions({}, ({ admissions, one, two }) => {
    const ticket = admissions.mint({ once: false });
    assert.deepEqual(rights(admissions.grantOf({ identity: two.publicKey, ticket })), [true, true]);
    assert.deepEqual(rights(admissions.grantOf({ identity: one.publicKey, ticket })), [
      true,
      false,
    ]);
    return Promise.resolve();
  });
  await withAdmissions({ access: "write" }, ({ admissions, one, two }) => {
    const ticket = admissions.mint({ once: false });
    assert.deepEqual(rights(admissions.grantOf({ identity: two.publicKey, ticket })), [
      false,
      true,
    ]);
    assert.deepEqual(rights(admissions.grantOf({ identity: one.publicKey, ticket: null })), [
      false,
      false,
    ]);
    return Promise.resolve();
  });
});

Deno.test("with once the ticket is good for one transfer", async () => {
  const three = await generateIdentity();
  await withAdmissions({}, ({ admissions, one, two }) => {
    const ticket = admissions.mint({ once: true });
    admissions.claimTicket({ identity: two.publicKey, ticket }, PURPOSE)?.spend();
    const late = { identity: three.publicKey, ticket };
    assert.throws(() => admissions.claimTicket(late, PURPOSE), isCode("refused"));
    assert.equal(admissions.claimTicket({ ...late, ticket: null }, PURPOSE), null);
    const authorized = { identity: one.publicKey, ticket };
    assert.equal(admissions.claimTicket(authorized, PURPOSE), null, "its key lets it");
    return Promise.resolve();
  });
});

Deno.test("reload() that fails keeps the keys, one that is asked for later counts", async () => {
  await withAdmissions({}, async ({ admissions, one, two, write }) => {
    await write("nonsense\n");
    await assert.rejects(admissions.reload(), /line 1/);
    assert.ok(admissions.isAuthorized(one.publicKey));
    await write(`${one.name}\n${two.name}\n`);
    assert.deepEqual(await Promise.all([admissions.reload(), admissions.reload()]), [2, 2]);
    assert.ok(admissions.isAuthorized(two.publicKey));
  });
});

Deno.test("without a file of keys nobody is authorized, and nothing is read anew", async () => {
  await withAdmissions({ authorizedKeysPath: null }, async ({ admissions, one }) => {
    assert.equal(admissions.isAuthorized(one.publicKey), false);
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

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { generateIdentity, type Identity } from "../trust/identity.ts";
import { encodeTicket } from "../trust/ticket.ts";
import { type RemoteLookup, resolveRemote } from "./remote.ts";
import { type HostPort, parseTarget, type RemoteTarget } from "./target.ts";

const SECRET = new Uint8Array(32).fill(7);

function remote(text: string): RemoteTarget {
  const target = parseTarget(text);
  assert.notEqual(target.kind, "local");
  return target as RemoteTarget;
}

function lookup(rest: Partial<RemoteLookup> = {}): RemoteLookup {
  return {
    ticketFile: null,
    env: () => undefined,
    pin: null,
    identityOf: () => Promise.reject(new Error("it was asked who the server is")),
    ...rest,
  };
}

function ticketOf(identity: Identity): string {
  const addresses = [{ hostname: "10.0.0.1", port: 4443 }, { hostname: "::1", port: 5 }];
  return encodeTicket({ identity: identity.publicKey, secret: SECRET, addresses });
}

async function fails(code: ErrorCode, text: RegExp, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof SftpxError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });
}

Deno.test("resolveRemote() reads a ticket from the command line", async () => {
  const server = await generateIdentity();
  const found = await resolveRemote(remote(`${ticketOf(server)}/a/`), lookup());
  assert.deepEqual(found.identity, server.publicKey);
  assert.deepEqual(found.ticket, SECRET);
  assert.equal(found.addresses.length, 2);
  assert.equal(found.path, "a/");
});

Deno.test("resolveRemote() reads a ticket from the environment", async () => {
  const server = await generateIdentity();
  const env = (name: string) => name === "SFTPX_TICKET" ? `${ticketOf(server)}\n` : undefined;
  const found = await resolveRemote(remote("@/x"), lookup({ env }));
  assert.deepEqual(found.identity, server.publicKey);
  assert.equal(found.path, "x");
});

Deno.test("resolveRemote() prefers --ticket-file to the environment", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-remote-"));
  try {
    const [server, other] = [await generateIdentity(), await generateIdentity()];
    const ticketFile = join(directory, "ticket");
    await writeFile(ticketFile, `${ticketOf(server)}\n`);
    const env = () => ticketOf(other);
    const found = await resolveRemote(remote("@"), lookup({ ticketFile, env }));
    assert.deepEqual(found.identity, server.publicKey);
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("resolveRemote() refuses a ticket file that is absent or empty", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-remote-"));
  try {
    const ticketFile = join(directory, "ticket");
    await fails("usage", /there is no file/, resolveRemote(remote("@"), lookup({ ticketFile })));
    await writeFile(ticketFile, " \n");
    await fails("usage", /it is empty/, resolveRemote(remote("@"), lookup({ ticketFile })));
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("resolveRemote() refuses @ without a ticket, and a ticket file without @", async () => {
  await fails(
    "usage",
    /neither --ticket-file nor SFTPX_TICKET/,
    resolveRemote(remote("@"), lookup()),
  );
  const env = () => "";
  await fails("usage", /neither/, resolveRemote(remote("@"), lookup({ env })));
  const ticketFile = "t";
  await fails("usage", /not @/, resolveRemote(remote("sftpx://h/"), lookup({ ticketFile })));
});

Deno.test("resolveRemote() refuses a mangled ticket without repeating it", async () => {
  const text = ticketOf(await generateIdentity()).slice(0, -1);
  const promise = resolveRemote(remote(text), lookup());
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof SftpxError && error.code === "usage");
    assert.ok(!error.message.includes(text.slice(10, 30)));
    return true;
  });
});

Deno.test("resolveRemote() takes the identity of a URL, of --pin, of who else knows it", async () => {
  const server = await generateIdentity();
  const named = await resolveRemote(remote(`sftpx://${server.name}@h:9/p`), lookup());
  assert.deepEqual(named, {
    addresses: [{ hostname: "h", port: 9 }],
    identity: server.publicKey,
    ticket: null,
    path: "p",
  });
  const pinned = await resolveRemote(remote("sftpx://h/"), lookup({ pin: server.name }));
  assert.deepEqual(pinned.identity, server.publicKey);
  const asked: HostPort[] = [];
  const identityOf = (host: HostPort) => {
    asked.push(host);
    return Promise.resolve(server.publicKey);
  };
  const known = await resolveRemote(remote("sftpx://h/"), lookup({ identityOf }));
  assert.deepEqual(known.identity, server.publicKey);
  assert.deepEqual(asked, [{ hostname: "h", port: 4443 }]);
});

Deno.test("resolveRemote() passes on why a server is not believed", async () => {
  const identityOf = () => Promise.reject(new SftpxError("identity_unknown", "never met"));
  const promise = resolveRemote(remote("sftpx://[::1]/"), lookup({ identityOf }));
  await fails("identity_unknown", /never met/, promise);
});

Deno.test("resolveRemote() refuses a pin that contradicts the ticket or the URL", async () => {
  const [server, other] = [await generateIdentity(), await generateIdentity()];
  const pin = other.name;
  await fails(
    "identity_mismatch",
    /the ticket names/,
    resolveRemote(remote(ticketOf(server)), lookup({ pin })),
  );
  await fails(
    "identity_mismatch",
    /the URL names/,
    resolveRemote(remote(`sftpx://${server.name}@h/`), lookup({ pin })),
  );
  const agreed = await resolveRemote(remote(ticketOf(other)), lookup({ pin }));
  assert.deepEqual(agreed.identity, other.publicKey);
});

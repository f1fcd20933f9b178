import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { testContext } from "../../tests/command_context.ts";
import { SftpxError } from "../base/errors.ts";
import type { TransferSummary } from "../session/options.ts";
import { formatFingerprint, generateIdentity, type Identity } from "../trust/identity.ts";
import { addKnownHost } from "../trust/known_hosts.ts";
import { FirstContact, type FirstContactOptions } from "./first_contact.ts";
import type { Terminal } from "./ui/terminal.ts";

const HOST = { hostname: "host.example", port: 4443 };
const REMOTE = { addresses: [HOST], identity: new Uint8Array(32), ticket: null, path: "" };
const CONNECTED = {
  kind: "connected",
  address: "192.0.2.1:4443",
  transport: "memory",
  connection: 0,
} as const;

/** A first contact with a server that claims to be `server`, and what it said and asked. */
class Scene implements AsyncDisposable {
  readonly server: Identity;
  readonly other: Identity;
  readonly knownHostsPath: string;
  readonly stderr: { text: string };
  readonly terminal: Terminal;
  learned = 0;
  asked = 0;
  readonly #directory: string;

  private constructor(
    directory: string,
    { isTerminal, server, other }: { isTerminal: boolean; server: Identity; other: Identity },
  ) {
    this.#directory = directory;
    this.server = server;
    this.other = other;
    this.knownHostsPath = join(directory, "home", "known_hosts");
    const { context, stderr } = testContext(directory, { isTerminal });
    this.stderr = stderr;
    this.terminal = context.terminal;
  }

  static async open({ isTerminal = true }: { isTerminal?: boolean } = {}): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-contact-"));
    const [server, other] = [await generateIdentity(), await generateIdentity()];
    return new Scene(directory, { isTerminal, server, other });
  }

  contact(
    { answer = null, claims = this.server.publicKey, ...rest }: Partial<FirstContactOptions> & {
      answer?: string | null;
      claims?: Uint8Array | SftpxError;
    } = {},
  ): FirstContact {
    return new FirstContact({
      knownHostsPath: this.knownHostsPath,
      knownHostsFlag: "",
      terminal: this.terminal,
      ask: () => {
        this.asked += 1;
        return Promise.resolve(answer);
      },
      learn: () => {
        this.learned += 1;
        return claims instanceof SftpxError ? Promise.reject(claims) : Promise.resolve(claims);
      },
      ownIdentity: () => Promise.resolve(this.other.name),
      timeoutMs: 1000,
      signal: new AbortController().signal,
      ...rest,
    });
  }

  async knownHosts(): Promise<string | null> {
    return await readFile(this.knownHostsPath, "utf8").catch(() => null);
  }

  async know(text: string): Promise<void> {
    // Made by the tool, so that its mode is right; then as a person would edit it.
    await addKnownHost(this.knownHostsPath, {
      hostname: "first.example",
      port: 1,
      identity: this.other.publicKey,
    });
    await writeFile(this.knownHostsPath, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

function failedWith(error: SftpxError | null): TransferSummary {
  return {
    ok: error === null,
    files: 0,
    bytes: 0,
    reusedBytes: 0,
    wireBytes: 0,
    seconds: 0,
    root: null,
    chunkBytes: 0,
    failed: 0,
    changed: null,
    deleted: 0,
    dryRun: false,
    reconnects: 0,
    error,
  };
}

async function fails(promise: Promise<unknown>): Promise<SftpxError> {
  let found: unknown = null;
  await assert.rejects(promise, (error: unknown) => {
    found = error;
    return error instanceof SftpxError;
  });
  return found as SftpxError;
}

Deno.test("FirstContact believes a known host without a question", async () => {
  await using scene = await Scene.open();
  await scene.know(`# mine\nhost.example:4443 ${scene.server.name}\n`);
  const contact = scene.contact();
  assert.deepEqual(await contact.identityOf(HOST), scene.server.publicKey);
  assert.deepEqual([scene.learned, scene.asked], [0, 0]);
  contact.event(CONNECTED);
  await contact.during(REMOTE, () => Promise.resolve());
  assert.equal(await scene.knownHosts(), `# mine\nhost.example:4443 ${scene.server.name}\n`);
});

Deno.test("FirstContact asks in plain words, once, and shows what to compare", async () => {
  await using scene = await Scene.open();
  const contact = scene.contact({ answer: " Yes " });
  assert.deepEqual(await contact.identityOf(HOST), scene.server.publicKey);
  assert.deepEqual(await contact.identityOf(HOST), scene.server.publicKey);
  assert.deepEqual([scene.learned, scene.asked], [1, 1]);
  const said = scene.stderr.text.replace(/\s+/g, " ");
  assert.match(said, /host\.example:4443 is not known here/);
  assert.ok(said.includes(formatFingerprint(scene.server.publicKey)), said);
  assert.match(said, /Type yes to trust it from now on, anything else to stop/);
});

Deno.test("FirstContact believes one server, and asks about no second one", async () => {
  await using scene = await Scene.open();
  const contact = scene.contact({ answer: "yes" });
  await contact.identityOf(HOST);
  const error = await fails(contact.identityOf({ ...HOST, hostname: "other.example" }));
  assert.equal(error.code, "usage");
  assert.deepEqual([scene.learned, scene.asked], [1, 1]);
  contact.event(CONNECTED);
  await contact.during(REMOTE, () => Promise.resolve());
  assert.equal(await scene.knownHosts(), `host.example:4443 ${scene.server.name}\n`);
});

Deno.test("FirstContact writes a host down only once a pinned connection stood", async () => {
  await using scene = await Scene.open();
  const contact = scene.contact({ answer: "yes" });
  await contact.identityOf(HOST);
  const lost = new SftpxError("unreachable", "gone");
  assert.equal((await contact.concluded(REMOTE, Promise.resolve(failedWith(lost)))).error, lost);
  assert.equal(await scene.knownHosts(), null);
  contact.event(CONNECTED);
  contact.event({ ...CONNECTED, connection: 1 });
  await contact.concluded(REMOTE, Promise.resolve(failedWith(null)));
  assert.equal(await scene.knownHosts(), `host.example:4443 ${scene.server.name}\n`);
});

Deno.test("FirstContact stops at any other answer, and at none", async () => {
  for (const answer of ["", "y", "no", "yes!", null]) {
    await using scene = await Scene.open();
    const contact = scene.contact({ answer });
    const error = await fails(contact.identityOf(HOST));
    assert.equal(error.code, "identity_unknown");
    assert.match(error.message, /was not trusted/);
    contact.event(CONNECTED);
    await contact.during(REMOTE, () => Promise.resolve());
    assert.equal(await scene.knownHosts(), null);
  }
});

Deno.test("FirstContact off a terminal gives the one line to paste, and asks nobody", async () => {
  for (const mute of [{ isTerminal: false }, { isTerminal: true, ask: null }]) {
    await using scene = await Scene.open(mute);
    const contact = scene.contact({
      answer: "yes",
      knownHostsFlag: " --known-hosts hosts",
      ...("ask" in mute ? { ask: mute.ask } : {}),
    });
    const error = await fails(contact.identityOf(HOST));
    assert.equal(error.code, "identity_unknown");
    assert.equal(error.exit, 11);
    const command = `sftpx keys trust host.example:4443 ${scene.server.name} --known-hosts hosts`;
    assert.ok(error.message.endsWith(command), error.message);
    assert.match(error.message, /no known host.* if "sftpx init" prints the same identity there/);
    assert.equal(scene.asked, 0);
    assert.equal(await scene.knownHosts(), null);
  }
});

Deno.test("FirstContact off a terminal says that a server is not there, not that it is unknown", async () => {
  await using scene = await Scene.open({ isTerminal: false });
  const claims = new SftpxError("unreachable", "Cannot reach host.example:4443: no answer");
  const patience: number[] = [];
  const contact = scene.contact({
    timeoutMs: 60_000,
    learn: (_, { timeoutMs }) => {
      patience.push(timeoutMs);
      return Promise.reject(claims);
    },
  });
  assert.equal(await fails(contact.identityOf(HOST)), claims);
  assert.deepEqual(patience, [60_000]);
});

Deno.test("FirstContact off a terminal says what keeps this end from asking", async () => {
  await using scene = await Scene.open({ isTerminal: false });
  const claims = new SftpxError("permission", "Cannot connect: run again with --allow-net");
  assert.equal(await fails(scene.contact({ claims }).identityOf(HOST)), claims);
});

Deno.test("FirstContact off a terminal has a line to paste for a server that makes no claim", async () => {
  await using scene = await Scene.open({ isTerminal: false });
  const claims = new SftpxError("version", "Cannot connect: no common protocol", { remote: true });
  const error = await fails(scene.contact({ claims }).identityOf(HOST));
  assert.equal(error.code, "identity_unknown");
  assert.match(error.message, /no common protocol/);
  assert.ok(error.message.endsWith("sftpx keys trust host.example:4443 IDENTITY"), error.message);
});

Deno.test("FirstContact on a terminal tells why nothing could be asked", async () => {
  await using scene = await Scene.open();
  const claims = new SftpxError("unreachable", "Cannot reach host.example:4443: no answer");
  assert.equal(await fails(scene.contact({ claims }).identityOf(HOST)), claims);
  assert.equal(scene.asked, 0);
});

Deno.test("FirstContact stops asking when it is interrupted", async () => {
  await using scene = await Scene.open({ isTerminal: false });
  const reason = new SftpxError("interrupted", "Stopped by SIGINT");
  const signal = AbortSignal.abort(reason);
  const claims = new SftpxError("unreachable", "aborted");
  assert.equal(await fails(scene.contact({ claims, signal }).identityOf(HOST)), reason);
});

Deno.test("FirstContact is loud about a known host that is another one now", async () => {
  await using scene = await Scene.open();
  await scene.know(`# mine\n\nhost.example:4443 ${scene.other.name}\n`);
  const contact = scene.contact({ answer: "yes" });
  assert.deepEqual(await contact.identityOf(HOST), scene.other.publicKey);
  const mismatch = new SftpxError("identity_mismatch", "BadSignature");
  const { error } = await contact.concluded(REMOTE, Promise.resolve(failedWith(mismatch)));
  assert.equal(error?.code, "identity_mismatch");
  assert.match(error.message, /known_hosts" line 3 names/);
  assert.equal(error.cause, mismatch);
  const said = scene.stderr.text.replace(/\s+/g, " ");
  assert.match(said, /host\.example:4443 IS NOT THE ONE IT WAS/);
  assert.match(said, /known_hosts line 3 says/);
  for (const identity of [scene.other, scene.server]) {
    assert.ok(said.includes(formatFingerprint(identity.publicKey)), said);
  }
  assert.match(said, /sftpx keys forget host\.example:4443/);
  assert.match(said, new RegExp(`sftpx keys trust host\\.example:4443 ${scene.server.name}`));
  assert.equal(scene.asked, 0);
  assert.equal(await scene.knownHosts(), `# mine\n\nhost.example:4443 ${scene.other.name}\n`);
});

Deno.test("FirstContact explains what is thrown as it does what is told", async () => {
  await using scene = await Scene.open();
  await scene.know(`host.example:4443 ${scene.other.name}\n`);
  const contact = scene.contact({ claims: new SftpxError("unreachable", "gone") });
  await contact.identityOf(HOST);
  const mismatch = new SftpxError("identity_mismatch", "BadSignature");
  const error = await fails(contact.during(REMOTE, () => Promise.reject(mismatch)));
  assert.match(error.message, /line 1 names/);
  assert.match(scene.stderr.text, /proves another one/);
  const other = new SftpxError("lost", "gone");
  assert.equal(await fails(contact.during(REMOTE, () => Promise.reject(other))), other);
});

Deno.test("FirstContact leaves a mismatch of its own answer as it is", async () => {
  await using scene = await Scene.open();
  const contact = scene.contact({ answer: "yes" });
  await contact.identityOf(HOST);
  const mismatch = new SftpxError("identity_mismatch", "BadSignature");
  const { error } = await contact.concluded(REMOTE, Promise.resolve(failedWith(mismatch)));
  assert.equal(error, mismatch);
  assert.equal(await scene.knownHosts(), null);
});

Deno.test("FirstContact goes on where the host cannot be written down, and warns", async () => {
  await using scene = await Scene.open();
  const contact = scene.contact({ answer: "yes" });
  await contact.identityOf(HOST);
  await writeFile(dirname(scene.knownHostsPath), "a file where the directory would be");
  contact.event(CONNECTED);
  const { error } = await contact.concluded(REMOTE, Promise.resolve(failedWith(null)));
  assert.equal(error, null);
  assert.match(scene.stderr.text, /will be asked about again/);
});

Deno.test("FirstContact tells a stranger to the server what would let it in", async () => {
  await using scene = await Scene.open();
  const refused = new SftpxError("unauthorized", "it has no ticket and is not authorized", {
    remote: true,
  });
  const told = () => scene.stderr.text.includes(`sftpx keys authorize ${scene.other.name}\n`);
  const withTicket = { ...REMOTE, ticket: new Uint8Array(32) };
  await scene.contact().concluded(withTicket, Promise.resolve(failedWith(refused)));
  const own = new SftpxError("unauthorized", "Cannot push: nobody may");
  await scene.contact().concluded(REMOTE, Promise.resolve(failedWith(own)));
  // A key that the server knows is told what it is refused for, and no way around that.
  const expired = new SftpxError("refused", "this key has expired (expires=)", { remote: true });
  await scene.contact().concluded(REMOTE, Promise.resolve(failedWith(expired)));
  const inside = scene.contact();
  inside.event({ kind: "start", direction: "push", chunkBytes: 65536, peer: scene.server.name });
  await inside.concluded(REMOTE, Promise.resolve(failedWith(refused)));
  assert.equal(told(), false);
  assert.equal(await fails(scene.contact().during(REMOTE, () => Promise.reject(refused))), refused);
  assert.equal(told(), true);
});

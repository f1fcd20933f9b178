// What only Deno's TLS does, each case in a process of its own: the runtime reads its roots once, and ends
// at once or may do less.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HERE, issue, shut } from "../../tests/conformance/quic_peers.ts";
import { tlsTransport } from "./tls/tls.ts";

const EMPTY = "emptyRootStore();";

/** Connects after `prelude` and prints what came of it. */
function clientScript(prelude: string, job: unknown): string {
  return `const { emptyRootStore } = await import(${moduleText("../trust/root_store.ts")});
    const { tlsTransport } = await import(${moduleText("./tls/tls.ts")});
    ${prelude}
    try {
      const connection = await tlsTransport().connect(${JSON.stringify(job)});
      const control = await connection.openControl();
      await control.write(Uint8Array.of(1));
      await control.read(new Uint8Array(1));
      connection.close("terminated", "");
      await connection.closed;
      console.log("accepted");
    } catch (error) {
      console.log(error.code + " | " + error.message);
    }
    Deno.exit(0);`;
}

/** A server that answers each peer with a byte, and how the connections of its peers ended. */
async function serve() {
  const { anchorPem, ...pems } = await issue();
  const listener = await tlsTransport().listen({ hostname: HERE, port: 0, ...pems });
  const serving = (async () => {
    const ends = [];
    for (let peer = await listener.accept(); peer !== null; peer = await listener.accept()) {
      const control = await peer.acceptControl().catch(() => null);
      await control?.write(Uint8Array.of(2)).catch(() => {});
      ends.push(await peer.closed);
    }
    return ends;
  })();
  const to = { hostname: HERE, port: listener.address.port };
  return { listener, serving, anchorPem, to };
}

Deno.test("a foreign CA of the environment passes for no pinned server over TLS", async () => {
  const impostor = await serve();
  const { anchorPem: pinned } = await issue();
  const directory = await mkdtemp(join(tmpdir(), "sftpx-tls-roots-"));
  const caPath = join(directory, "foreign.pem");
  await writeFile(caPath, impostor.anchorPem);
  try {
    for (const name of ["DENO_CERT", "NODE_EXTRA_CA_CERTS"]) {
      const env = { [name]: caPath };
      const job = { ...impostor.to, anchorPem: pinned };
      // The hole is real: without the call the impostor passes for the pinned server.
      assert.equal(await runScript(clientScript("", job), { env }), "accepted", name);
      const refused = await runScript(clientScript(EMPTY, job), { env });
      assert.match(refused, /^identity_mismatch \| .*does not prove the pinned identity$/, name);
      // And it refuses only what it should.
      const right = { ...impostor.to, anchorPem: impostor.anchorPem };
      assert.equal(await runScript(clientScript(EMPTY, right), { env }), "accepted", name);
    }
  } finally {
    await shut(impostor.listener);
    await impostor.serving;
    await rm(directory, { recursive: true });
  }
});

Deno.test("over TLS a close is seen by the peer though the process ends at once", async () => {
  const { listener, serving, anchorPem, to } = await serve();
  assert.equal(await runScript(clientScript(EMPTY, { ...to, anchorPem })), "accepted");
  await shut(listener);
  assert.deepEqual(await serving, [{ code: "terminated", reason: "", remote: true }]);
});

Deno.test("over TLS, without the permission the user is told which", async () => {
  const script = `const { tlsTransport } = await import(${moduleText("./tls/tls.ts")});
    const told = (error) => error.code + " | " + error.message;
    const at = { hostname: "127.0.0.1", port: 4443, ...${JSON.stringify(await issue())} };
    console.log(await tlsTransport().listen(at).catch(told));
    console.log(await tlsTransport().connect(at).catch(told));`;
  const flags = ["--allow-read", "--deny-net"];
  const [listening, connecting] = (await runScript(script, { flags })).split("\n");
  assert.match(listening!, /^permission \| Cannot listen .*--allow-net=127\.0\.0\.1:4443$/);
  assert.match(connecting!, /^permission \| Cannot connect .*--allow-net=127\.0\.0\.1:4443$/);
});

Deno.test("over TLS, a server that may make no system calls serves all the same", async () => {
  const script = `const { tlsTransport } = await import(${moduleText("./tls/tls.ts")});
    const { issueLeaf, anchorPem } = await import(${moduleText("../trust/certificate.ts")});
    const { generateIdentity } = await import(${moduleText("../trust/identity.ts")});
    const identity = await generateIdentity();
    const leaf = await issueLeaf(identity, { nowMs: Date.now() });
    const transport = tlsTransport({ handshakeMs: 50 });
    const listener = await transport.listen({ hostname: "127.0.0.1", port: 0, ...leaf });
    const silent = await Deno.connect(listener.address);
    const to = { ...listener.address, anchorPem: anchorPem(identity.publicKey) };
    const [client, server] = await Promise.all([transport.connect(to), listener.accept()]);
    client.close("none", "");
    console.log((await server.closed).code, (await client.closed).code);
    Deno.exit(0);`;
  const flags = ["--allow-net", "--allow-read", "--allow-env"];
  assert.equal(await runScript(script, { flags }), "none none");
});

function moduleText(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

/** Runs a module given on stdin; its stdout, once it ended well. */
async function runScript(
  source: string,
  { flags = ["-A"], env = {} }: {
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-config", ...flags, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

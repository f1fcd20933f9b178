// Each case runs in a process of its own, because the runtime reads its roots once.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { anchorPem } from "./anchor.ts";
import { issueLeaf } from "./certificate.ts";
import { generateIdentity } from "./identity.ts";

const ROOT_STORE = new URL("./root_store.ts", import.meta.url).href;

/** Connects pinned, after `prelude`, and prints the outcome. */
function clientScript(prelude: string): string {
  return `import { emptyRootStore } from ${JSON.stringify(ROOT_STORE)};
    const [port, anchor] = JSON.parse(Deno.env.get("TEST_TARGET"));
    ${prelude}
    try {
      const connection = await Deno.connectQuic({
        hostname: "127.0.0.1", port, serverName: "sftpx", caCerts: [anchor],
        alpnProtocols: ["sftpx/1"],
      });
      connection.close({ closeCode: 0, reason: "" });
      console.log("accepted");
    } catch (error) {
      console.log("refused", error.message);
    }
    Deno.exit();`;
}

async function runScript(
  script: string,
  options: { readonly flags: readonly string[]; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-config", "--unstable-net", ...options.flags, "-"],
    // On a busy machine its own look for a newer version would come before the script.
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout).trim() || decoder.decode(stderr);
}

/** A server of another identity, and that identity as a CA file the environment may name. */
async function withImpostor(
  run: (target: { port: number; caPath: string; ownAnchor: string }) => Promise<void>,
): Promise<void> {
  const impostor = await generateIdentity();
  const { certificatePem, keyPem } = await issueLeaf(impostor, { nowMs: Date.now() });
  const directory = await mkdtemp(join(tmpdir(), "sftpx-roots-"));
  const caPath = join(directory, "foreign.pem");
  const ownAnchor = anchorPem(impostor.publicKey);
  await writeFile(caPath, ownAnchor);
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    cert: certificatePem,
    key: keyPem,
    alpnProtocols: ["sftpx/1"],
  });
  const connections: Deno.QuicConn[] = [];
  const serving = (async () => {
    for (;;) {
      const incoming = await listener.incoming();
      const accepted = Promise.resolve(incoming.accept());
      await accepted.then((connection) => connections.push(connection), () => {});
    }
  })().catch(() => {}); // until the listener stops
  try {
    await run({ port: endpoint.addr.port, caPath, ownAnchor });
  } finally {
    // The clients' processes are gone; nothing is waited for.
    for (const connection of connections) connection.close({ closeCode: 0, reason: "" });
    listener.stop();
    endpoint.close();
    await serving;
    await rm(directory, { recursive: true });
  }
}

Deno.test("emptyRootStore() keeps a foreign CA from impersonating a pinned server", async () => {
  const victim = await generateIdentity();
  await withImpostor(async ({ port, caPath, ownAnchor }) => {
    const hostile: Record<string, string>[] = [
      { DENO_CERT: caPath },
      { NODE_EXTRA_CA_CERTS: caPath },
      { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: caPath },
    ];
    const target = (anchor: string) => ({ TEST_TARGET: JSON.stringify([port, anchor]) });
    const flags = ["-A"];
    for (const roots of hostile) {
      const env = { ...roots, ...target(anchorPem(victim.publicKey)) };
      const name = Object.keys(roots)[0] ?? "";
      // The hole is real: without the call the impostor passes for the pinned server.
      assert.equal(await runScript(clientScript(""), { flags, env }), "accepted", name);
      const refused = await runScript(clientScript("emptyRootStore();"), { flags, env });
      assert.match(refused, /^refused .*invalid peer certificate/, name);
    }
    // And it refuses only what it should: the right pin passes, emptied twice.
    const env = { ...hostile[0], ...target(ownAnchor) };
    const twice = clientScript("emptyRootStore(); emptyRootStore();");
    assert.equal(await runScript(twice, { flags, env }), "accepted");
  });
});

Deno.test("emptyRootStore() refuses once the runtime has read its roots", async () => {
  const victim = await generateIdentity();
  await withImpostor(async ({ port, caPath }) => {
    const env = {
      DENO_CERT: caPath,
      TEST_TARGET: JSON.stringify([port, anchorPem(victim.publicKey)]),
    };
    const late = clientScript("Deno.createHttpClient({}).close(); emptyRootStore();");
    const printed = await runScript(late, { flags: ["-A"], env });
    assert.match(printed, /Cannot pin .*DENO_NO_UPDATE_CHECK=1/);
    // The hole is real: who goes on nevertheless is impersonated.
    const careless = clientScript(
      "Deno.createHttpClient({}).close(); try { emptyRootStore(); } catch { /* careless */ }",
    );
    assert.equal(await runScript(careless, { flags: ["-A"], env }), "accepted");
  });
});

Deno.test("emptyRootStore() says the same again", async () => {
  const script = `import { emptyRootStore } from ${JSON.stringify(ROOT_STORE)};
    Deno.createHttpClient({}).close();
    for (let round = 0; round < 2; round++) {
      try {
        emptyRootStore();
        console.log("went on");
      } catch (error) {
        console.log(error.code);
      }
    }`;
  assert.equal(await runScript(script, { flags: ["-A"] }), "unsupported\nunsupported");
});

Deno.test("emptyRootStore() leaves the variables as promised", async () => {
  const names = [
    "DENO_CERT",
    "NODE_EXTRA_CA_CERTS",
    "DENO_TLS_CA_STORE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
  ];
  const script = `import { emptyRootStore } from ${JSON.stringify(ROOT_STORE)};
    emptyRootStore();
    console.log(JSON.stringify(${JSON.stringify(names)}.map((n) => Deno.env.get(n) ?? null)));`;
  const hostile = { DENO_CERT: "/hostile", SSL_CERT_FILE: "/hostile", SSL_CERT_DIR: "/hostile" };
  // Scoped to exactly the names that the error tells the user to allow.
  const flags = [`--allow-env=${names.join(",")}`];
  for (const store of ["mozilla", "system"]) {
    const env = { ...hostile, DENO_TLS_CA_STORE: store };
    const printed = await runScript(script, { flags, env });
    assert.deepEqual(JSON.parse(printed), [null, null, "system", devNull, "/nonexistent"], store);
  }
});

Deno.test("emptyRootStore() without the permission refuses and names the flag", async () => {
  const script = `import { emptyRootStore } from ${JSON.stringify(ROOT_STORE)};
    try {
      emptyRootStore();
      console.log("went on");
    } catch (error) {
      console.log(error.name, error.code, error.message);
    }`;
  const printed = await runScript(script, { flags: [] });
  assert.match(printed, /^SftpxError permission Cannot pin .*--allow-env=DENO_CERT,/);
  const partly = await runScript(script, { flags: ["--allow-env=DENO_CERT,NODE_EXTRA_CA_CERTS"] });
  assert.match(partly, /^SftpxError permission /);
});

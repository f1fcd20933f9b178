// Whom the whole tool believes: a foreign certificate authority in the environment changes nothing.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { loadIdentity } from "../../src/trust/identity.ts";
import { anchorPem } from "../../src/trust/certificate.ts";
import { denoWith, isRunByDeno } from "./command.ts";
import { Scratch } from "./sftpx_process.ts";
import { makeFile } from "./trees.ts";

Deno.test({
  name: "a foreign CA in the environment cannot stand in for a pinned server",
  ignore: !isRunByDeno(),
  fn: async (t) => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("secret"), "secret");
    // The impostor is an ordinary server under another identity; its anchor is the foreign CA.
    const impostor = await scratch.serve("impostor", [], {
      env: { SFTPX_HOME: scratch.path("impostor-home") },
    });
    const victim = JSON.parse((await scratch.run(["init", "--json"])).stdout).identity as string;
    const identity = await loadIdentity(scratch.path("impostor-home/identity"), { create: false });
    await fs.writeFile(scratch.path("ca.pem"), anchorPem(identity.publicKey));
    const url = `sftpx://${victim}@127.0.0.1:${impostor.port}/stolen`;
    for (const name of ["DENO_CERT", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"]) {
      await t.step(name, async () => {
        const env: Record<string, string> = { [name]: scratch.path("ca.pem") };
        if (name === "SSL_CERT_FILE") env["DENO_TLS_CA_STORE"] = "system";
        const sent = await scratch.transfer(["send", "secret", url], { env });
        assert.equal(sent.code, 11, sent.stderr);
        assert.equal(sent.summary.error?.code, "identity_mismatch");
        // The right pin still works with the same environment.
        const right = await scratch.transfer(["send", "secret", impostor.ticket], { env });
        assert.equal(right.code, 0, right.stderr);
      });
    }
    await assert.rejects(fs.stat(`${impostor.root}/stolen`));
  },
});

Deno.test("a slow start does not let a foreign CA in", async () => {
  // `deno run` looks for a newer Deno half a second after its start, and reads the roots for it.
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("secret"), "secret");
  await makeFile(scratch.path("late.ts"), "await new Promise((go) => setTimeout(go, 1500));");
  const env = { SFTPX_HOME: scratch.path("impostor-home") };
  const impostor = await scratch.serve("impostor", [], { env });
  const victim = JSON.parse((await scratch.run(["init", "--json"])).stdout).identity as string;
  const identity = await loadIdentity(scratch.path("impostor-home/identity"), { create: false });
  await fs.writeFile(scratch.path("ca.pem"), anchorPem(identity.publicKey));
  const url = `sftpx://${victim}@127.0.0.1:${impostor.port}/stolen`;
  const sent = await scratch.transfer(["send", "secret", url], {
    command: denoWith("-A", "--preload", scratch.path("late.ts")),
    env: { DENO_CERT: scratch.path("ca.pem"), DENO_NO_UPDATE_CHECK: undefined },
  });
  assert.notEqual(sent.code, 0);
  assert.equal(sent.lines.some((line) => line.event === "connected"), false, sent.stderr);
});

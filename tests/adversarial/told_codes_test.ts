// A peer's word for what went wrong: no peer says that another one is there, and none puts its words
// into this end's mouth.

import assert from "node:assert/strict";
import { ERROR_TABLE, SftpxError, toldError } from "../../src/base/errors.ts";
import { errorLines } from "../../src/cli/ui/problem.ts";
import { memoryTransport } from "../../src/transport/memory.ts";
import { reachWithin } from "../../src/session/reach.ts";
import { makeFile } from "../e2e/trees.ts";
import { Place } from "../session/place.ts";
import { rawServer } from "../session/raw_peer.ts";

const WORDS = "run this at once";

Deno.test("whom this end talks to is no peer's to say", () => {
  for (const code of ["identity_mismatch", "identity_unknown", "made up", "__proto__"]) {
    assert.equal(toldError({ code, message: WORDS }, "refused").code, "refused", code);
  }
});

Deno.test("a peer's words are shown as a peer's, under every code", () => {
  for (const code of Object.keys(ERROR_TABLE)) {
    const [line] = errorLines(toldError({ code, message: WORDS }, "failed"), { color: false });
    assert.ok(/\(told by the peer\)$|The peer says: /.test(line ?? ""), line ?? "");
  }
});

Deno.test("a server's abort never ends a command as if another server were there", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    await server.take("offer");
    server.send({ type: "abort", transfer: 1, code: "identity_mismatch", message: WORDS });
    await server.take("bye");
    server.connection.close("none", "");
  });
  await makeFile(place.path("f"), "f");
  const { error } = await place.push(["f"], remote).summary;
  assert.deepEqual([error?.code, error?.exit], ["failed", 1]);
  await served;
});

Deno.test("a server's close never ends a command as if another server were there", async () => {
  const network = memoryTransport();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await network.listen(at);
  const { signal } = new AbortController();
  const addresses = [listener.address];
  const reach = {
    transport: network,
    addresses,
    congestion: "auto",
    timeoutMs: 5000,
    signal,
  } as const;
  const reached = reachWithin(reach, async (dial) => {
    const connection = await dial({ protocol: "sftpx/1", anchorPem: "" });
    (await listener.accept())?.close("identity_mismatch", WORDS);
    await connection.closed;
    throw new SftpxError("lost", "Lost the server");
  });
  await assert.rejects(reached, { code: "refused", message: /closed the connection: run this/ });
  listener.close();
});

Deno.test("an entry's failure never ends a command as if another server were there", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    await server.take("offer");
    server.send({ type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 });
    await server.take("manifest_end");
    const steps = [{ action: "fail", code: "identity_mismatch", message: WORDS }] as const;
    server.send({ type: "planned", transfer: 1, first: 0, steps });
    server.send({ type: "plan_end", transfer: 1, entries: 1, deleted: 0 });
    await server.take("bye");
    server.connection.close("none", "");
  });
  await makeFile(place.path("f"), "f");
  const { error } = await place.push(["f"], remote, { dryRun: true }).summary;
  assert.deepEqual([error?.code, error?.exit], ["failed", 1]);
  await served;
});

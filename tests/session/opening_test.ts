// What a transfer opens with goes out behind the client's proof, a round trip early, where it is short; and
// waits for the welcome where a server could not take it of somebody it does not know.

import assert from "node:assert/strict";
import { LIMITS } from "../../src/base/limits.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { file, makeTree, readTree } from "../e2e/trees.ts";
import { assertDone, codeOf, Place } from "./place.ts";

/** Reads what a client says of itself before it is welcome, proof and one more, and says no in between. */
async function unwelcoming(place: Place) {
  const identity = await generateIdentity();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await place.network.listen(at);
  const heard = (async () => {
    const connection = await listener.accept();
    assert.ok(connection !== null);
    listener.close();
    const control = new ControlChannel(await connection.acceptControl());
    control.lift(); // However long it is, it is to be heard.
    const types = [(await control.expect("hello")).type as string];
    const nonce = new Uint8Array(32).fill(3);
    control.send({ type: "hello", version: 1, capabilities: [], nonce, agent: "raw" });
    types.push((await control.expect("auth")).type);
    // What was said before it heard this is on its way already.
    control.send({ type: "refuse", code: "refused", message: "nobody comes in here" });
    const last = control.receive();
    types.push(await last.then((message) => message?.type ?? "nothing", () => "nothing"));
    connection.close("refused", "");
    await connection.closed;
    return types;
  })();
  const path = "";
  const addresses = [listener.address];
  return { heard, remote: { addresses, identity: identity.publicKey, ticket: null, path } };
}

Deno.test("a push says what it offers before it is welcome, and nothing more", async () => {
  await using place = await Place.open();
  await makeTree(place.path("tree"), { "f": file("content") });
  const { heard, remote } = await unwelcoming(place);
  const run = place.push(["tree/"], remote);
  assert.deepEqual(await heard, ["hello", "auth", "offer"]);
  assert.equal(codeOf(await run.summary), "refused");
});

Deno.test("a pull says what it asks for before it is welcome, and nothing more", async () => {
  await using place = await Place.open();
  const { heard, remote } = await unwelcoming(place);
  const run = place.pull([{ ...remote, path: "f" }], "into");
  assert.deepEqual(await heard, ["hello", "auth", "request"]);
  assert.equal(codeOf(await run.summary), "refused");
});

Deno.test("an offer that is too long for a stranger waits for the welcome", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const names = Array.from({ length: 20 }, (_, i) => `f${i}`);
  const tree = Object.fromEntries(names.map((name) => [name, file(name)]));
  await makeTree(place.path("tree"), tree);
  // Each is written as long as it may be: together they are more than any stranger may send.
  const long = (name: string) => {
    const directory = place.path("tree");
    return `${directory}/${"./".repeat((LIMITS.pathBytes - directory.length - 50) >> 1)}${name}`;
  };
  const sources = names.map(long);
  assert.ok(sources.join("").length > LIMITS.unauthenticatedBytes);
  const { heard, remote } = await unwelcoming(place);
  const refused = place.push(sources, remote);
  assert.deepEqual(await heard, ["hello", "auth", "nothing"]);
  assert.equal(codeOf(await refused.summary), "refused");
  assertDone(await place.push(sources, server.remote("into")).summary);
  assert.deepEqual(await readTree(`${server.root}/into`), await readTree(place.path("tree")));
});

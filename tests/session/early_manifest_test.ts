// A walk that is over before the server answers: the whole manifest goes behind the client's proof, and its
// verdicts come with the accept. The connection is held until the walk has ended, so that it is no matter of
// luck, over the transports that real clients have.

import assert from "node:assert/strict";
import { LIMITS } from "../../src/base/limits.ts";
import type { TransferSummary } from "../../src/session/options.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import { tlsTransport } from "../../src/transport/tls/tls.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { directory, file, link, makeTree, readTree } from "../e2e/trees.ts";
import { HeldWalks } from "./held_walks.ts";
import { assertDone, Place, type RunningServer } from "./place.ts";

/** This process has read its roots long ago. */
const STACKS: readonly Transport[] = [tlsTransport(), denoQuicTransport()].map((transport) => ({
  ...transport,
  addsToRuntimeRoots: false,
}));
/** More than one message's, and fewer than may go ahead. */
const FILES = 700;
/** A machine that is busy for longer than a walk stays fresh has nothing announced, and is asked again. */
const TRIES = 5;

/** Files of which every seventh is empty, and with `isEmpty` each. */
function treeOf({ isEmpty = false }: { readonly isEmpty?: boolean } = {}) {
  const names = Array.from({ length: FILES }, (_, at) => at);
  const contents = (at: number) => isEmpty || at % 7 === 0 ? "" : `file ${at}`;
  return {
    ...Object.fromEntries(names.map((at) => [`d${at % 5}/f${at}`, file(contents(at))])),
    "hollow": directory(),
    "link": link("d1/f1"),
  };
}

/** Pushes until the manifest went ahead; answers what came of it, and where. */
async function pushAhead(
  stack: Transport,
  { place, server, sources, to }: {
    readonly place: Place;
    readonly server: RunningServer;
    readonly sources: readonly string[];
    readonly to: (at: number) => string;
  },
): Promise<{ readonly summary: TransferSummary; readonly path: string }> {
  using walks = new HeldWalks();
  const transport = walks.held(stack);
  for (let at = 0; at < TRIES; at++) {
    walks.begin();
    const path = to(at);
    const summary = await place.push(sources, server.remote(path), { transport }).summary;
    assertDone(summary);
    if (walks.announced === 0) continue;
    assert.ok(walks.announced > 2, "it is more than one message and its end");
    return { summary, path };
  }
  return assert.fail("nothing was announced");
}

for (const stack of STACKS) {
  for (const isEmpty of [false, true]) {
    const what = isEmpty ? "empty files alone" : "empty files among others";
    Deno.test(`${stack.name}: a manifest that goes ahead is copied, ${what}, and found unchanged`, async () => {
      await using place = await Place.open();
      const server = await place.serve({ transport: stack });
      await makeTree(place.path("tree"), treeOf({ isEmpty }));
      const tree = await readTree(place.path("tree"));
      const pushing = { place, server, sources: ["tree/"] };
      const { summary, path } = await pushAhead(stack, { ...pushing, to: (at) => `into${at}` });
      assert.equal(summary.files, FILES);
      assert.deepEqual(await readTree(`${server.root}/${path}`), tree);
      const again = await pushAhead(stack, { ...pushing, to: () => path });
      assert.deepEqual([again.summary.files, again.summary.changed], [FILES, 0]);
      assert.deepEqual(await readTree(`${server.root}/${path}`), tree);
    });
  }

  Deno.test(`${stack.name}: a manifest that goes ahead may be of what is new and of what stands`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport: stack });
    await makeTree(place.path("a"), treeOf({ isEmpty: true }));
    await makeTree(place.path("b"), treeOf());
    const pushing = { place, server, to: () => "into/" };
    await pushAhead(stack, { ...pushing, sources: ["b"] });
    const { summary } = await pushAhead(stack, { ...pushing, sources: ["a", "b"] });
    assert.equal(summary.files, 2 * FILES);
    for (const name of ["a", "b"]) {
      const there = await readTree(`${server.root}/into/${name}`);
      assert.deepEqual(there, await readTree(place.path(name)));
    }
  });
}

/** As if its server were far away; `onDial` is told of each connection. */
function afar(transport: Transport, onDial: () => void): Transport {
  return {
    ...transport,
    connect: async (options) => {
      onDial();
      const connection = await transport.connect({ ...options, onAnswer: () => {} });
      options.onAnswer?.(10 * LIMITS.shortPathMs);
      return Object.defineProperty(connection, "remoteAddress", { value: "192.0.2.1:4443" });
    },
  };
}

for (const stack of STACKS) {
  Deno.test(`${stack.name}: connections dialled beside the handshake carry a push, and do not join for nothing`, async () => {
    using walks = new HeldWalks();
    await using place = await Place.open();
    const server = await place.serve({ transport: stack });
    // Of four frames the first connection gets two: the others are for those that join.
    const names = Array.from({ length: 100 }, (_, at) => `f${at}`);
    const tree = names.map((name) => [name, file(name.padEnd(4096, "."))]);
    await makeTree(place.path("tree"), Object.fromEntries(tree));
    const push = async (path: string) => {
      let dialled = 0;
      const transport = afar(walks.held(stack), () => dialled++);
      walks.begin();
      const free = { transport, connections: 0, timeoutMs: 30_000 };
      const { summary, events } = place.push(["tree/"], server.remote(path), free);
      const result = await summary;
      assertDone(result);
      assert.equal(dialled, 4);
      const joined = events.items.filter((it) => it.kind === "connected" && it.connection > 0);
      return { joined: joined.length, isUnchanged: result.reusedBytes > 0 };
    };
    // They are not waited for long on a machine that is busy.
    let copied = await push("copy");
    for (let at = 1; copied.joined < 3 && at < TRIES; at++) copied = await push(`copy${at}`);
    assert.deepEqual(copied, { joined: 3, isUnchanged: false });
    assert.deepEqual(await push("copy"), { joined: 0, isUnchanged: true });
    await server.stop();
    assert.deepEqual(server.events.items.filter(({ kind }) => kind === "peer_refused"), []);
  });
}

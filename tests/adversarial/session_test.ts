// Sessions side by side: what one client says or sends is its own session's, whatever number it puts
// on it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { loadHash } from "../../src/codec/hash.ts";
import { offerOf, rawClient } from "../session/raw_peer.ts";
import { content, FILE, fileEntry, HostileSender } from "./hostile_sender.ts";
import { Ground } from "./ground.ts";

Deno.test("lanes and messages of one session never reach a transfer of another", async () => {
  await using ground = await Ground.open();
  const server = await ground.server();
  const hash = await loadHash({ without: [] });
  const begin = async (destination: string) => {
    const peer = await rawClient(ground.place.network, server.remote());
    peer.send(offerOf({ sources: [FILE], destination }));
    return new HostileSender(peer, { accept: await peer.take("accept"), hash });
  };
  // Both are transfer 1 of their session.
  const honest = await begin("one");
  const other = await rawClient(ground.place.network, server.remote());
  const bytes = content("right");
  honest.announce([fileEntry("f", bytes)]);
  honest.end();
  // The other one has no such transfer: its frame is given up, its word to end it passed over.
  const lane = await other.connection.openLane();
  const frame = honest.frame([{ bytes: content("wrong") }]);
  await lane.write(frame).catch(() => {});
  other.send({ type: "abort", transfer: 1, code: "failed", message: "" });
  other.send({ type: "ping", token: 1 });
  await other.take("pong");
  await assert.rejects(async () => {
    for (;;) await lane.write(frame.slice());
  }, { code: "lost" });
  await honest.wholeLane([honest.frame([{ bytes }])]);
  honest.seal(0, bytes);
  honest.finish();
  assert.equal((await honest.peer.take("receipt")).failed, 0);
  honest.peer.send({ type: "done", transfer: 1 });
  await server.events.until(({ kind }) => kind === "transfer_done");
  assert.equal(await readFile(`${server.root}/one`, "utf8"), "right");
  for (const { connection } of [honest.peer, other]) {
    connection.close("none", "");
    await connection.closed;
  }
});

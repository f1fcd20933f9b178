// Every frame of the corpus, sent to both ends that receive. What breaks a rule ends the transfer as
// `protocol` on both sides; a chunk that is not what it says fails its file alone; what means nothing
// is passed over, and the honest rest ends in a receipt and in the right bytes.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import {
  FRAME_LIES,
  type FrameLie,
  LARGE,
  LARGE_BYTES,
  SMALL,
  SMALL_BYTES,
} from "./corpus/frames.ts";
import { assertRefused, Ground } from "./ground.ts";
import {
  CHUNK_BYTES,
  directoryEntry,
  fileEntry,
  type HostileSender,
  inTime,
  play,
  type Role,
  ROLES,
  TREE,
} from "./hostile_sender.ts";

for (const role of ROLES) {
  const receiver = role === "client" ? "a server" : "a pull";
  for (const [about, lies] of Object.entries(FRAME_LIES)) {
    Deno.test(`${receiver} believes no frames that lie about ${about}`, async (t) => {
      await using ground = await Ground.open();
      for (const lie of lies) {
        // Behind one that was believed the ground is another.
        if (!await t.step(lie.what, () => tell(ground, lie, role))) return;
      }
      if (role === "client") await ground.assertServes();
    });
  }
}

async function tell(ground: Ground, lie: FrameLie, role: Role): Promise<void> {
  const { ends, fails = {} } = lie;
  const summary = await play(ground, role, {
    sources: [TREE],
    script: async (sender) => {
      sender.announce([
        directoryEntry("tree"),
        fileEntry("tree/large", LARGE_BYTES),
        fileEntry("tree/small", SMALL_BYTES),
      ]);
      sender.end();
      const lane = await sender.lane(lie.lane(sender));
      if (lie.closes === true) await inTime("the lane's end", lane.close().catch(() => {}));
      if (ends !== undefined) return assert.equal(await sender.refusal(), ends);
      const receipt = await finish(sender, fails);
      assert.equal(receipt, Object.keys(fails).length === 0 ? "0 failed" : "1 failed");
    },
  });
  const to = ground.place.path(role === "client" ? "root" : "into");
  if (ends === undefined) await assertRest(`${to}/tree`, fails);
  else assertRefused(summary, ends);
  assert.equal(
    summary.error?.code ?? null,
    ends ?? (Object.keys(fails).length > 0 ? "partial" : null),
  );
  await fs.rm(`${to}/tree`, { recursive: true, force: true });
  await ground.assertUntouched();
}

/** All of it, honestly, behind the lie; answers what the receipt says of failures. */
async function finish(
  sender: HostileSender,
  fails: NonNullable<FrameLie["fails"]>,
): Promise<string> {
  const first = LARGE_BYTES.slice(0, CHUNK_BYTES);
  const tail = LARGE_BYTES.slice(CHUNK_BYTES);
  // What fails is not sent again: it would not be taken.
  await sender.wholeLane([
    ...(LARGE in fails ? [] : [
      sender.frame([{ entry: LARGE, bytes: first }], { frame: 100 }),
      sender.frame([{ entry: LARGE, chunk: 1, bytes: tail }], { frame: 101 }),
    ]),
    ...(SMALL in fails ? [] : [
      sender.frame([{ entry: SMALL, bytes: SMALL_BYTES }], { frame: 102 }),
    ]),
  ]);
  sender.seal(LARGE, LARGE_BYTES);
  sender.seal(SMALL, SMALL_BYTES);
  sender.finish({ frames: 103 });
  const { peer, transfer } = sender;
  const failed: Record<number, string> = {};
  for (;;) {
    const message = await sender.hear();
    assert.ok(message !== null && message.type !== "abort", JSON.stringify(message));
    if (message.type === "failed") {
      for (const { entry, code } of message.failures) failed[entry] = code;
    }
    if (message.type !== "receipt") continue;
    assert.deepEqual(failed, fails);
    peer.send({ type: "done", transfer });
    return `${message.failed} failed`;
  }
}

/** What did not fail holds the right bytes; what failed is not there. */
async function assertRest(tree: string, fails: NonNullable<FrameLie["fails"]>): Promise<void> {
  const files = { large: [LARGE, LARGE_BYTES], small: [SMALL, SMALL_BYTES] } as const;
  for (const [name, [entry, bytes]] of Object.entries(files)) {
    const found = await fs.readFile(`${tree}/${name}`).catch(() => null);
    if (entry in fails) assert.equal(found, null);
    else assert.ok(found !== null && found.equals(bytes), name);
  }
}

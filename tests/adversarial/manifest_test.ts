// Every manifest of the corpus, told to both ends that receive: a server that is pushed to, and a pull.
// Both sides hear of it with the same code, nothing appears anywhere, and the server serves on.

import assert from "node:assert/strict";
import { MANIFEST_LIES, type ManifestLie } from "./corpus/manifests.ts";
import { assertRefused, Ground } from "./ground.ts";
import { ABANDONED, type HostileSender, play, type Role, ROLES, TREE } from "./hostile_sender.ts";

for (const role of ROLES) {
  const receiver = role === "client" ? "a server" : "a pull";
  for (const [about, lies] of Object.entries(MANIFEST_LIES)) {
    Deno.test(`${receiver} refuses manifests that lie about ${about}`, async (t) => {
      await using ground = await Ground.open();
      for (const lie of lies) {
        // Behind one that was believed the ground is another.
        if (!await t.step(lie.what, () => tell(ground, lie, role))) return;
      }
      if (role === "client") await ground.assertServes();
    });
  }
}

async function tell(ground: Ground, lie: ManifestLie, role: Role): Promise<void> {
  const { sources = [TREE], ends, fails, places = [] } = lie;
  const summary = await play(ground, role, {
    sources,
    script: async (sender) => {
      lie.say(sender);
      if (ends === undefined) {
        await takeFailures(sender, fails ?? {});
        // An entry that fails leaves the transfer to the one who left it.
        sender.abandon();
      } else assert.equal(await sender.refusal(), ends);
    },
  });
  assertRefused(summary, ends ?? ABANDONED);
  const to = role === "client" ? "root" : "into";
  await ground.assertUntouched(places.map((path) => `${to}/${path}`));
  await ground.assertTidy();
}

/** The receiver says of each entry named that it fails; nothing of the manifest is closed by then. */
async function takeFailures(
  { peer }: HostileSender,
  fails: Readonly<Record<number, string>>,
): Promise<void> {
  const found: Record<number, string> = {};
  while (Object.keys(found).length < Object.keys(fails).length) {
    for (const { entry, code } of (await peer.take("failed")).failures) found[entry] = code;
  }
  assert.deepEqual(found, fails);
}

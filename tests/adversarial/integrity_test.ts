// A sender that lies about what it sends as a whole: about a file's digest, which fails that file alone,
// and about the root, which ends the transfer with 13 and without a receipt. At both ends that receive.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assertRefused, Ground } from "./ground.ts";
import {
  content,
  directoryEntry,
  fileEntry,
  type HostileSender,
  play,
  type Role,
  ROLES,
  TREE,
  within,
} from "./hostile_sender.ts";

/** A receiver that believes the lie says nothing: that is a failed test, not a hung one. */
const PATIENCE_MS = 20_000;
const ONE = content("what was sent");
const OTHER = content("and its sibling");

/** Announces two files and sends their bytes, which are right. */
async function sendBoth(sender: HostileSender): Promise<void> {
  sender.announce([directoryEntry("tree"), fileEntry("tree/a", ONE), fileEntry("tree/b", OTHER)]);
  sender.end();
  await sender.wholeLane([
    sender.frame([{ entry: 1, bytes: ONE }]),
    sender.frame([{ entry: 2, bytes: OTHER }]),
  ]);
}

function receivedBy(ground: Ground, role: Role): string {
  return ground.place.path(role === "client" ? "root/tree" : "into/tree");
}

/** The entry that the receiver gives up, and why; another word where it gives up none in time. */
async function failureIn(sender: HostileSender): Promise<string> {
  return await within(PATIENCE_MS, async () => {
    const { failures: [failure] } = await sender.peer.take("failed");
    return `${failure?.entry} ${failure?.code}`;
  });
}

for (const role of ROLES) {
  const receiver = role === "client" ? "a server" : "a pull";

  Deno.test(`${receiver} ends a transfer whose root is another, and signs nothing`, async () => {
    await using ground = await Ground.open();
    const summary = await play(ground, role, {
      sources: [TREE],
      script: async (sender) => {
        await sendBoth(sender);
        sender.seal(1, ONE);
        sender.seal(2, OTHER);
        sender.finish({ root: new Uint8Array(32).fill(7) });
        assert.equal(await sender.refusal(), "integrity");
      },
    });
    assertRefused(summary, "integrity");
    assert.equal(summary.error?.exit, 13);
  });

  Deno.test(`${receiver} does not put a file in place whose digest is another`, async () => {
    await using ground = await Ground.open();
    const summary = await play(ground, role, {
      sources: [TREE],
      script: async (sender) => {
        await sendBoth(sender);
        sender.seal(1, ONE, { digest: sender.fileDigest(OTHER) });
        sender.seal(2, OTHER);
        assert.equal(await failureIn(sender), "1 integrity");
        sender.finish();
        const receipt = await sender.peer.take("receipt");
        assert.deepEqual([receipt.files, receipt.failed], [1, 1]);
        sender.peer.send({ type: "done", transfer: sender.transfer });
      },
    });
    assert.equal(summary.ok, false);
    const to = receivedBy(ground, role);
    assert.equal(existsSync(join(to, "a")), false);
    assert.deepEqual(new Uint8Array(readFileSync(join(to, "b"))), OTHER);
  });

  Deno.test(`${receiver} does not put a file in place that is sealed before its bytes are those`, async () => {
    await using ground = await Ground.open();
    const summary = await play(ground, role, {
      sources: [TREE],
      script: async (sender) => {
        sender.announce([directoryEntry("tree"), fileEntry("tree/a", ONE)]);
        sender.end();
        sender.seal(1, ONE);
        const flipped = ONE.slice();
        flipped[3]! ^= 1;
        // True of itself, and not what the sender stands by.
        await sender.wholeLane([sender.frame([{ entry: 1, bytes: flipped }])]);
        assert.equal(await failureIn(sender), "1 integrity");
        sender.finish();
        assert.equal((await sender.peer.take("receipt")).files, 0);
        sender.peer.send({ type: "done", transfer: sender.transfer });
      },
    });
    assert.equal(summary.ok, false);
    assert.equal(existsSync(join(receivedBy(ground, role), "a")), false);
  });

  Deno.test(`${receiver} takes no more bytes in all than can be counted`, async () => {
    await using ground = await Ground.open();
    const summary = await play(ground, role, {
      sources: [TREE],
      script: async (sender) => {
        // Each is more than may be one file, and fails alone; together they are more than a number holds.
        const files = ["a", "b"].map((name) => fileEntry(`tree/${name}`, Number.MAX_SAFE_INTEGER));
        sender.announce([directoryEntry("tree"), ...files]);
        assert.equal(await sender.refusal(), "limit");
      },
    });
    assertRefused(summary, "limit");
    await ground.assertUntouched();
    await ground.assertTidy();
  });
}

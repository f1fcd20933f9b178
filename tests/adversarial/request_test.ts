// A server that answers a pull with what nobody asked for (CVE-2019-6111, CVE-2022-29154): in the offer,
// where it is refused before anything is made, and in the manifest. tests/session/hostile_server_test.ts
// has filters and lists of files.

import assert from "node:assert/strict";
import type { Entry, OfferedSource } from "../../src/wire/messages.ts";
import { assertRefused, Ground } from "./ground.ts";
import {
  ABANDONED,
  content,
  directoryEntry,
  FILE,
  fileEntry,
  linkEntry,
  pullFrom,
  TREE,
} from "./hostile_sender.ts";

const CONTENTS: OfferedSource = { ...TREE, contents: true };
const X = content("x");

/** What is asked for, and what is offered for it. */
const OFFERS: Record<
  string,
  readonly [paths: readonly string[], sources: readonly OfferedSource[]]
> = {
  "a name more": [["f"], [FILE, { ...FILE, name: ".bashrc" }]],
  "another name": [["f"], [{ ...FILE, name: ".bashrc" }]],
  "a name that only begins so": [["f"], [{ ...FILE, name: "f2" }]],
  "a name in other case": [["f"], [{ ...FILE, name: "F" }]],
  "contents for a file": [["f"], [{ ...FILE, kind: "directory", contents: true }]],
  "contents for a directory by its name": [["tree"], [CONTENTS]],
  "a directory by its name for contents of the root": [[""], [TREE]],
  "a link for contents of the root": [[""], [{ name: "l", kind: "link", contents: false }]],
  "a directory above, by its name": [["a/b"], [{ ...TREE, name: "a" }]],
  "one source twice": [["f", "f2"], [FILE, FILE]],
  "sources in another order": [["f", "tree"], [TREE, FILE]],
  "nothing": [["f"], []],
};

for (const [what, [paths, sources]] of Object.entries(OFFERS)) {
  Deno.test(`a pull refuses an offer of ${what}, and nothing is made`, async () => {
    await using ground = await Ground.open();
    const script = () => assert.fail("it was accepted");
    assertRefused(await pullFrom(ground, paths, { sources, script }), "refused");
    await ground.assertUntouched();
    await ground.assertTidy();
  });
}

/** Entries that belong to no source, or to the directory that holds them. */
const MANIFESTS: Record<
  string,
  readonly [sources: readonly OfferedSource[], entries: readonly Entry[], end: string]
> = {
  "the directory that is received into": [
    [CONTENTS],
    [directoryEntry(".", { mode: 0o7777 })],
    "fails",
  ],
  "the directory above": [[CONTENTS], [directoryEntry("..", { mode: 0o7777 })], "fails"],
  "an entry without a name": [[CONTENTS], [directoryEntry("", { mode: 0o777 })], "fails"],
  "what a link leads to, in place of the file asked for": [
    [FILE],
    [linkEntry("f", "../beside"), fileEntry("f/secret", X)],
    "protocol",
  ],
  "entries under a file": [
    [FILE],
    [fileEntry("f", X), fileEntry("f/authorized_keys", X)],
    "protocol",
  ],
  "a neighbour of the file asked for": [
    [FILE],
    [fileEntry(".bashrc", X), fileEntry("f", X)],
    "protocol",
  ],
  "a neighbour of the directory asked for": [
    [TREE],
    [directoryEntry(".ssh"), directoryEntry("tree")],
    "protocol",
  ],
};

for (const [what, [sources, entries, end]] of Object.entries(MANIFESTS)) {
  Deno.test(`a pull refuses entries that are ${what}`, async () => {
    await using ground = await Ground.open();
    const paths = sources.map(({ name, contents }) => contents ? `${name}/` : name);
    const summary = await pullFrom(ground, paths, {
      sources,
      script: async (sender) => {
        sender.announce(entries);
        if (end !== "fails") return assert.equal(await sender.refusal(), end);
        const { failures } = await sender.peer.take("failed");
        assert.deepEqual(failures.map(({ code }) => code), ["bad_name"]);
        sender.abandon();
      },
    });
    assertRefused(summary, end === "fails" ? ABANDONED : "protocol");
    await ground.assertUntouched();
    await ground.assertTidy();
  });
}

// Manifests that lie, as data: what is announced and how a receiver at either end of a session has to
// take it. A lie about the whole ends the transfer; one about an entry fails that entry alone.

import type { ErrorCode } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Entry, OfferedSource } from "../../../src/wire/messages.ts";
import {
  content,
  directoryEntry,
  FILE,
  fileEntry,
  type HostileSender,
  linkEntry,
  TREE,
} from "../hostile_sender.ts";

/** A manifest, and the code with which the transfer ends or the entry named fails. */
export interface ManifestLie {
  readonly what: string;
  readonly sources?: readonly OfferedSource[];
  readonly say: (sender: HostileSender) => void;
  readonly ends?: ErrorCode;
  readonly fails?: Readonly<Record<number, ErrorCode>>;
  /** Directories that stand by then: the manifest was closed, and they were no lie. */
  readonly places?: readonly string[];
}

const tree = directoryEntry("tree");
const X = content("x");
const CONTENTS: OfferedSource = { name: "tree", kind: "directory", contents: true };
const MOST = Number.MAX_SAFE_INTEGER;

/** By what they are about. */
export const MANIFEST_LIES: Readonly<Record<string, readonly ManifestLie[]>> = {
  "their order": order(),
  "where their entries belong": places(),
  "how many there are": counts(),
  "names": names(),
  "what an entry is": kinds(),
  "what comes when": sequels(),
};

function order(): ManifestLie[] {
  return [
    lie("entries out of order", [tree, directoryEntry("tree/b"), directoryEntry("tree/a")]),
    lie("an entry twice", [tree, fileEntry("tree/a", X), fileEntry("tree/a", X)]),
    lie("a file and then a directory of one name", [
      tree,
      fileEntry("tree/a", X),
      directoryEntry("tree/a"),
    ]),
    lie("a second section where none was asked for", [tree, directoryEntry("tree/z"), tree]),
    {
      what: "a gap between its messages",
      say: (sender) => {
        sender.announce([tree]);
        sender.announce([directoryEntry("tree/a")], { first: 2 });
      },
      ends: "protocol",
    },
    {
      what: "entries said twice",
      say: (sender) => {
        sender.announce([tree]);
        sender.announce([tree], { first: 0 });
      },
      ends: "protocol",
    },
    {
      what: "its first entry not the first",
      say: (sender) => sender.announce([tree], { first: 1 }),
      ends: "protocol",
    },
  ];
}

function places(): ManifestLie[] {
  return [
    lie("a name that climbs", [directoryEntry("../evil"), tree]),
    lie("a name that climbs from within", [tree, directoryEntry("tree/../../evil")]),
    lie("an absolute name", [directoryEntry("/tmp/evil"), tree]),
    lie("a name that was not offered", [directoryEntry("other"), tree]),
    lie("a name that only begins as the one offered", [tree, directoryEntry("tree2")]),
    lie("an entry whose directory does not come", [tree, fileEntry("tree/a/b", X)]),
    lie("an entry below a file", [tree, fileEntry("tree/a", X), fileEntry("tree/a/b", X)]),
    lie("an entry below a link", [tree, linkEntry("tree/a", "."), fileEntry("tree/a/b", X)]),
    lie("an entry below a link that leads out", [
      tree,
      linkEntry("tree/a", "../../beside"),
      fileEntry("tree/a/secret", X),
    ]),
    lie("a link in place of the directory offered", [
      linkEntry("tree", "../beside"),
      fileEntry("tree/secret", X),
    ]),
    lie("an entry below a file that was offered", [fileEntry("f", X), fileEntry("f/x", X)], [FILE]),
    lie("a directory in place of the file offered", [
      directoryEntry("f"),
      fileEntry("f/x", X),
    ], [FILE]),
    lie("a link in place of the file offered", [linkEntry("f", "../beside/secret")], [FILE]),
    lie("an entry of a source that was not offered", [tree, directoryEntry("tree/a")], [TREE], [
      0,
      1,
    ]),
    lie(
      "an entry under the name of another source",
      [
        fileEntry("f", X),
        tree,
        directoryEntry("tree/a"),
      ],
      [TREE, FILE],
      [1, 0, 1],
    ),
    lie("an empty name below what was offered", [tree, directoryEntry("tree/a//b")]),
    lie("contents in a directory that does not come", [fileEntry("a/b", X)], [CONTENTS]),
    lie("contents that climb", [fileEntry("../evil", X)], [CONTENTS]),
  ];
}

function counts(): ManifestLie[] {
  const whole = [tree, fileEntry("tree/a", 5)];
  const ending = (what: string, more: Record<string, number>): ManifestLie => ({
    what,
    say: (sender) => {
      sender.announce(whole);
      sender.end(more);
    },
    ends: "protocol",
  });
  return [
    ending("more entries counted than came", { entries: 3 }),
    ending("fewer entries counted than came", { entries: 1 }),
    ending("more files counted than came", { files: 2 }),
    ending("fewer files counted than came", { files: 0 }),
    ending("more bytes counted than came", { bytes: 6 }),
    ending("fewer bytes counted than came", { bytes: 0 }),
    ending("bytes past all bounds counted", { bytes: MOST }),
    {
      what: "no entries where some were counted",
      say: (sender) => sender.end({ entries: 1 }),
      ends: "protocol",
    },
    {
      what: "files that come to more bytes together than can be counted",
      say: (sender) => {
        sender.announce([tree, fileEntry("tree/a", MOST), fileEntry("tree/b", MOST)]);
        sender.end({ bytes: MOST });
      },
      ends: "limit",
    },
    {
      what: "a file of more chunks than may be",
      say: (sender) =>
        sender.announce([tree, fileEntry("tree/a", (LIMITS.chunksPerFile + 1) * 65_536)]),
      fails: { 1: "limit" },
    },
    {
      what: "more files ahead of their chunks than may be",
      say: (sender) => {
        const most = LIMITS.openEntries + 1;
        sender.announce([tree]);
        for (let first = 0; first < most; first += LIMITS.entriesPerMessage) {
          const count = Math.min(LIMITS.entriesPerMessage, most - first);
          sender.announce(Array.from({ length: count }, (_, at) => {
            return fileEntry(`tree/${String(first + at).padStart(6, "0")}`, 1);
          }));
        }
      },
      ends: "protocol",
    },
  ];
}

function names(): ManifestLie[] {
  const bad: Record<string, string> = {
    "a component of sftpx's own": "tree/.sftpx",
    "a component of sftpx's own, in capitals": "tree/.SFTPX",
    "a part's name": "tree/.sftpx-0123",
    "a NUL": "tree/a\0b",
    "an escape": "tree/\u001b[2J",
    "a C1 control": "tree/\u009b2J",
    "a line break": "tree/a\nb",
    "a bidi override": "tree/a\u202egpj.exe",
    "a backslash": "tree/..\\..\\evil",
    "a name that is too long": `tree/${"n".repeat(LIMITS.nameBytes + 1)}`,
  };
  return Object.entries(bad).flatMap(([what, path]) => [
    failing(`a directory with ${what}`, directoryEntry(path)),
    failing(`a file with ${what}`, fileEntry(path, X)),
  ]);
}

function kinds(): ManifestLie[] {
  return [
    failing("a directory with a size", directoryEntry("tree/a", { sizeBytes: 1 })),
    failing("a directory with a target", directoryEntry("tree/a", { target: "b" })),
    failing("a link without a target", { ...linkEntry("tree/a", "b"), target: "" }),
    failing("a link with a size", linkEntry("tree/a", "b", { sizeBytes: 1 })),
    failing("a link whose target has a NUL", linkEntry("tree/a", "b\0c")),
    failing("a file with a target", fileEntry("tree/a", X, { target: "b" })),
    failing(
      "a file of another size than its stamp",
      fileEntry("tree/a", X, {
        stamp: { device: 1n, inode: 1n, sizeBytes: 2, mtimeNs: 0n, ctimeNs: 0n },
      }),
    ),
  ];
}

/** What comes at the wrong moment. */
function sequels(): ManifestLie[] {
  const closed = (sender: HostileSender) => {
    sender.announce([tree]);
    sender.end();
  };
  return [
    {
      what: "entries after its end",
      say: (sender) => {
        closed(sender);
        sender.announce([directoryEntry("tree/late")]);
      },
      ends: "protocol",
      places: ["tree"],
    },
    {
      what: "two ends",
      say: (sender) => {
        closed(sender);
        sender.end();
      },
      ends: "protocol",
      places: ["tree"],
    },
    {
      what: "a finish before its end",
      say: (sender) => {
        sender.announce([tree]);
        sender.finish();
      },
      ends: "protocol",
    },
    {
      what: "a finish that leaves a file out",
      say: (sender) => {
        sender.announce([tree, fileEntry("tree/a", 5)]);
        sender.end();
        sender.finish({ root: new Uint8Array(32) });
      },
      ends: "protocol",
      places: ["tree"],
    },
    {
      what: "a root that is not its own",
      say: (sender) => {
        sender.announce([tree]);
        sender.end();
        sender.finish({ root: new Uint8Array(32).fill(1) });
      },
      ends: "integrity",
      places: ["tree"],
    },
    {
      what: "a failure of an entry that never came",
      say: (sender) => {
        sender.announce([tree]);
        const failures = [{ entry: 7, code: "io", message: "" }];
        sender.peer.send({ type: "failed", transfer: sender.transfer, failures });
      },
      ends: "protocol",
    },
    {
      what: "a seal of an entry that never came",
      say: (sender) => {
        sender.announce([tree]);
        const files = [{ entry: 7, digest: new Uint8Array(32), kept: false }];
        sender.peer.send({ type: "sealed", transfer: sender.transfer, files });
      },
      ends: "protocol",
    },
    {
      what: "a seal of a directory",
      say: (sender) => {
        sender.announce([tree]);
        const files = [{ entry: 0, digest: new Uint8Array(32), kept: false }];
        sender.peer.send({ type: "sealed", transfer: sender.transfer, files });
      },
      ends: "protocol",
    },
    {
      what: "a seal that keeps what nobody holds",
      say: (sender) => {
        sender.announce([tree, fileEntry("tree/a", X)]);
        const files = [{ entry: 1, digest: new Uint8Array(32), kept: true }];
        sender.peer.send({ type: "sealed", transfer: sender.transfer, files });
      },
      ends: "protocol",
    },
    {
      what: "a done before any receipt",
      say: (sender) => {
        sender.announce([tree]);
        sender.peer.send({ type: "done", transfer: sender.transfer });
      },
      ends: "protocol",
    },
  ];
}

/** One that ends the transfer as `protocol`. */
function lie(
  what: string,
  entries: readonly Entry[],
  offered: readonly OfferedSource[] = [TREE],
  sources: readonly number[] = entries.map(() => 0),
): ManifestLie {
  const say = (sender: HostileSender) => {
    sender.announce(entries, { sources });
    sender.end();
  };
  return { what, sources: offered, say, ends: "protocol" };
}

/** One entry that fails as `bad_name`, below a directory that is right. */
function failing(what: string, entry: Entry): ManifestLie {
  return { what, say: (sender) => sender.announce([tree, entry]), fails: { 1: "bad_name" } };
}

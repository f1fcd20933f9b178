// What a pull did not ask for, and what no manifest, frame or receiver may say.

import type { Guard } from "./guard.ts";

const REQUEST_TEST = "tests/adversarial/request_test.ts";
const MANIFEST_TEST = "tests/adversarial/manifest_test.ts";
const FRAME_TEST = "tests/adversarial/frame_test.ts";
const RECEIVER_TEST = "tests/adversarial/receiver_test.ts";
const HOSTILE_TEST = "tests/session/hostile_server_test.ts";

const PLACES = "a server refuses manifests that lie about where their entries belong";
const RECORDS = "a server believes no frames that lie about their records";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "a server that would have more connections than there may be",
    file: "src/session/joining.ts",
    text: "missing > 0 && this.#nextNumber < this.mostConnections",
    without: "missing > 0",
    test: "tests/session/lanes_test.ts",
    name: "a server gets no more connections out of a client than there may be",
  },
  {
    refuses: "more connections, dialled before the server said how many it takes, than it takes",
    file: "src/session/joining.ts",
    text: "if (this.#nextNumber >= this.mostConnections) throw",
    without: "if (this.#nextNumber < 0) throw",
    test: "src/session/joining_test.ts",
    name: "no more of those that were dialled early join than the server allows",
  },
  {
    refuses: "a server that would have connections where the user said how many",
    file: "src/session/client_session.ts",
    text: "if (this.#joining.connections === 0) this.#joining.widen(goal);",
    without: "this.#joining.widen(goal);",
    test: "tests/session/lanes_test.ts",
    name: "a server gets none out of a client whose user said how many",
  },
  {
    refuses: "an offer of other sources than were asked for",
    file: "src/session/pull_request.ts",
    text: "if (isWanted(request.sources[asked++]!.path, offered)) return true;",
    without: "if (asked++ >= 0) return true;",
    test: REQUEST_TEST,
    name: "a pull refuses an offer of another name, and nothing is made",
  },
  {
    refuses: "an offer of more sources than were asked for",
    file: "src/session/pull_request.ts",
    text:
      "      if (isWanted(request.sources[asked++]!.path, offered)) return true;\n    }\n    return false;",
    without:
      "      if (isWanted(request.sources[asked++]!.path, offered)) return true;\n    }\n    return true;",
    test: REQUEST_TEST,
    name: "a pull refuses an offer of a name more, and nothing is made",
  },
  {
    refuses: "an offer of nothing",
    file: "src/session/pull_request.ts",
    text: " && offer.sources.length > 0) return;",
    without: ") return;",
    test: REQUEST_TEST,
    name: "a pull refuses an offer of nothing, and nothing is made",
  },
  {
    refuses: "contents in place of a name",
    file: "src/session/pull_request.ts",
    text: `if (contents) return kind === "directory" && (path === "" || endsOpen(path));`,
    without: `if (contents) return kind === "directory";`,
    test: REQUEST_TEST,
    name: "a pull refuses an offer of contents for a directory by its name, and nothing is made",
  },
  {
    refuses: "a server's word that deletes",
    file: "src/session/pull_request.ts",
    text: "wanted && sameRun && !offer.delete &&",
    without: "wanted && sameRun &&",
    test: HOSTILE_TEST,
    name: "pull() refuses an offer that would delete at this end, and nothing is gone",
  },
  {
    refuses: "entries that the client's own filters exclude, or its list does not name",
    file: "src/engine/manifest_check.ts",
    text: "if (this.#isAsked?.(entry) === false) throw notAsked();",
    without: "",
    test: "src/engine/manifest_check_test.ts",
    name: "ManifestCheck refuses what this end did not ask for",
  },
  {
    refuses: "an entry whose directory does not come",
    file: "src/engine/manifest_check.ts",
    text: "      if (!this.#hasParent(entry.path, slash)) {",
    without: "      if (false as boolean) {",
    test: MANIFEST_TEST,
    name: PLACES,
  },
  {
    refuses: "entries through a link in place of a directory",
    file: "src/engine/manifest_check.ts",
    text: `if (entry.kind === "directory") this.#keep(entry.path);`,
    without: `if (entry.kind !== "file") this.#keep(entry.path);`,
    test: MANIFEST_TEST,
    name: PLACES,
  },
  {
    refuses: "an entry under the name of another source",
    file: "src/engine/manifest_check.ts",
    text:
      'if (!entry.path.startsWith(`${offered.name}/`)) throw broken("an entry was not offered");',
    without: "",
    test: MANIFEST_TEST,
    name: PLACES,
  },
  {
    refuses: "an entry of another name or kind than was offered",
    file: "src/engine/manifest_check.ts",
    text:
      "if (!offered.contents && (entry.path !== offered.name || entry.kind !== offered.kind)) {",
    without: "if (false as boolean) {",
    test: MANIFEST_TEST,
    name: PLACES,
  },
  {
    refuses: "entries out of order, and twice",
    file: "src/engine/manifest_check.ts",
    text: `if (!this.#mayBeginAnew) throw broken("its entries are not in ascending order");`,
    without: "",
    test: MANIFEST_TEST,
    name: "a server refuses manifests that lie about their order",
  },
  {
    refuses: "entries that do not follow each other",
    file: "src/engine/intake.ts",
    text: "    if (first !== this.#check.count || this.#settlement.entries.isClosed) {",
    without: "    if (false as boolean) {",
    test: "tests/simulation/lies_test.ts",
    name: "entries that do not follow each other end the transfer",
  },
  {
    refuses: "files announced past what is held for them",
    file: "src/engine/receive_files.ts",
    text: "    if (!this.#files.hasRoom(chunks)) {",
    without: "    if (false as boolean) {",
    test: MANIFEST_TEST,
    name: "a server refuses manifests that lie about how many there are",
  },
  {
    refuses: "a seal that keeps what is not held",
    file: "src/engine/receive_files.ts",
    text: `if (sealed.kept && !file.mayBeKept) throw violation("a file is kept that is not held");`,
    without: "",
    test: MANIFEST_TEST,
    name: "a server refuses manifests that lie about what comes when",
  },
  {
    refuses: "a chunk outside its file",
    file: "src/engine/arrivals.ts",
    text: `      throw violation("a chunk lies outside its file");`,
    without: "",
    test: FRAME_TEST,
    name: RECORDS,
  },
  {
    refuses: "a chunk of an entry that never came",
    file: "src/engine/intake.ts",
    text: `      throw violation("a chunk is of an entry that was not announced");`,
    without: "",
    test: FRAME_TEST,
    name: RECORDS,
  },
  {
    refuses: "a chunk called the same that is not held",
    file: "src/engine/arrivals.ts",
    text: `      throw violation("a chunk is called the same that is not held");`,
    without: "",
    test: FRAME_TEST,
    name: RECORDS,
  },
  {
    refuses: "a frame of another transfer on a lane",
    file: "src/session/lane_reader.ts",
    text: "if (header.transfer !== channel.transfer) throw strayFrame();",
    without: "",
    test: FRAME_TEST,
    name: "a server believes no frames that lie about their headers",
  },
  {
    refuses: "chunks held past the end of a file",
    file: "src/engine/send_verdicts.ts",
    text: `if (first < file.heldEnd || last + count > file.chunks) throw outOfPlace("have");`,
    without: "",
    test: RECEIVER_TEST,
    name: "a push does not believe a receiver that lies",
  },
  {
    refuses: "a verdict twice, or of an entry that never came",
    file: "src/engine/send_verdicts.ts",
    text: `if (file === undefined || file.decided) throw outOfPlace("need");`,
    without: "if (file === undefined || file.decided) continue;",
    test: RECEIVER_TEST,
    name: "a push does not believe a receiver that lies",
    hangs: true,
  },
  {
    refuses: "frames stored that were never sent",
    file: "src/engine/frame_planner.ts",
    text: `if (first + count > this.#nextFrame) throw outOfPlace("stored");`,
    without: "",
    test: RECEIVER_TEST,
    name: "a push does not believe a receiver that lies",
    hangs: true,
  },
];

// Guards of integrity: what was not verified has no final name, and what was not agreed on no receipt.

import type { Guard } from "./guard.ts";

const PARANOID = "tests/session/paranoid_test.ts";
const LIES = "tests/adversarial/integrity_test.ts";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "a chunk whose bytes do not match its digest",
    file: "src/pool/land.ts",
    text: "if (equalBytes(this.#codecs.hash.digest(bytes), record.digest)) return bytes;",
    without: "if (bytes.length > 0 || record.digest) return bytes;",
    test: "src/pool/land_test.ts",
    name: "a flipped bit fails its chunk as integrity; nothing is written for it; others land",
  },
  {
    refuses: "a copied chunk that is not what was compared",
    file: "src/pool/land.ts",
    text:
      "if (got === rawBytes && equalBytes(this.#codecs.hash.digest(bytes), digest)) return bytes;",
    without: "if (got === rawBytes || digest.length === 0) return bytes;",
    test: "src/pool/land_test.ts",
  },
  {
    refuses: "to journal what a failed sync may have lost",
    file: "src/store/chunk_journal.ts",
    text: "if (this.#lost !== null) throw this.#lost;",
    without: "",
    test: "src/store/receive_test.ts",
    name: "a failed sync is final: what it could not write is never journalled (I2)",
  },
  {
    refuses: "a file whose digest is not the one that the sender stands by",
    file: "src/engine/receive_files.ts",
    text: "if (!equalBytes(digest, file.sealed.digest)) {",
    without: "if (digest.length === 0) {",
    test: LIES,
    name: "a server does not put a file in place whose digest is another",
  },
  {
    refuses: "a finish whose root is another",
    file: "src/engine/settlement.ts",
    text: "if (!equalBytes(root, message.root)) {",
    without: "if (root.length === 0) {",
    test: LIES,
    name: "a server ends a transfer whose root is another, and signs nothing",
  },
  {
    refuses: "a root that comes before the manifest is closed",
    file: "src/engine/settlement.ts",
    text: "if (!this.isClosed || this.#finish !== null) throw",
    without: "if (this.#finish !== null) throw",
    test: "src/engine/settlement_test.ts",
  },
  {
    refuses: "a receipt that the peer did not sign",
    file: "src/session/receipt.ts",
    text: "await verifyReceipt(peer, statementOf(ends, receipt), receipt.signature);",
    without: "receipt.signature.length > 0;",
    test: "tests/session/hostile_server_test.ts",
    name: "push() takes a receipt with more files than were signed for no success",
  },
  {
    refuses: "a receipt that another identity signed",
    file: "src/session/receipt.ts",
    text: "equalBytes(receipt.identity, peer) &&",
    without: "receipt.identity.length > 0 &&",
    test: "tests/session/hostile_server_test.ts",
    name: "push() takes a receipt with another identity for no success",
  },
  {
    refuses: "to commit what is not read back as it was verified",
    file: "src/engine/receive_files.ts",
    text: "if (equalBytes(digest, whole.digest)) {",
    without: "if (digest.length > 0) {",
    test: PARANOID,
    name: 'a byte of "b" that changes before its commit keeps all of an atomic push back',
  },
  {
    refuses: "to commit before it was read back",
    file: "src/engine/settlement.ts",
    text: "if (this.#rereading === null || file.chunks === 0) this.#queue.push(whole);",
    without: "if (this.#rereading === null || file.chunks > 0) this.#queue.push(whole);",
    test: PARANOID,
    name: "a byte that changes in what a push left behind fails its entry alone, once",
  },
  {
    refuses: "to place anything of an atomic transfer before all of it was read back",
    file: "src/engine/settlement.ts",
    text: "if (this.#atomic && this.#rereading?.isIdle === false) return this.#pollReread();",
    without: "if (this.#atomic && this.#rereading?.isIdle === null) return this.#pollReread();",
    test: "tests/simulation/simulation_test.ts",
    name: "with atomic, a bit that flips before the commit keeps every entry from its name",
  },
  {
    refuses: "to believe the journal of a part that was not read back as it was",
    file: "src/session/receive_run.ts",
    text: 'case "distrust":\n        await store.forget(begun.id, action.chunks);',
    without: 'case "distrust":',
    test: PARANOID,
    name: "a byte that changes in what a push left behind fails its entry alone, once",
  },
  {
    refuses: "to read another file in place of the part",
    file: "src/pool/reread.ts",
    text: "if (!stat.isFile() || stat.size !== sizeBytes) throw",
    without: "if (!stat.isFile()) throw",
    test: "src/pool/reread_test.ts",
    name: "Rereader answers nothing for a file of another size, a link, a directory or none",
  },
  {
    refuses: "a part of another size at its commit",
    file: "src/store/disk.ts",
    text: "if (!stat.isFile() || stat.size !== finish.sizeBytes) return false;",
    without: "if (!stat.isFile()) return false;",
    test: "src/store/disk_test.ts",
    name: "DISK.finish() refuses another size, a directory for a file, and a link",
  },
  {
    refuses: "to keep a standing file that changed since it was compared",
    file: "src/store/commit.ts",
    text: "if (stat === null || !sameStamp(stampOf(stat), file.standing)) {",
    without: "if (stat === null) {",
    test: "src/store/receive_test.ts",
  },
];

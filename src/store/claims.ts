// Which final paths the transfers that run on a root write to, so that no two write to one place and
// nothing is ever a mix of both. A claim is a row that counts while the lock of its key is held: the
// kernel gives that back for the dead, so a claim never outlives its transfer.

import { toBase32, toHex } from "../base/bytes.ts";
import type { SftpxError } from "../base/errors.ts";
import { foldPath } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import { type Database, type FileLock, inTransaction } from "../runtime/database.ts";
import { busyWith } from "./in_the_way.ts";
import { bytesOf } from "./journal_rows.ts";
import type { ReceiveTransfer } from "./store.ts";

/** Who claims. */
export type Claimant = Pick<ReceiveTransfer, "key" | "peer" | "mayRead">;

export interface ClaimContext {
  readonly database: Database;
  readonly ignoresCase: boolean;
  /** Whether the lock of a resume key is held. */
  readonly isLocked: (key: Uint8Array) => boolean;
}

/** The lock of a resume key in the hands of its transfer, and what is claimed under it. */
export class Hold {
  readonly #lock: FileLock;
  readonly #claimant: Claimant;
  readonly #context: ClaimContext;

  constructor(lock: FileLock, claimant: Claimant, context: ClaimContext) {
    this.#lock = lock;
    this.#claimant = claimant;
    this.#context = context;
  }

  /**
   * Claims final paths, each with all below it; an empty one is the root. `busy` when another transfer
   * that runs has claimed one of them, one above or one below. Looking and claiming are one step among
   * all processes, and each has locked its key before: of two that begin at once one is the first.
   */
  claim(paths: readonly string[]): void {
    const { database } = this.#context;
    const { key, peer } = this.#claimant;
    inTransaction(database, () => {
      database.prepare("DELETE FROM claims WHERE key = ?").run(key);
      const others = database.prepare("SELECT 1 FROM claims LIMIT 1").get() !== undefined;
      const insert = database.prepare("INSERT OR IGNORE INTO claims VALUES (?, ?, ?)");
      for (const path of paths) {
        const folded = this.#context.ignoresCase ? foldPath(path) : path.normalize("NFC");
        if (others) this.#refuseOverlap(path, folded);
        insert.run(folded, key, peer);
      }
    });
  }

  /** Gives all of it back. */
  discard(): void {
    try {
      this.#context.database.prepare("DELETE FROM claims WHERE key = ?").run(this.#claimant.key);
    } catch {
      // Without its lock the row is no claim.
    } finally {
      this.#lock.discard();
    }
  }

  #refuseOverlap(path: string, folded: string): void {
    const { database, isLocked } = this.#context;
    const own = toHex(this.#claimant.key);
    const isDead = new Map<string, boolean>();
    for (const row of overlapping(database, folded)) {
      const key = bytesOf(row["key"]);
      const name = toHex(key);
      if (name === own) continue;
      if (!isDead.has(name)) isDead.set(name, !isLocked(key));
      if (isDead.get(name)) database.prepare("DELETE FROM claims WHERE key = ?").run(key);
      else throw this.#busy(path, { key, peer: bytesOf(row["peer"]) });
    }
  }

  /** Names the place as this transfer has it: what the other one's is may be nobody's to know. */
  #busy(path: string, { key, peer }: { key: Uint8Array; peer: Uint8Array }): SftpxError {
    const { mayRead, peer: own } = this.#claimant;
    const isOwn = toHex(peer) === toHex(own);
    const whose = isOwn ? "of the same peer" : mayRead ? `of ${toBase32(peer)}` : "of another peer";
    const place = path === "" ? "the same directory" : `"${escapeText(path)}"`;
    return busyWith(
      key,
      `Cannot begin the transfer: another one, ${whose}, is writing to ${place}`,
    );
  }
}

/** Claims of a path, of one above it, or of one below it. */
function overlapping(database: Database, path: string): Record<string, unknown>[] {
  if (path === "") return database.prepare("SELECT key, peer FROM claims").all();
  const names = path.split("/");
  const above = ["", ...names.map((_, i) => names.slice(0, i + 1).join("/"))];
  // "0" is what follows "/".
  return database.prepare(
    "SELECT key, peer FROM claims WHERE path IN (SELECT value FROM json_each(?)) " +
      "OR (path > ? AND path < ?)",
  ).all(JSON.stringify(above), `${path}/`, `${path}0`);
}

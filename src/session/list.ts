// Naming what stands at a path on a server, without fetching it. What the server says is checked here
// for order, bounds and shape (I3); its text is handed on as it came, for the caller to escape.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { comparePaths } from "../base/path.ts";
import { untilAborted } from "../transport/addresses.ts";
import { requireRead } from "../trust/grant.ts";
import { entryProblem } from "../wire/entry.ts";
import type { Entry, TransferMessage } from "../wire/messages.ts";
import { onChannel } from "./abort.ts";
import { ClientSession } from "./client_session.ts";
import { refusal } from "./control_channel.ts";
import type { TransferChannel } from "./hub.ts";
import type { ListOptions } from "./options.ts";

/** The only exchange of a client's session. */
const TRANSFER = 1;

/** Lists a remote path: `onEntry` in path-byte order. Throws what stopped it. */
export async function list(options: ListOptions): Promise<void> {
  const { remote, signal } = options;
  try {
    // One connection carries it all.
    await using session = await ClientSession.open({ ...options, connections: 1 }, remote);
    requireRead(session.admitted, "list");
    const channel = session.hub.open(TRANSFER);
    await onChannel(channel, async () => {
      const { recursive, filters } = options;
      channel.send({ type: "list", transfer: TRANSFER, path: remote.path, recursive, filters });
      await takeListing(channel, options);
    }, { signal });
    await session.part();
  } catch (thrown) {
    throw toSftpxError(signal.aborted ? signal.reason : thrown);
  }
}

/** Takes messages up to the last. */
async function takeListing(channel: TransferChannel, options: ListOptions): Promise<void> {
  const check = new ListingCheck(options);
  for (;;) {
    const message = await untilAborted(channel.messages.take(), options.signal);
    if (message === null) {
      throw new SftpxError("lost", "Lost the peer in the middle of its listing");
    }
    if (check.take(message)) return;
  }
}

/** What is asked of a listing, and told of it. */
type ListingTaker = Pick<ListOptions, "recursive" | "onEntry" | "onOmission">;

/** What a listing may say: entries in strictly ascending order, as many as a transfer may have. */
export class ListingCheck {
  readonly #options: ListingTaker;
  readonly #mostEntries: number;
  #before: string | null = null;
  #count = 0;

  constructor(
    options: ListingTaker,
    { mostEntries = LIMITS.entriesPerTransfer }: { readonly mostEntries?: number } = {},
  ) {
    this.#options = options;
    this.#mostEntries = mostEntries;
  }

  /** Hands on what one message names; true after the last (I4). */
  take(message: TransferMessage): boolean {
    if (message.type === "abort") throw refusal(message);
    if (message.type !== "listing") throw violation(`"${message.type}" came for its listing`);
    for (const entry of message.entries) this.#entry(entry);
    for (const omission of message.omissions) {
      this.#add();
      this.#options.onOmission(omission);
    }
    return message.last;
  }

  #entry(entry: Entry): void {
    this.#add();
    const problem = entryProblem(entry);
    if (problem !== null) {
      const message = `Cannot list it: ${problem}`;
      return this.#options.onOmission({ path: entry.path, code: "bad_name", message });
    }
    if (this.#before !== null && comparePaths(this.#before, entry.path) >= 0) {
      throw violation("its listing is out of order");
    }
    if (!this.#options.recursive && entry.path.includes("/")) {
      throw violation("its listing goes deeper than asked");
    }
    this.#before = entry.path;
    this.#options.onEntry(entry);
  }

  #add(): void {
    if (++this.#count <= this.#mostEntries) return;
    const found = `the server names more than ${this.#mostEntries} entries`;
    throw new SftpxError("limit", `Cannot list: ${found}`, { remote: true });
  }
}

function violation(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot list: ${found}`, { remote: true });
}

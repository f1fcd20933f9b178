// The server's answer to `list`: what stands at a path, named and not sent. Only under the grant's
// root and only to a grant that may read (I5); without stamps, which only a transfer needs.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Store, WalkSource } from "../store/store.ts";
import { type Admitted, requireRead } from "../trust/grant.ts";
import type { Entry, List, Listing, Omission } from "../wire/messages.ts";
import { whenAborted } from "./abort.ts";
import { refusal } from "./control_channel.ts";
import type { TransferChannel } from "./hub.ts";
import { resolveServedSource } from "./sources.ts";

/** Bytes of one Listing: entries and omissions together stay below one control message. */
const LISTING_BYTES = LIMITS.controlMessageBytes / 2;

export interface ServeListOptions {
  /** Directory served. */
  readonly root: string;
  readonly admitted: Admitted;
  readonly store: Store;
  readonly signal: AbortSignal;
}

/** What was told, for the access log. */
export interface Listed {
  readonly entries: number;
}

/**
 * Answers one `list` to its last message. Throws what went wrong, `refused` first of all; telling the
 * peer is the caller's. The channel is closed in any case.
 */
export async function serveList(
  channel: TransferChannel,
  first: List,
  options: ServeListOptions,
): Promise<Listed> {
  using ended = new PeerEnd(channel, { signal: options.signal });
  const { signal } = ended;
  try {
    requireRead(options.admitted, "list");
    const source = await sourceOf(first.path, options);
    const listing = new ListingWriter(channel);
    const { filters, recursive } = first;
    for await (const batch of options.store.walk([source], { filters, recursive, signal })) {
      for (const entry of batch.entries) await listing.add(entry);
      for (const { path, code, message } of batch.notices) {
        if (code !== null) await listing.omit({ path, code, message });
      }
    }
    signal.throwIfAborted();
    return await listing.end();
  } catch (thrown) {
    throw toSftpxError(signal.aborted ? signal.reason : thrown);
  } finally {
    channel.close();
  }
}

/** A directory is listed by what it holds, whether or not its path ends in `/`; all else as itself. */
async function sourceOf(path: string, options: ServeListOptions): Promise<WalkSource> {
  const { root, admitted: { grant } } = options;
  const { walk, offered } = await resolveServedSource(root, path, { grantRoot: grant.root });
  return offered.kind === "directory" ? { ...walk, contents: true } : walk;
}

/**
 * What the peer says once it was told what it asked for: nothing but that it does not want it. The session's
 * signal ends it too, and holds nothing of it afterwards, as `AbortSignal.any` would.
 */
class PeerEnd implements Disposable {
  readonly #stop = new AbortController();
  readonly #stopped: Disposable;
  #isOver = false;

  constructor(channel: TransferChannel, { signal }: { readonly signal: AbortSignal }) {
    this.#stopped = whenAborted(signal, (reason) => this.#stop.abort(reason));
    channel.messages.take().then((message) => {
      if (this.#isOver || message === null) return;
      this.#stop.abort(
        message.type === "abort"
          ? refusal(message)
          : new SftpxError("protocol", `Cannot list: "${message.type}" is out of place`, {
            remote: true,
          }),
      );
    }, (lost) => this.#stop.abort(lost));
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#stopped[Symbol.dispose]();
  }
}

type ListingChannel = Pick<TransferChannel, "transfer" | "send" | "flushed">;

/** Entries on their way out, in messages that fit, no faster than the peer takes them (I8). */
export class ListingWriter {
  readonly #channel: ListingChannel;
  readonly #mostEntries: number;
  #entries: Entry[] = [];
  #omissions: Omission[] = [];
  #bytes = 0;
  #count = 0;

  constructor(
    channel: ListingChannel,
    { mostEntries = LIMITS.entriesPerTransfer }: { readonly mostEntries?: number } = {},
  ) {
    this.#channel = channel;
    this.#mostEntries = mostEntries;
  }

  async add({ stamp: _, ...entry }: Entry): Promise<void> {
    if (this.#count >= this.#mostEntries) {
      const found = `it holds more than ${this.#mostEntries} entries`;
      throw new SftpxError("limit", `Cannot list: ${found}`);
    }
    const { length } = entry.path;
    await this.#makeRoom(128 + 3 * (length + (entry.target?.length ?? 0)));
    this.#entries.push(entry);
    this.#count++;
    if (this.#entries.length >= LIMITS.entriesPerMessage) await this.#flush();
  }

  async omit(omission: Omission): Promise<void> {
    await this.#makeRoom(128 + 3 * (omission.path.length + omission.message.length));
    this.#omissions.push(omission);
    if (this.#omissions.length >= LIMITS.omissionsPerMessage) await this.#flush();
  }

  async end(): Promise<Listed> {
    this.#send(true);
    await this.#channel.flushed();
    return { entries: this.#count };
  }

  async #makeRoom(bytes: number): Promise<void> {
    if (this.#bytes > 0 && this.#bytes + bytes > LISTING_BYTES) await this.#flush();
    this.#bytes += bytes;
  }

  async #flush(): Promise<void> {
    this.#send(false);
    await this.#channel.flushed();
  }

  #send(last: boolean): void {
    const listing: Listing = {
      type: "listing",
      transfer: this.#channel.transfer,
      entries: this.#entries,
      omissions: this.#omissions,
      last,
    };
    this.#channel.send(listing);
    this.#entries = [];
    this.#omissions = [];
    this.#bytes = 0;
  }
}

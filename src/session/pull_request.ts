// The asking half of a pull: which server, which sources, where they land. Refuses an offer of what was
// not asked for.

import { mkdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { equalBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { diskError } from "../store/disk_error.ts";
import { untilAborted } from "../transport/addresses.ts";
import type { Offer, TransferMessage } from "../wire/messages.ts";
import { formatCompression } from "./compression.ts";
import { refusal } from "./control_channel.ts";
import type { TransferChannel } from "./hub.ts";
import type { PullOptions, Remote } from "./options.ts";
import { endsOpen } from "./sources.ts";

/** Asks for the remote sources; answers the server's offer once it is what was asked for. */
export async function requestOffer(options: PullOptions, channel: TransferChannel): Promise<Offer> {
  channel.send({
    type: "request",
    transfer: channel.transfer,
    sources: options.remotes.map(({ path }) => ({ path })),
    chunkBytes: options.chunkBytes,
    compress: formatCompression(options.compression),
    lanes: options.lanes,
  });
  const message = await untilAborted(channel.messages.take(), options.signal);
  const offer = expectOffer(message);
  checkRequested(options.remotes, offer);
  return offer;
}

function expectOffer(message: TransferMessage | null): Offer {
  if (message?.type === "offer") return message;
  if (message?.type === "abort") throw refusal(message);
  throw new SftpxError("protocol", "Cannot pull: the server sent no offer", { remote: true });
}

/** Refuses sources nobody asked for (CVE-2019-6111 and its like). */
function checkRequested(remotes: readonly Remote[], offer: Offer): void {
  const wanted = remotes.every(({ path }, index) => {
    const offered = offer.sources[index];
    if (offered === undefined) return false;
    if (offered.contents) return path === "" || endsOpen(path);
    return offered.name === basename(path);
  });
  if (wanted && offer.sources.length === remotes.length) return;
  throw new SftpxError("refused", "Cannot pull: the server offers what was not asked for", {
    remote: true,
  });
}

/** Where a pull lands: the directory that gets `.sftpx`, and the path below it. */
export async function localPlace(
  given: string,
  offer: Offer,
): Promise<{ root: string; destination: string; intoDirectory: boolean }> {
  const path = resolve(given);
  const make = async (directory: string): Promise<string> => {
    try {
      await mkdir(directory, { recursive: true });
      return await realpath(directory);
    } catch (thrown) {
      throw diskError(thrown, `make "${given}"`);
    }
  };
  const several = offer.sources.length > 1;
  const treeLike = several || offer.sources.some((source) => source.kind === "directory");
  const isDirectory = await stat(path).then((found) => found.isDirectory(), () => false);
  if (treeLike || isDirectory || endsOpen(given)) {
    return { root: await make(path), destination: "", intoDirectory: true };
  }
  return { root: await make(dirname(path)), destination: basename(path), intoDirectory: false };
}

export function sameServer(remotes: readonly Remote[]): Remote {
  const first = remotes[0];
  if (first === undefined) throw new TypeError("A pull needs a source");
  for (const remote of remotes) {
    if (equalBytes(remote.identity, first.identity)) continue;
    throw new SftpxError("usage", "Cannot pull from two servers at once");
  }
  return first;
}

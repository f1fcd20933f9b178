// The asking half of a pull: which server, which sources, and what it offers for them. Refuses an
// offer of what was not asked for.

import { basename } from "node:path";
import { equalBytes, utf8Bytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { pathProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import { untilAborted } from "../transport/addresses.ts";
import { notAsked } from "../engine/manifest_check.ts";
import type { Offer, OfferedSource, Request, TransferMessage } from "../wire/messages.ts";
import { formatCompression } from "./compression.ts";
import { refusal } from "./control_channel.ts";
import { checkDelete } from "./delete_check.ts";
import type { TransferChannel } from "./hub.ts";
import { listedPaths } from "./listed_paths.ts";
import type { PullOptions, Remote } from "./options.ts";
import { endsOpen } from "./sources.ts";

/** What a server takes that does not adapt them. */
const FIRST_LANES = 4;

/** What to ask a server for; `usage` when no server could answer it. */
export function requestOf(options: PullOptions, transfer: number): Request {
  const files = options.files === null ? null : listedPaths(options.files);
  checkDelete(options, null);
  checkListed(options, files);
  return {
    type: "request",
    transfer,
    sources: options.remotes.map(({ path }) => ({
      path: options.files === null ? path : opened(path),
    })),
    chunkBytes: options.chunkBytes,
    compress: formatCompression(options.compression),
    lanes: options.lanes === 0 ? FIRST_LANES : options.lanes,
    ...adaptsOf(options),
    filters: options.filters,
    ...(files === null ? {} : { files }),
    dryRun: options.dryRun,
  };
}

/** Sends a request; answers the server's offer once it is what was asked for. */
export async function requestOffer(
  request: Request,
  { channel, signal }: { readonly channel: TransferChannel; readonly signal: AbortSignal },
): Promise<Offer> {
  channel.send(request);
  const message = await untilAborted(channel.messages.take(), signal);
  const offer = expectOffer(message);
  checkRequested(request, offer);
  return offer;
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

/** What the server may choose by what it measures. */
function adaptsOf({ connections, lanes }: PullOptions): Pick<Request, "adapts"> {
  if (connections !== 0) return lanes === 0 ? { adapts: "lanes" } : {};
  return { adapts: lanes === 0 ? "both" : "connections" };
}

function expectOffer(message: TransferMessage | null): Offer {
  if (message?.type === "offer") return message;
  if (message?.type === "abort") throw refusal(message);
  throw new SftpxError("protocol", "Cannot pull: the server sent no offer", { remote: true });
}

/**
 * Refuses sources nobody asked for (CVE-2019-6111 and its like). One that is not there is left out of
 * the offer, and told as an omission.
 */
function checkRequested(request: Request, offer: Offer): void {
  let asked = 0;
  const wanted = offer.sources.every((offered) => {
    while (asked < request.sources.length) {
      if (isWanted(request.sources[asked++]!.path, offered)) return true;
    }
    return false;
  });
  const sameRun = offer.dryRun === request.dryRun;
  // What goes away at this end is this end's to say: `localDelete` does, no server.
  if (wanted && sameRun && !offer.delete && offer.sources.length > 0) return;
  throw notAsked();
}

function isWanted(path: string, { name, kind, contents }: OfferedSource): boolean {
  if (contents) return kind === "directory" && (path === "" || endsOpen(path));
  // A grant may be for one file: only the server knows its name.
  if (path === "") return kind === "file" && !name.includes("/") && pathProblem(name) === null;
  return name === basename(path);
}

/** A path whose contents are meant: what a list of files is of. */
function opened(path: string): string {
  return path === "" || endsOpen(path) ? path : `${path}/`;
}

function checkListed(
  { files: given, remotes }: PullOptions,
  files: readonly string[] | null,
): void {
  if (given !== null && remotes.length > 1) {
    throw new SftpxError("usage", "Cannot pull listed files: they are of one source only");
  }
  if (files === null) return;
  for (const path of files) {
    const problem = pathProblem(path);
    if (problem === null) continue;
    throw new SftpxError("usage", `Cannot ask for the listed "${escapeText(path)}": ${problem}`);
  }
  const bytes = files.reduce((sum, path) => sum + utf8Bytes(path), 0);
  if (files.length <= LIMITS.filesPerRequest && bytes <= LIMITS.controlMessageBytes / 2) return;
  throw new SftpxError(
    "usage",
    `Cannot ask for ${files.length} listed files: at most ${LIMITS.filesPerRequest} go into one pull`,
  );
}

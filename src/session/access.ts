// A line of the access log: who asked for what, under which paths, and what came of it. Paths are as
// they lie under the served root, made safe to show; never a ticket, never what a file holds (I9).

import { escapeText } from "../base/text.ts";
import type { List, Measure, Offer, Request } from "../wire/messages.ts";
import { underGrant } from "./granted_place.ts";
import type { Asked, ServeEvent, TransferSummary } from "./options.ts";

export type AccessEvent = Extract<ServeEvent, { kind: "access" }>;

/** A message that opens what a client asks for. */
export type Opener = Request | Offer | List | Measure;

/** What was moved, as far as it came. */
export type Moved = Pick<AccessEvent, "files" | "bytes" | "wireBytes">;

export const NOTHING_MOVED: Moved = { files: 0, bytes: 0, wireBytes: 0 };

/** A line names so many paths at most: a request may have thousands, and may be refused all day. */
const PATHS = 8;

/** What a message asks for, and where. */
export function askedBy(
  first: Opener,
  { grantRoot }: { readonly grantRoot: string },
): Pick<AccessEvent, "asked" | "dryRun" | "paths" | "morePaths"> {
  const [asked, given] = whereTo(first);
  const paths = given.slice(0, PATHS).map((path) => escapeText(underGrant(grantRoot, path) || "."));
  const dryRun = "dryRun" in first && first.dryRun;
  return { asked, dryRun, paths, morePaths: given.length - paths.length };
}

function whereTo(first: Opener): readonly [asked: Asked, paths: readonly string[]] {
  switch (first.type) {
    case "request":
      return ["pull", first.sources.map(({ path }) => path)];
    case "offer":
      return ["push", [first.destination]];
    case "list":
      return ["list", [first.path]];
    case "measure":
      return ["measure", []];
  }
}

/** What a transfer moved and how it ended, for its line. */
export function outcomeOf(
  summary: TransferSummary,
): Moved & Pick<AccessEvent, "result" | "reason"> {
  const { files, bytes, wireBytes, error } = summary;
  return { files, bytes, wireBytes, result: error?.code ?? "ok", reason: error?.message ?? null };
}

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

/** What a message asks for, and where. */
export function askedBy(
  first: Opener,
  { grantRoot }: { readonly grantRoot: string },
): { readonly asked: Asked; readonly paths: readonly string[] } {
  const under = (path: string) => escapeText(underGrant(grantRoot, path) || ".");
  switch (first.type) {
    case "request":
      return { asked: "pull", paths: first.sources.map(({ path }) => under(path)) };
    case "offer":
      return { asked: "push", paths: [under(first.destination)] };
    case "list":
      return { asked: "list", paths: [under(first.path)] };
    case "measure":
      return { asked: "measure", paths: [] };
  }
}

/** What a transfer moved and how it ended, for its line. */
export function outcomeOf(summary: TransferSummary): Moved & Pick<AccessEvent, "result"> {
  const { files, bytes, wireBytes, error } = summary;
  return { files, bytes, wireBytes, result: error?.code ?? "ok" };
}

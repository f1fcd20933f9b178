// The access log of `serve`: what each peer asked for and what came of it, in one line that grep and
// awk can read. Pure. Nothing of a peer can end the line or forge a field.

import type { ServeEvent } from "../session/options.ts";
import { shown } from "./shown.ts";

const PATH_CHARS = 1000;

type Access = Extract<ServeEvent, { kind: "access" }>;
type Refused = Extract<ServeEvent, { kind: "peer_refused" }>;

/**
 * `access push result=ok peer=IDENTITY address=HOST:PORT path="a/b" files=1 bytes=5 wire=20
 * seconds=0.120`, in one line; a pull has a `path` for each source. After `push dry` nothing was
 * done, and what is counted is what would be. What did not go well ends with its `reason="..."`, which
 * names the restriction that refused.
 */
export function accessLine(event: Access): string {
  const { asked, result, identity, address, transfer, paths, files, bytes, wireBytes } = event;
  const { dryRun, morePaths, reason } = event;
  return [
    "access",
    ...(dryRun ? [asked, "dry"] : [asked]),
    `result=${bare(result)}`,
    `peer=${bare(identity)}`,
    `address=${bare(address)}`,
    ...(transfer === null ? [] : [`transfer=${transfer}`]),
    ...paths.map((path) => `path=${quoted(path)}`),
    ...(morePaths === 0 ? [] : [`paths=+${morePaths}`]),
    `files=${files}`,
    `bytes=${bytes}`,
    `wire=${wireBytes}`,
    `seconds=${event.seconds.toFixed(3)}`,
    ...(reason === null ? [] : [`reason=${quoted(reason)}`]),
  ].join(" ");
}

/**
 * `access enter result=refused peer=IDENTITY address=HOST:PORT times=1 reason="..."`: an authorized key
 * was turned away at the door.
 */
export function refusedLine(
  { code, identity, address, count, message }: Omit<Refused, "kind">,
): string {
  return [
    "access enter",
    `result=${bare(code)}`,
    `peer=${bare(identity ?? "")}`,
    `address=${bare(address)}`,
    `times=${count}`,
    `reason=${quoted(message)}`,
  ].join(" ");
}

/** In quotes, with quotes and backslashes of its own escaped. */
function quoted(text: string): string {
  return `"${shown(text, PATH_CHARS).replace(/["\\]/g, "\\$&")}"`;
}

/** A word without spaces, quotes and equals signs. */
function bare(text: string): string {
  return shown(text).replace(/[\s"=]/g, "_");
}

// Which links a receiving transfer makes: by its user's policy, where a link's target leads. What it
// promises is by name: a link below the root goes up only through the real directories it stands in,
// never behind a name, so that all such links together lead nowhere else. Looks, and changes nothing.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import {
  isReservedName,
  isReservedShortName,
  type NamePlatform,
  platformProblem,
} from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { Door } from "./door.ts";
import type { NameRules } from "./names.ts";
import type { LinkPolicy } from "./policy.ts";
import type { ReceiveTransfer } from "./store.ts";

/** Links that are followed before a system gives up (Linux: MAXSYMLINKS). */
const MOST_LINKS = 40;
/** Names that are remembered for one call: they may be long. */
const MOST_KNOWN = 4096;

/**
 * What stands under the names that the links of one transfer lead through. It is looked at once a call
 * of the store; and of one transfer there is an end to the names, for its peer makes them up.
 */
export class LinkNames {
  readonly #known = new Map<string, string>();
  #left: number;

  constructor(most: number = LIMITS.linkNamesPerTransfer) {
    this.#left = most;
  }

  /** Drops what was seen: others may have had their turn since. */
  forget(): void {
    this.#known.clear();
  }

  /** Something else stands at a path now. */
  changed(path: string): void {
    this.#known.delete(path);
  }

  /** Target of the link at a path, an empty text for anything else, null for nothing. */
  at(path: string, door: Door): string | null {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const found = look(path, door);
    // What is not there may come with the next link, and ends the way of this one.
    if (found === null) return null;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(path, found);
    return found;
  }

  /** Counts a name; false when the transfer's are used up. */
  count(): boolean {
    return --this.#left >= 0;
  }
}

/** What links are held to. */
export interface LinkRules {
  readonly policy: LinkPolicy;
  /** Path below the store's root that no link is to leave; empty for the root itself. */
  readonly root: string;
  readonly platform: NamePlatform;
}

/** A link as it would be made. */
interface Link {
  /** Final relative path. */
  readonly path: string;
  readonly target: string;
}

/** What the links of a transfer are held to. */
export function linkRulesOf(
  { policy, linkRoot = "" }: ReceiveTransfer,
  { platform }: NameRules,
): LinkRules {
  return { policy: policy.links, root: linkRoot, platform };
}

/** Throws `refused` for a link that the policy does not let be made; one that skips makes none. */
export function checkLink(
  link: Link,
  { rules, door, names = new LinkNames() }: {
    readonly rules: LinkRules;
    readonly door: Door;
    readonly names?: LinkNames;
  },
): void {
  if (rules.policy === "keep") return;
  const problem = leavingProblem(link, rules) ?? standingProblem(link, { rules, door, names });
  if (problem === null) return;
  throw new SftpxError(
    "refused",
    `Cannot place link "${escapeText(link.path)}": ${problem}; ` +
      "the receiving side makes it with --links keep",
  );
}

/** Why a link would leave its root going by its text alone, as the end of a sentence; null if not. */
export function leavingProblem(
  { path, target }: Link,
  { root, platform }: Pick<LinkRules, "root" | "platform">,
): string | null {
  if (target.startsWith("/")) return "its target is absolute";
  let height = heightOf(path, root);
  let isBehindName = false;
  for (const name of target.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") {
      isBehindName = true;
      if (isReservedName(name) || isReservedShortName(name)) return "its target is sftpx's own";
      if (platformProblem(name, platform) !== null) return "its target is no name here";
      continue;
    }
    // What the name is may change, and be a link itself: where up is from there nobody can promise.
    if (isBehindName) return "its target goes up behind a name";
    if (--height < 0) return "its target is outside of the root";
  }
  return null;
}

/**
 * The same through the links that stand there now, which may be of anyone: a peer may have put them so
 * that each leads far before it leads to the next, so there is an end to the names as well.
 */
function standingProblem(
  { path, target }: Link,
  { rules: { root }, door, names }: {
    readonly rules: LinkRules;
    readonly door: Door;
    readonly names: LinkNames;
  },
): string | null {
  // Where it is, from the top down: of each directory its path.
  const at = [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
  const lowest = at.length - heightOf(path, root);
  const ahead = target.split("/").reverse();
  for (let followed = 0, counted = 0; followed <= MOST_LINKS;) {
    const name = ahead.pop();
    if (name === undefined) return null;
    if (name === "" || name === ".") continue;
    if (++counted > LIMITS.linkNames) return "its target leads through too many names";
    if (!names.count()) return "too many names were looked at for the links of its transfer";
    if (name === "..") {
      if (at.length <= lowest) return "its target leads out of the root through another link";
      at.pop();
      continue;
    }
    const directory = at.at(-1);
    const next = directory === undefined ? name : `${directory}/${name}`;
    const found = next === path ? null : names.at(next, door);
    // What is not there leads nowhere, and neither does the link to itself.
    if (found === null) return null;
    if (found === "") {
      at.push(next);
      continue;
    }
    if (found.startsWith("/")) return "its target leads out of the root through another link";
    ahead.push(...found.split("/").reverse());
    followed++;
  }
  return null;
}

function look(path: string, door: Door): string | null {
  try {
    const stat = door.look(path);
    if (stat === null) return null;
    return stat.isSymbolicLink() ? door.readLink(path) : "";
  } catch {
    // A name too long, or below a file: nothing stands there.
    return null;
  }
}

/** Directories between a root and what lies below it; of the root itself, which is one file, none. */
function heightOf(path: string, root: string): number {
  const above = path.split("/").length - 1;
  return Math.max(0, above - (root === "" ? 0 : root.split("/").length));
}

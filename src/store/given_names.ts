// What is kept of the names that a peer gave its sources: the first few, for people to know a transfer
// by. All of them are in the resume key already; as they came they may fill a message, in each row.

import { utf8Bytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";

/** Names as they are kept. */
export interface GivenNames {
  readonly given: readonly string[];
  /** How many more there were. */
  readonly moreGiven: number;
}

/** The first names, as many as fit. */
export function keptNames(all: readonly string[]): GivenNames {
  const given: string[] = [];
  let bytes = 0;
  for (const name of all.slice(0, LIMITS.keptNames)) {
    bytes += utf8Bytes(name);
    if (bytes > LIMITS.keptNameBytes) break;
    given.push(name);
  }
  return { given, moreGiven: all.length - given.length };
}

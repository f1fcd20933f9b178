// Variables of the environment that are no flag's and look like one: a mistyped name sets nothing, and
// nobody would notice. Only names are looked at, never what they hold (I9), but for the one that holds
// names itself.

import process from "node:process";
import { mayReadEnv } from "../runtime/runtime.ts";
import { variableOf } from "./flag_spec.ts";
import { ALL_FLAGS } from "./layer.ts";
import { nearest } from "./nearest.ts";
import { shown } from "./shown.ts";

const PREFIX = "SFTPX_";
/** Those that stand in for no flag. */
const OTHERS = ["TICKET", "HOME", "WITHOUT", "PACKET_BYTES", "ADDON_COPY"] as const;
/** More are no typing errors. */
const MOST_NOTES = 5;
/** What `SFTPX_WITHOUT` can leave out. The modules that heed these names are not loaded to ask them. */
const PARTS = [
  "quiche",
  "openat2",
  "sendmsg",
  "direct-io",
  "@napi-rs/blake-hash",
  "blake3-jit",
  "blake3",
  "zstd-napi",
  "node:zlib",
  "fzstd",
] as const;

/** Names of all variables; none where not all of them may be read without a question. */
export function variableNames(): readonly string[] {
  return mayReadEnv() ? Object.keys(process.env) : [];
}

/** A note for each that is near to one that means something; what is near to none may be a script's own. */
export function mistypedVariables(names: readonly string[]): readonly string[] {
  const known = [
    ...OTHERS,
    ...ALL_FLAGS.flatMap((flag) => variableOf(flag)?.slice(PREFIX.length) ?? []),
  ];
  const notes = names.flatMap((name) => {
    if (!name.toUpperCase().startsWith(PREFIX)) return [];
    const word = name.slice(PREFIX.length);
    if (name.startsWith(PREFIX) && known.includes(word)) return [];
    const near = nearest(word.toUpperCase(), known);
    if (near === null) return [];
    return [`${shown(name)} is set and means nothing, did you mean ${PREFIX}${near}`];
  });
  return notes.slice(0, MOST_NOTES);
}

/** A note where `SFTPX_WITHOUT` names what is no part: whoever looks for a fault would look in vain. */
export function unknownParts(names: readonly string[]): readonly string[] {
  const known: readonly string[] = PARTS;
  const unknown = [...new Set(names)].filter((name) => !known.includes(name));
  if (unknown.length === 0) return [];
  const some = unknown.slice(0, MOST_NOTES).map((name) => `"${shown(name)}"`).join(", ");
  return [`SFTPX_WITHOUT leaves out nothing named ${some}; it knows ${PARTS.join(", ")}`];
}

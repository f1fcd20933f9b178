// What a person is told about the identity of a server: the question at first contact, and the alarm
// when it is another one than it was.

import { formatFingerprint } from "../../trust/identity.ts";
import { formatHostPort, type HostPort } from "../target.ts";
import { shown } from "../shown.ts";
import { styled } from "./style.ts";

/** The only answer that trusts. */
export const TRUSTING_ANSWER = "yes";

/** The question about a server that is not known; the answer is typed below it. */
export function questionLines(
  { host, claimed }: { host: HostPort; claimed: Uint8Array },
  { color }: { color: boolean },
): readonly string[] {
  return [
    `The server at ${address(host)} is not known here. It says that its identity is`,
    "",
    ...fingerprintLines(claimed, color),
    "",
    "Is this the server you mean? Compare with what `sftpx init` prints there;",
    "nothing was sent to it so far.",
    `Type ${TRUSTING_ANSWER} to trust it from now on, anything else to stop.`,
  ];
}

/** What a known server's other identity looks like, and what to do about it. */
export function changedLines(
  change: {
    readonly host: HostPort;
    readonly known: Uint8Array;
    /** Where the file of known hosts says so. */
    readonly file: string;
    readonly line: number;
    /** What the server claims now; null where it did not say. */
    readonly claimed: Uint8Array | null;
    /** Commands that accept the change. */
    readonly commands: readonly string[];
  },
  { color }: { color: boolean },
): readonly string[] {
  const { host, known, claimed, file, line, commands } = change;
  const alarm = `THE SERVER AT ${address(host)} IS NOT THE ONE IT WAS. Nothing was sent to it.`;
  return [
    styled(alarm, "error", color),
    `${shown(file)} line ${line} says that its identity is`,
    ...fingerprintLines(known, color),
    ...claimLines(known, claimed, color),
    "Somebody may be standing between you and the server, or it was set up anew. If",
    "you know that it was, compare the new identity with what `sftpx init` prints",
    "there, then run",
    ...commands.map((command) => `  ${command}`),
  ];
}

function claimLines(
  known: Uint8Array,
  claimed: Uint8Array | null,
  color: boolean,
): readonly string[] {
  if (claimed === null) return ["What answers there now proves another one."];
  if (formatFingerprint(claimed) === formatFingerprint(known)) {
    return ["What answers there now claims the same, and cannot prove it."];
  }
  return ["What answers there now says that it is", ...fingerprintLines(claimed, color)];
}

/** Two rows, so that it fits a narrow terminal and is compared by eye. */
function fingerprintLines(identity: Uint8Array, color: boolean): readonly string[] {
  const groups = formatFingerprint(identity).split(" ");
  const half = Math.ceil(groups.length / 2);
  return [groups.slice(0, half), groups.slice(half)]
    .map((row) => `    ${styled(row.join(" "), "strong", color)}`);
}

function address(host: HostPort): string {
  return shown(formatHostPort(host));
}

// What a walk left out and tells of once at its end: a tree may have thousands of each. Links where none
// are sent, and names reserved for sftpx, unless it is sftpx itself that made what bears them.

import { escapeText } from "../base/text.ts";
import { osCode } from "../base/os_error.ts";
import type { FoundAt } from "./walk_entry.ts";
import type { WalkNotice } from "./store.ts";

/** What is made beside a target, or to try a file system, begins so. */
const OWN_NAME = /^\.sftpx-[0-9a-f]{16}/;

interface Left {
  count: number;
  /** The path met first. */
  first: string;
}

export class WalkSkipped {
  readonly #links: Left = { count: 0, first: "" };
  readonly #reserved: Left = { count: 0, first: "" };

  link(path: string): void {
    count(this.#links, path);
  }

  reserved(path: string): void {
    count(this.#reserved, path);
  }

  /** One of each kind at most; none of them is a failure. */
  notices(): WalkNotice[] {
    return [
      ...noticeOf(this.#links, { what: "link ", found: () => "no links are sent" }),
      ...noticeOf(this.#reserved, {
        what: "",
        found: (one) => `${one ? "its name is" : "their names are"} reserved for sftpx`,
      }),
    ];
  }
}

/** Whether sftpx made what bears a reserved name: the state of a root, or what goes away by itself. */
export function isOwn(name: string, { path, disk }: FoundAt): boolean {
  if (OWN_NAME.test(name)) return true;
  try {
    return disk.look(`${path}/state.db`) !== null;
  } catch (thrown) {
    // A state is open to its owner alone; a file of that name holds nothing to look at.
    return osCode(thrown) === "EACCES";
  }
}

function count(left: Left, path: string): void {
  if (left.count++ === 0) left.first = path;
}

function noticeOf(
  { count, first }: Left,
  { what, found }: { readonly what: string; readonly found: (one: boolean) => string },
): WalkNotice[] {
  if (count === 0) return [];
  const others = count === 1 ? "" : ` and ${count - 1} more`;
  const message = `Skipped ${what}"${escapeText(first)}"${others}: ${found(count === 1)}`;
  return [{ path: first, code: null, message }];
}

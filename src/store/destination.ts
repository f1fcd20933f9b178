// Where the entries of an offer go: the destination rule of DESIGN, "The command line", PATH.
// Changes nothing; asks the door what stands at the destination now.

import { SftpxError } from "../base/errors.ts";
import { isReservedName, pathProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { OfferedSource } from "../wire/messages.ts";
import type { Door } from "./door.ts";
import type { ReceiveTransfer } from "./store.ts";

export class Destination {
  /** Relative path of the directory that entries go into, or of the one file when `renames`. */
  readonly #base: string;
  /** The one source is a file or link and gets a new name. */
  readonly #renames: boolean;
  readonly #sources: readonly OfferedSource[];

  private constructor(base: string, renames: boolean, sources: readonly OfferedSource[]) {
    this.#base = base;
    this.#renames = renames;
    this.#sources = sources;
  }

  static resolve(transfer: ReceiveTransfer, door: Door): Destination {
    const { sources } = transfer;
    const base = transfer.destination.replace(/\/+$/, "");
    if (base !== "") {
      const problem = pathProblem(base);
      if (problem !== null) {
        throw new SftpxError("bad_name", `Cannot place into "${escapeText(base)}": ${problem}`);
      }
    }
    const only = sources.length === 1 ? sources[0] : undefined;
    const renames = only !== undefined && only.kind !== "directory" && base !== "" &&
      !transfer.intoDirectory && !(door.look(base)?.isDirectory() ?? false);
    return new Destination(base, renames, sources);
  }

  /** A directory the transfer makes even when no entry lies in it; null when there is none. */
  get directory(): string | null {
    return this.#renames || this.#base === "" ? null : this.#base;
  }

  /** Final relative path of an entry. */
  of(path: string, source: number): string {
    const offered = this.#sources[source];
    const inside = offered !== undefined &&
      (offered.contents || path === offered.name ||
        (path.startsWith(`${offered.name}/`) && offered.kind === "directory"));
    if (!inside) {
      throw new SftpxError(
        "protocol",
        `Cannot place "${escapeText(path)}": it is not of the source it is said to be of`,
        { remote: true },
      );
    }
    return this.at(path);
  }

  /** The same of an entry that is known to be of its source. */
  at(path: string): string {
    if (this.#renames) return this.#base;
    return this.#base === "" ? path : `${this.#base}/${path}`;
  }

  /** The path that goes to a final one; null where none does. */
  pathOf(final: string): string | null {
    if (this.#renames) return null;
    if (this.#base === "") return final;
    return final.startsWith(`${this.#base}/`) ? final.slice(this.#base.length + 1) : null;
  }

  /** Final relative path of what a source becomes; for contents the directory they go into. */
  top(source: OfferedSource): string {
    if (this.#renames || source.contents) return this.#base;
    return this.#base === "" ? source.name : `${this.#base}/${source.name}`;
  }

  /** Nothing stands where a source goes. */
  isFree(source: OfferedSource, door: Door): boolean {
    const top = this.top(source);
    const stat = door.lookFromRoot(top);
    if (stat === null) return true;
    if (!source.contents || !stat.isDirectory()) return false;
    return door.list(top).every(({ name }) => isReservedName(name));
  }
}

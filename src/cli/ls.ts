// `sftpx ls URL`: what a server has, a line an entry, as it comes.

import { ERROR_TABLE, type ErrorCode, toldCode } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { list } from "../session/list.ts";
import type { LsCommand } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { loadFilters } from "./filter_files.ts";
import type { ListingLine } from "./json_line.ts";
import { reachOne } from "./reach.ts";
import { type ListedEntry, listingLine, utcTime } from "./ui/listing.ts";
import { entryFailedLine } from "./ui/problem.ts";

const LINES_PER_WRITE = 256;

/** Runs the command. */
export async function runLs(command: LsCommand, context: CommandContext): Promise<number> {
  const { transfer, target, recursive } = command;
  const filters = await loadFilters(command.filters, { signal: context.signal });
  const listing = new Listing(command, context);
  const { remote, contact, session } = await reachOne(target, { choices: transfer, context });
  try {
    await contact.during(remote, () =>
      list({
        ...session,
        remote,
        recursive,
        filters,
        onEntry: (entry) => listing.entry(entry),
        onOmission: (omission) => listing.omission(omission),
      }));
  } finally {
    listing.flush();
  }
  return listing.end();
}

/** What is listed, told as it comes; many lines a write, or a long listing is mostly system calls. */
class Listing {
  readonly #long: boolean;
  readonly #context: CommandContext;
  #lines: string[] = [];
  #count = 0;
  #failed = 0;
  #firstCode: ErrorCode = "failed";

  constructor({ long }: { long: boolean }, context: CommandContext) {
    this.#long = long;
    this.#context = context;
  }

  entry(entry: ListedEntry): void {
    this.#count += 1;
    const { json } = this.#context;
    if (json !== null) return json.tell("listing", listingFields(entry));
    this.#lines.push(listingLine(entry, { long: this.#long }));
    if (this.#lines.length >= LINES_PER_WRITE) this.flush();
  }

  /** One entry that the server could not list; the rest goes on. */
  omission({ path, code, message }: { path: string; code: string; message: string }): void {
    if (this.#failed === 0) this.#firstCode = toldCode(code, this.#firstCode);
    this.#failed += 1;
    const { terminal, json } = this.#context;
    // As a transfer tells it: for reading, not for finding the entry again.
    const text = { path: escapeText(path), message: escapeText(message) };
    json?.event({ kind: "entry_failed", ...text, code: escapeText(code) });
    terminal.problem(entryFailedLine({ path, message }, terminal));
  }

  flush(): void {
    if (this.#lines.length > 0) this.#context.stdout.write(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
  }

  /** Tells the end and returns the exit code. */
  end(): number {
    const [count, failed] = [this.#count, this.#failed];
    this.#context.json?.tell("end", { ok: failed === 0, count, failed });
    if (failed === 0) return 0;
    return ERROR_TABLE[count === 0 ? this.#firstCode : "partial"].exit;
  }
}

/** Names as the peer has them: a program needs the name itself. */
function listingFields(entry: ListedEntry): ListingLine {
  const { path, kind, sizeBytes, mode, mtimeNs, target } = entry;
  return {
    path,
    kind,
    bytes: sizeBytes,
    mode: mode.toString(8).padStart(4, "0"),
    mtime: utcTime(mtimeNs),
    ...(target === undefined ? {} : { target }),
  };
}

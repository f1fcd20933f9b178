// What the entries of a manifest are to one receiving transfer: where each goes, and what is to be placed
// of it. Refuses entries out of sequence; an entry that cannot be placed fails alone. Puts nothing under a
// final name.

import { SftpxError } from "../base/errors.ts";
import { isDamage, osError } from "../base/os_error.ts";
import { escapeText } from "../base/text.ts";
import type { OpenSpill } from "../base/spill.ts";
import type { Entry } from "../wire/messages.ts";
import type { Destination } from "./destination.ts";
import type { EntriesInTurn } from "./entry_columns.ts";
import { Frontier } from "./frontier.ts";
import type { PartRow } from "./journal_rows.ts";
import { checkLink, type LinkNames, type LinkRules } from "./links.ts";
import { ManifestGuard } from "./manifest_guard.ts";
import type { NameRules } from "./names.ts";
import { restoredMode } from "./modes.ts";
import { Opening, type OpeningContext } from "./opening.ts";
import { splitPartName } from "./part_paths.ts";
import { PathList } from "./path_list.ts";
import { requireFileBound } from "./quota.ts";
import { RegisteredDirectories, type RegisteredDirectory } from "./registered_directories.ts";
import { RegisteredFiles } from "./registered_files.ts";
import { RegisteredLinks } from "./registered_links.ts";
import { RegisteredModes } from "./registered_modes.ts";
import type { Steps } from "./steps.ts";
import type { Placement, ReceiveTransfer } from "./store.ts";
import { Touched } from "./touched.ts";

/** What entries are registered with. */
export interface RegisterContext extends Omit<OpeningContext, "files" | "modes" | "touched"> {
  readonly destination: Destination;
  /** Where the manifest may begin. */
  readonly from: string | null;
  /** For each source: nothing stands there and no part is held. */
  readonly free: readonly boolean[];
  readonly names: NameRules;
  readonly linkRules: LinkRules;
  readonly linkNames: LinkNames;
  /** The process's file mask. */
  readonly mask: number;
  /** Where what is kept of many entries may go. */
  readonly spill: OpenSpill;
}

/** What comes with entries. */
export interface RegisterRest {
  /** The source of each. */
  readonly sources: readonly number[];
  /** Numbers of those that failed when they came: they are named, and nothing is kept or counted for them. */
  readonly refused: readonly number[];
}

const REFUSED: Placement = {
  kind: "failed",
  code: "bad_name",
  message: "Cannot place it: it was refused when it came",
};

export class Register {
  readonly #transfer: ReceiveTransfer;
  readonly #context: RegisterContext;
  readonly #guard: ManifestGuard;
  readonly #opening: Opening;
  #next = 0;
  #isClosed = false;
  /** Files to be put in place, by entry. */
  readonly files: RegisteredFiles;
  /** Directories to be made, by entry. */
  readonly directories: RegisteredDirectories;
  /** Directories with new names in them, to be synced at the end. */
  readonly touched: Touched;
  /** Links to be put in place, by entry. */
  readonly links: RegisteredLinks;
  /** Files in place whose mode is to change. */
  readonly modes: RegisteredModes;
  /** Everything the manifest names, what failed included: none of it is extraneous. */
  readonly paths: PathList;
  /** Where a resume would begin. */
  readonly frontier: Frontier;

  constructor(transfer: ReceiveTransfer, context: RegisterContext) {
    this.#transfer = transfer;
    this.#context = context;
    this.#guard = new ManifestGuard(context.names, { from: context.from });
    const { spill } = context;
    this.paths = new PathList({ spill });
    const path = (entry: number) => this.paths.path(entry);
    const final = (path: string) => context.destination.at(path);
    const finalOf = (entry: number) => final(path(entry));
    this.directories = new RegisteredDirectories(finalOf);
    this.links = new RegisteredLinks(finalOf, { spill });
    this.modes = new RegisteredModes(finalOf, { spill });
    this.touched = new Touched({
      root: context.door.root,
      find: (final) => this.#directoryAt(final),
      flagged: () => this.directories.touched(),
    });
    const part = (entry: number) => context.run.nameFor(entry);
    this.files = new RegisteredFiles({ path, final, part }, { spill });
    this.frontier = new Frontier(this.files, context.from);
    const { files, modes, touched } = this;
    this.#opening = new Opening(transfer, { ...context, files, modes, touched });
  }

  /** The manifest is whole: nothing more is registered. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Of the parts of this run, those that the journal knows of, by name. */
  get journalledParts(): Pick<ReadonlySet<string>, "has"> {
    return {
      has: (name) => {
        const part = splitPartName(name);
        const file = part === null ? undefined : this.files.get(part.entry);
        return file?.part === name && file.row !== null;
      },
    };
  }

  /** Entries that failed elsewhere: what is placed without a commit is not placed for them. */
  leaveOut(entries: readonly number[]): void {
    this.frontier.leaveOut(entries);
    for (const entry of entries) {
      this.directories.leaveOut(entry);
      this.links.leaveOut(entry);
      this.modes.leaveOut(entry);
    }
  }

  /** Registers the next entries; the answer is in the same order. */
  *adding(
    first: number,
    entries: EntriesInTurn,
    { sources, refused }: RegisterRest,
  ): Steps<Placement[]> {
    if (first !== this.#next || entries.length !== sources.length || this.#isClosed) {
      throw new SftpxError("protocol", `Cannot register entry ${first}: ${this.#next} is next`);
    }
    this.#next += entries.length;
    this.#lookAnew();
    const stale: PartRow[] = [];
    const placements: Placement[] = [];
    const failed = new Set(refused);
    for (const entry of entries) {
      const at = placements.length;
      const source = sources[at] ?? -1;
      placements.push(this.#add(first + at, entry, { source, failed, stale }));
      if (yield) this.#lookAnew();
    }
    this.#opening.checkRoom({ first, end: this.#next });
    if (stale.length > 0) this.#opening.drop(stale);
    return placements;
  }

  /** What was seen of directories holds for one call, and until others have their turn. */
  #lookAnew(): void {
    const { door, run, linkNames } = this.#context;
    door.forget();
    run.forget();
    linkNames.forget();
  }

  #add(
    number: number,
    offered: Entry,
    { source, failed, stale }: {
      readonly source: number;
      readonly failed: ReadonlySet<number>;
      /** Takes rows whose parts go. */
      readonly stale: PartRow[];
    },
  ): Placement {
    const { destination, free, mask } = this.#context;
    const mode = restoredMode(offered.mode, { policy: this.#transfer.policy.modes, mask });
    const entry = mode === offered.mode ? offered : { ...offered, mode };
    this.paths.add(entry.path);
    this.frontier.add(entry.path);
    if (failed.has(number)) return REFUSED;
    try {
      const final = destination.of(entry.path, source);
      this.#guard.check(entry, final);
      if (entry.kind === "file") requireFileBound({ ...entry, path: final }, this.#transfer);
      if (entry.kind !== "file") return this.#later(number, entry, final);
      return this.#opening.open(number, entry, { final, isFree: free[source] ?? false, stale });
    } catch (thrown) {
      const { code, message } = osError(thrown, `place "${escapeText(entry.path)}"`);
      // Not the entry's fault, and no other one would fare better.
      if (isDamage(thrown) || code === "busy") throw thrown;
      return { kind: "failed", code, message };
    }
  }

  /** The directory of the manifest that goes to a final path; null where none does. */
  #directoryAt(final: string): RegisteredDirectory | null {
    const path = this.#context.destination.pathOf(final);
    const entry = path === null ? null : this.paths.find(path);
    return entry === null ? null : this.directories.get(entry);
  }

  #later(number: number, entry: Entry, final: string): Placement {
    const { kind, mode, mtimeNs, target = "" } = entry;
    if (kind === "directory") {
      this.directories.add(number, { mode, mtimeNs });
      return { kind: "later" };
    }
    const { linkRules: rules, door } = this.#context;
    if (rules.policy === "skip") return { kind: "skipped" };
    checkLink({ path: final, target }, { rules, door, names: this.#context.linkNames });
    this.links.add(number, { target, mtimeNs });
    return { kind: "later" };
  }
}

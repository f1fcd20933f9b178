// One dry transfer: what `register`, `placeDirectories`, `commit` and `finish` would come to, entry by
// entry, and what `prune` would remove. Makes, changes and locks nothing, and tells a peer that may not
// read no more than the real transfer would let it learn.

import type { BigIntStats } from "node:fs";
import { utf8Bytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { Entry, FilterRule, PlanAction, PlanStep } from "../wire/messages.ts";
import { type Beginning, beginningOf } from "./beginning.ts";
import { hasModeAndTime, isSameEmptyFile, sameTime } from "./disk.ts";
import type { Disk } from "./disk.ts";
import { isDamage, LINK_REFUSAL, osError } from "../base/os_error.ts";
import { mayMakeLinks } from "../runtime/runtime.ts";
import { SpillFiles } from "../runtime/spill_file.ts";
import { Door } from "./door.ts";
import type { JournalReader } from "./journal.ts";
import { checkLink, LinkNames, type LinkRules, linkRulesOf } from "./links.ts";
import { ManifestGuard } from "./manifest_guard.ts";
import type { PrunedSome } from "./messages.ts";
import { restoredDirectoryMode, restoredMode } from "./modes.ts";
import { type NameRules, namesAt } from "./names.ts";
import { PartPaths } from "./part_paths.ts";
import { PathList } from "./path_list.ts";
import { type Found, heldRowOf, placeFile, writtenOnce } from "./placement.ts";
import type { Pruner } from "./prune.ts";
import { type Charge, foreseenCharge, requireFileBound } from "./quota.ts";
import { prunerOf } from "./pruning.ts";
import type { Steps } from "./steps.ts";
import type { ReceiveTransfer } from "./store.ts";

/** What a dry transfer reads of the root. */
export interface PlanContext {
  /** May be absent. */
  readonly root: string;
  /** Absolute path of `.sftpx/parts`; may be absent. */
  readonly partsDirectory: string;
  readonly disk: Disk;
  readonly journal: JournalReader;
  readonly names: NameRules;
  /** The process's file mask; 0 where it is not known. */
  readonly mask: number;
}

/** Names and paths this long may be more than a file system holds; all we know hold shorter ones. */
const LONG_BYTES = 100;

export class Planning implements Disposable {
  readonly #context: PlanContext;
  readonly #door: Door;
  readonly #parts: PartPaths;
  readonly #beginning: Beginning;
  readonly #guard: ManifestGuard;
  readonly #names: NameRules;
  readonly #linkRules: LinkRules;
  readonly #linkNames = new LinkNames();
  /** Not in the root, where nothing is to be made. */
  readonly #spill = new SpillFiles();
  readonly #paths = new PathList({ spill: this.#spill.make });
  /** What the peer would be charged for; null where nobody bounds it. */
  readonly #charge: Charge | null;
  #next = 0;
  #pruner: Pruner | null = null;

  constructor(transfer: ReceiveTransfer, context: PlanContext) {
    this.#context = context;
    this.#door = new Door(context.root, { disk: context.disk });
    this.#parts = new PartPaths(context.partsDirectory, context.disk);
    this.#beginning = beginningOf(transfer, { door: this.#door, journal: context.journal });
    const { destination } = this.#beginning;
    this.#names = namesAt(destination, { door: this.#door, names: context.names });
    this.#guard = new ManifestGuard(this.#names, { from: null });
    this.#linkRules = linkRulesOf(transfer, this.#names);
    this.#charge = foreseenCharge(transfer, { journal: context.journal, door: this.#door });
    this.#charge?.foresee(this.#beginning.neededBytes);
  }

  [Symbol.dispose](): void {
    this.#spill[Symbol.dispose]();
  }

  get fresh(): readonly boolean[] {
    return this.#beginning.fresh;
  }

  get chunkBytes(): number {
    return this.#beginning.transfer.chunkBytes;
  }

  *planning(
    first: number,
    entries: readonly Entry[],
    sources: readonly number[],
  ): Steps<PlanStep[]> {
    if (first !== this.#next || entries.length !== sources.length) {
      throw new SftpxError("protocol", `Cannot plan entry ${first}: ${this.#next} is next`);
    }
    this.#next += entries.length;
    this.#lookAnew();
    const steps: PlanStep[] = [];
    for (const [i, entry] of entries.entries()) {
      steps.push(this.#plan(entry, sources[i] ?? -1));
      if (yield) this.#lookAnew();
    }
    // As in the real transfer, all of it is counted before any of it is in place.
    this.#charge?.check();
    return steps;
  }

  #plan(offered: Entry, source: number): PlanStep {
    const { destination, transfer } = this.#beginning;
    const rule = { policy: transfer.policy.modes, mask: this.#context.mask };
    const entry = { ...offered, mode: restoredMode(offered.mode, rule) };
    this.#paths.add(entry.path);
    try {
      const final = destination.of(entry.path, source);
      this.#guard.check(entry, final);
      const action = this.#actionOf(entry, final);
      // What stands there is for readers; what the peer began itself it may always hear of.
      const isTold = transfer.mayRead || action === "resume" || action === "skip";
      return { action: isTold ? action : "create" };
    } catch (thrown) {
      const { code, message } = osError(thrown, `place "${escapeText(entry.path)}"`);
      // As in the real transfer: not the entry's fault.
      if (isDamage(thrown) || code === "busy") throw thrown;
      return { action: "fail", code, message };
    }
  }

  #lookAnew(): void {
    this.#door.forget();
    this.#parts.forget();
    this.#linkNames.forget();
  }

  prune(rules: readonly FilterRule[]): PrunedSome {
    this.#door.forget();
    this.#pruner ??= prunerOf(this.#beginning, {
      rules,
      door: this.#door,
      disk: null,
      paths: this.#paths,
      ignoresCase: this.#names.ignoresCase,
      onLost: () => {},
    });
    const { finals: _, ...some } = this.#pruner.next();
    if (!some.more) this.#pruner = null;
    return some;
  }

  #actionOf(entry: Entry, final: string): PlanAction {
    switch (entry.kind) {
      case "file":
        return this.#fileAction(entry, final);
      case "directory":
        return this.#directoryAction(entry, final);
      case "link":
        return this.#linkAction(entry, final);
    }
  }

  #fileAction(entry: Entry, final: string): PlanAction {
    const { transfer, holdsParts } = this.#beginning;
    const { journal, disk } = this.#context;
    requireFileBound({ ...entry, path: final }, transfer);
    const stat = this.#door.look(final);
    const row = holdsParts ? journal.part(transfer.key, entry.path) : null;
    const part = row === null ? null : this.#parts.find(row.name);
    const lost = holdsParts && row === null ? journal.stray(transfer.key, entry.path) : null;
    const path = lost === null ? null : this.#parts.find(lost.name);
    const stray = lost === null || path === null ? null : { row: lost, path };
    const question = { entry, path: final, stat, row, part, stray };
    const found = placeFile(question, { rules: transfer, journal, disk });
    if (stat === null) this.#checkName(final);
    if (found.kind !== "unchanged") {
      const { sizeBytes } = entry;
      this.#charge?.add({ final, sizeBytes, heldBytes: heldRowOf(found)?.sizeBytes ?? 0 });
    }
    return actionFor(found, { entry, stat, writeOnce: transfer.writeOnce });
  }

  #directoryAction(entry: Entry, final: string): PlanAction {
    const stat = this.#door.lookDirectory(final);
    if (stat === null) {
      this.#checkName(final);
      return "create";
    }
    const { writeOnce, policy: { modes } } = this.#beginning.transfer;
    const standing = Number(stat.mode);
    const mode = restoredDirectoryMode(entry.mode, { policy: modes, standing });
    const isAsWanted = writeOnce || hasModeAndTime(stat, { ...entry, mode });
    return isAsWanted ? "unchanged" : "update";
  }

  #linkAction({ target = "", mtimeNs }: Entry, final: string): PlanAction {
    const { writeOnce } = this.#beginning.transfer;
    if (this.#linkRules.policy === "skip") return "skip";
    const names = this.#linkNames;
    checkLink({ path: final, target }, { rules: this.#linkRules, door: this.#door, names });
    const stat = this.#door.look(final);
    const attempted = `place link "${escapeText(final)}"`;
    if (stat === null) {
      this.#checkName(final);
      requireLinks(attempted);
      return "create";
    }
    if (stat.isSymbolicLink() && targetOf(final, { door: this.#door, attempted }) === target) {
      return writeOnce || sameTime(stat.mtimeNs, mtimeNs) ? "unchanged" : "update";
    }
    if (writeOnce) throw writtenOnce(final);
    if (stat.isDirectory()) {
      throw new SftpxError("conflict", `Cannot ${attempted}: a directory stands there`);
    }
    requireLinks(attempted);
    return "replace";
  }

  /** Where a parent is still to be made, the root tells whether name or path are too long. */
  #checkName(final: string): void {
    try {
      for (const long of [final, final.slice(final.lastIndexOf("/") + 1)]) {
        if (utf8Bytes(long) > LONG_BYTES) this.#context.disk.look(`${this.#door.root}/${long}`);
      }
    } catch (thrown) {
      throw osError(thrown, `place "${escapeText(final)}"`);
    }
  }
}

/** What the runtime does not let the real run make. */
function requireLinks(attempted: string): void {
  if (!mayMakeLinks()) throw new SftpxError("permission", `Cannot ${attempted}: ${LINK_REFUSAL}`);
}

function actionFor(
  found: Found,
  { entry, stat, writeOnce }: {
    readonly entry: Entry;
    readonly stat: BigIntStats | null;
    readonly writeOnce: boolean;
  },
): PlanAction {
  switch (found.kind) {
    case "unchanged": {
      const isAsWanted = Number(found.stat.mode & 0o7777n) === entry.mode;
      return isAsWanted || writeOnce ? "unchanged" : "update";
    }
    case "held":
      return "resume";
    case "stands":
      if (found.stray !== undefined) return "resume";
      return found.standing.sizeBytes === entry.sizeBytes ? "compare" : "replace";
    case "new":
      if (stat === null) return "create";
      return entry.sizeBytes === 0 && isSameEmptyFile(stat, entry) ? "unchanged" : "replace";
  }
}

function targetOf(
  final: string,
  { door, attempted }: { readonly door: Door; readonly attempted: string },
): string {
  try {
    return door.readLink(final);
  } catch (thrown) {
    throw osError(thrown, attempted);
  }
}

// How many bytes lie in a root because of one holder of a grant: what it put in place, by our records,
// and what is held or under way of its transfers. Counted before a byte is written, over all transfers
// that run, so that together they never pass its quota. Tells a holder its own figures and no others.

import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { formatBytes } from "../base/size.ts";
import { escapeText } from "../base/text.ts";
import type { Door } from "./door.ts";
import type { Journal, JournalReader } from "./journal.ts";
import type { ReceiveTransfer } from "./store.ts";

/** Records looked at in one step, to see whether their files are still there. */
const ROWS_AT_ONCE = 1024;

/** What one holder's running transfers share. */
interface Account {
  readonly id: Uint8Array;
  readonly charges: Set<Charge>;
  /** In place, and held of transfers that do not run. */
  usedBytes: number;
  /** Something changed that `usedBytes` does not know. */
  isStale: boolean;
}

/**
 * What a dry transfer would be charged, beside all that is in place and held; null for one that nobody is
 * charged for. What others have under way and not journalled yet is not known to it.
 */
export function foreseenCharge(
  { account: id, quotaBytes, key }: ReceiveTransfer,
  context: { readonly journal: JournalReader; readonly door: Door },
): Charge | null {
  if (id === undefined || quotaBytes === undefined) return null;
  const account: Account = { id, charges: new Set(), usedBytes: 0, isStale: true };
  const charge = new Charge(account, { ...context, key, quotaBytes, dropGone: null });
  account.charges.add(charge);
  return charge;
}

/** The accounts of one root, as far as their transfers run in this process. */
export class Quotas {
  readonly #accounts = new Map<string, Account>();

  /** Begins to count for a transfer, until it is discarded; null for one that nobody is charged for. */
  open(
    { account: id, quotaBytes, key }: ReceiveTransfer,
    context: { readonly journal: Journal; readonly door: Door },
  ): Charge | null {
    if (id === undefined) return null;
    const name = toHex(id);
    const account = this.#accounts.get(name) ??
      { id, charges: new Set(), usedBytes: 0, isStale: true };
    this.#accounts.set(name, account);
    const { journal } = context;
    const charge = new Charge(account, {
      ...context,
      key,
      quotaBytes: quotaBytes ?? null,
      dropGone: (paths) =>
        journal.transaction(() => paths.forEach((path) => journal.dropCommitted(path))),
      onEnd: () => {
        if (account.charges.size === 0 && this.#accounts.get(name) === account) {
          this.#accounts.delete(name);
        }
      },
    });
    if (charge.bytes > 0) journal.accounts.charge(key, id);
    account.charges.add(charge);
    account.isStale = true;
    return charge;
  }

  /** Files in place went, whosever they were. */
  changed(): void {
    for (const account of this.#accounts.values()) account.isStale = true;
  }
}

interface ChargeContext {
  readonly journal: JournalReader;
  readonly door: Door;
  /** Resume key of the transfer. */
  readonly key: Uint8Array;
  readonly quotaBytes: number | null;
  /** Forgets records of files that are gone; null where nothing may be changed. */
  readonly dropGone: ((paths: readonly string[]) => void) | null;
  readonly onEnd?: () => void;
}

/**
 * What one running transfer adds to its account. What a file replaces is given back when the file is in
 * place and not before: one that fails, or was announced smaller than it stands there, frees nothing.
 */
export class Charge {
  readonly #account: Account;
  readonly #context: ChargeContext;
  /** By how much files that are registered and not in place exceed what of the holder's own they replace. */
  #openBytes = 0;
  /** What the parts of these files may come to. */
  #partBytes = 0;
  /** Parts of an attempt before that are not registered yet. */
  #heldBytes: number;
  /** Of both, what was found to fit: of two that come at once, what is yet to be looked at hinders nobody. */
  #fittingBytes: number;
  /** Files that were found to be gone and whose records stay, for this one is dry. */
  readonly #gone = new Set<string>();
  /** Files of the holder's own that are being replaced: they are counted as theirs until then. */
  readonly #replaced = new Set<string>();

  constructor(account: Account, context: ChargeContext) {
    this.#account = account;
    this.#context = context;
    this.#heldBytes = context.journal.accounts.heldBytes(context.key);
    this.#fittingBytes = this.#heldBytes;
  }

  get key(): Uint8Array {
    return this.#context.key;
  }

  /** What others have to leave to it. */
  get bytes(): number {
    return this.#fittingBytes;
  }

  isReplacing(path: string): boolean {
    return this.#replaced.has(path);
  }

  /** Throws `quota` when so much cannot fit. Counts nothing: it is known before its files are. */
  foresee(neededBytes: number): void {
    if (neededBytes > 0) this.#require(neededBytes);
  }

  /** Counts a file that is registered; answers by how much its account grows once it is in place. */
  add(
    { final, sizeBytes, heldBytes }: {
      readonly final: string;
      readonly sizeBytes: number;
      /** Size of a part of it that is held from before. */
      readonly heldBytes: number;
    },
  ): number {
    const { journal: { accounts }, door, quotaBytes } = this.#context;
    const known = quotaBytes === null ? 0 : accounts.chargedBytes(final, this.#account.id) ?? 0;
    // What is gone is not replaced: its record goes once there is no room for it.
    const ownBytes = known > 0 && isGone(final, door) ? 0 : known;
    if (ownBytes > 0) this.#replaced.add(final);
    const growthBytes = sizeBytes - ownBytes;
    this.#openBytes += Math.max(0, growthBytes);
    this.#partBytes += sizeBytes;
    this.#heldBytes = Math.max(0, this.#heldBytes - heldBytes);
    return growthBytes;
  }

  /** Throws `quota` when what was counted is more than the quota. */
  check(): void {
    this.#require(0);
    this.#fittingBytes = this.#openBytes + this.#heldBytes;
  }

  /** A file is in place, or what stood there was kept: it is no longer under way. */
  settle(
    { chargedBytes, sizeBytes }: { readonly chargedBytes: number; readonly sizeBytes: number },
    { isPut }: { readonly isPut: boolean },
  ): void {
    this.#openBytes -= Math.max(0, chargedBytes);
    this.#fittingBytes -= Math.max(0, chargedBytes);
    this.#partBytes -= sizeBytes;
    if (isPut) this.#account.usedBytes += chargedBytes;
  }

  discard(): void {
    this.#account.charges.delete(this);
    this.#account.isStale = true;
    this.#context.onEnd?.();
  }

  /**
   * Two bounds, and both hold at every moment. What is or will be in place, with all that is held of
   * others: there, a part that replaces a file of the holder's own counts by what it is larger. And
   * what this transfer has in parts, all of it: so none breaks off with more than a quota.
   */
  #require(moreBytes: number): void {
    const { quotaBytes } = this.#context;
    if (quotaBytes === null) return;
    // It writes nothing, whatever may be there already.
    if (moreBytes + this.#partBytes === 0) return;
    if (this.#account.isStale) this.#count();
    const fits = () => this.#placedBytes() + moreBytes <= quotaBytes;
    if (!fits()) this.#lookForGone(fits); // What somebody else removed gives back as well.
    if (fits() && this.#partBytes + this.#heldBytes + moreBytes <= quotaBytes) return;
    const usedBytes = this.#placedBytes() - this.#openBytes + this.#heldBytes;
    const neededBytes = (this.#openBytes || this.#partBytes) + moreBytes;
    const [quota, used, needed] = [quotaBytes, usedBytes, neededBytes].map(formatBytes);
    const found = `the quota is ${quota}, ${used} of it are used, and ${needed} are needed`;
    throw new SftpxError("quota", `Cannot take it: ${found}`);
  }

  /** What is in place once this transfer is, with all that others have under way and held. */
  #placedBytes(): number {
    const others = this.#account.charges.values().filter((charge) => charge !== this);
    return others.reduce((sum, { bytes }) => sum + bytes, this.#account.usedBytes) +
      this.#openBytes;
  }

  #count(): void {
    const { journal } = this.#context;
    const { charges, id } = this.#account;
    const running = charges.values().reduce(
      (sum, { key }) => sum + journal.accounts.heldBytes(key),
      0,
    );
    this.#account.usedBytes = journal.accounts.usedBytes(id) - running;
    this.#account.isStale = false;
  }

  /** Goes through what the holder put in place until enough of it is found to be gone. */
  #lookForGone(isEnough: () => boolean): void {
    const { journal: { accounts }, door, dropGone } = this.#context;
    const untilMs = performance.now() + LIMITS.quotaLookMs;
    for (let after = ""; performance.now() < untilMs && !isEnough();) {
      const paths = accounts.chargedPaths(this.#account.id, { after, most: ROWS_AT_ONCE });
      if (paths.length === 0) return;
      after = paths.at(-1)!;
      const isLost = (path: string) => isGone(path, door) && !this.#isReplaced(path);
      const gone = paths.filter((path) => !this.#gone.has(path) && isLost(path));
      if (gone.length === 0) continue;
      if (dropGone === null) {
        const bytes = gone.map((path) => accounts.chargedBytes(path, this.#account.id) ?? 0);
        for (const path of gone) this.#gone.add(path);
        this.#account.usedBytes -= bytes.reduce((sum, one) => sum + one, 0);
      } else {
        dropGone(gone);
        this.#count();
      }
    }
  }

  #isReplaced(path: string): boolean {
    return this.#account.charges.values().some((charge) => charge.isReplacing(path));
  }
}

/** Whether no file stands there any more; what cannot be looked at may be there. */
function isGone(path: string, door: Door): boolean {
  try {
    const stat = door.look(path);
    return stat === null || !stat.isFile();
  } catch (thrown) {
    return thrown instanceof SftpxError &&
      (thrown.code === "conflict" || thrown.code === "bad_name");
  }
}

/** Refuses a file that is larger than the grant lets one be. */
export function requireFileBound(
  { path, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
  { maxFileBytes }: Pick<ReceiveTransfer, "maxFileBytes">,
): void {
  if (maxFileBytes === undefined || sizeBytes <= maxFileBytes) return;
  const most = formatBytes(maxFileBytes);
  const found = `it is larger than the ${most} that the grant allows (max-file)`;
  throw new SftpxError("refused", `Cannot place "${escapeText(path)}": ${found}`);
}

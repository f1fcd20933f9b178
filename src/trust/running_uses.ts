// Uses of tickets on which transfers run at this moment, in this process: what is held besides belongs to
// transfers that broke off.

import type { HoldKey } from "./ticket_table.ts";

export class RunningUses {
  readonly #counts = new Map<string, number>();

  /** Transfers that run on it. */
  on(key: HoldKey): number {
    return this.#counts.get(nameOf(key)) ?? 0;
  }

  begin(key: HoldKey): void {
    this.#counts.set(nameOf(key), this.on(key) + 1);
  }

  end(key: HoldKey): void {
    const left = this.on(key) - 1;
    if (left > 0) this.#counts.set(nameOf(key), left);
    else this.#counts.delete(nameOf(key));
  }
}

function nameOf({ id, name, purpose }: HoldKey): string {
  return id + name + purpose;
}

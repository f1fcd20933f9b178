// How a receiver treats what comes: which links it makes, what of modes it restores, and whether it reads
// again what it wrote. Its user decides, and no peer has a say in it.

/**
 * What becomes of links: `refuse` makes those that lead to a place below the root and fails the others,
 * `keep` makes all of them, `skip` makes none and says so.
 */
export type LinkPolicy = "keep" | "skip" | "refuse";

/**
 * What of a mode is restored: `safe` takes no set-user-id, set-group-id, sticky or world-write bit and
 * respects the process's mask where it can be read; `exact` takes all of it.
 */
export type ModePolicy = "safe" | "exact";

/** What the receiving user decided, whatever the peer wishes. */
export interface ReceivePolicy {
  readonly links: LinkPolicy;
  readonly modes: ModePolicy;
  /** Every part is read again and compared before it is committed. */
  readonly paranoid: boolean;
}

/** What holds where the user said nothing. */
export const DEFAULT_POLICY: ReceivePolicy = { links: "refuse", modes: "safe", paranoid: false };

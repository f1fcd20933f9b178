// What travels and what does not: rsync's patterns, without regular expressions, so that no pattern of
// a peer costs more than pattern times path. The first rule that matches decides; none means it
// travels. Bounds stand in limits.ts.

/** One rule; the first that matches an entry decides. */
export interface FilterRule {
  readonly include: boolean;
  /** As rsync reads it; see {@linkcode Filter}. */
  readonly pattern: string;
}

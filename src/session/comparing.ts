// What an append-only grant asks for before a commit: the files that stand there are read beside the
// parts that are to replace them, by the chunk workers.

import type { ChunkPool } from "../pool/pool.ts";
import type { Comparison, Outcome } from "../store/store.ts";
import type { Stamp } from "../wire/messages.ts";

/** For each entry what was compared and is the beginning of its part; null where it is not. */
export async function comparedWith(
  pool: Pick<ChunkPool, "run">,
  comparisons: readonly Comparison[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Stamp | null>> {
  const begins = new Map<number, Stamp | null>();
  await Promise.all(comparisons.map(async ({ entry, part, path, stamp }) => {
    begins.set(entry, null);
    await pool.run({ kind: "compare", part, path, stamp }, {
      onReply: (reply) => {
        if (reply.kind === "compared" && reply.begins) begins.set(entry, stamp);
      },
      signal,
    });
  }));
  return begins;
}

/** What two commits of one action came to. */
export function bothOutcomes(first: Outcome, second: Outcome): Outcome {
  return {
    committed: [...first.committed, ...second.committed],
    changed: [...first.changed, ...second.changed],
    failures: [...first.failures, ...second.failures],
  };
}

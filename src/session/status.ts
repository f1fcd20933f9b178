// What a root holds of transfers that broke off, without a peer: to be looked at, or to be forgotten.

import { readdir } from "node:fs/promises";
import { openStore } from "../store/open.ts";
import type { Resumable } from "../store/store.ts";
import type { WorkerUrls } from "./options.ts";

export type { Resumable } from "../store/store.ts";

/** What can be resumed under a root; nothing where no transfer left anything. */
export async function resumableIn(
  root: string,
  { workers }: { readonly workers: WorkerUrls },
): Promise<readonly Resumable[]> {
  const options = { root, workerUrl: workers.store, keep: true, readOnly: true };
  const store = await openStore(options);
  try {
    return await store.resumable();
  } finally {
    await store.close();
  }
}

/** What {@linkcode cleanIn} takes. */
export interface CleanInOptions {
  readonly workers: WorkerUrls;
  /** Only what was last worked on before this moment, nanoseconds since 1970; null for all. */
  readonly beforeNs: bigint | null;
  /** Touches nothing, and answers what would go. */
  readonly dryRun: boolean;
}

/** Forgets what can be resumed under a root, but for what runs; answers what went. */
export async function cleanIn(
  root: string,
  { workers, beforeNs, dryRun }: CleanInOptions,
): Promise<readonly Resumable[]> {
  if (dryRun) {
    const held = await resumableIn(root, { workers });
    return held.filter(({ running, touchedNs }) =>
      !running && (beforeNs === null || touchedNs < beforeNs)
    );
  }
  if (!await holdsAny(root)) return [];
  // Nothing expires while it is opened: what goes is to be told, and what is to stay stays.
  const options = { root, workerUrl: workers.store, keep: true, keepForMs: Date.now() };
  const store = await openStore(options);
  try {
    return await store.clean({ beforeNs });
  } finally {
    await store.close();
  }
}

/** Whether anything of ours stands in a root: opening a store would put something there. */
async function holdsAny(root: string): Promise<boolean> {
  const names = await readdir(root).catch(() => []);
  return names.some((name) => name.toLowerCase().startsWith(".sftpx"));
}

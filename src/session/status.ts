// What a root holds of transfers that broke off, without a peer and without touching anything.

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

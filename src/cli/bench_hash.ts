// How fast this machine hashes, on one thread: every package that loads, the one in use first.

import { HASH_LOADERS } from "../codec/hash.ts";
import { codecsLeftOut } from "../session/equipment.ts";
import { noiseLoad, paceOf } from "./bench_load.ts";
import type { BenchLine } from "./json_line.ts";

/** One row for each package. */
export async function* benchHash(
  { bytes, signal }: { bytes: number; signal: AbortSignal },
): AsyncGenerator<BenchLine, void> {
  const without = codecsLeftOut();
  const load = noiseLoad();
  for (const loader of HASH_LOADERS) {
    const hash = without.includes(loader.name) ? null : await loader.load();
    if (hash === null) continue;
    const pace = await paceOf(() => hash.digest(load), { bytes, signal });
    yield { bench: "hash", name: "blake3", by: hash.name, ...pace };
  }
}

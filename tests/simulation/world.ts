// What a simulated run is about: a random tree, a disk that outlives its transfers, and what stands
// there before.

import { Random } from "./clock.ts";
import { ModelDisk } from "./model_disk.ts";
import { ModelSource } from "./model_source.ts";
import { digestOf } from "./model_store.ts";
import { type Attempt, type AttemptOptions, runAttempt } from "./simulation.ts";

/** A source, and the disk its transfers go to. */
export interface World {
  readonly random: Random;
  readonly source: ModelSource;
  readonly disk: ModelDisk;
  readonly chunkBytes: number;
}

export function makeWorld(seed: number): World {
  const random = new Random(seed);
  const chunkBytes = random.pick([4, 16, 64]);
  const source = new ModelSource(random, { chunkBytes });
  return { random, source, disk: new ModelDisk(), chunkBytes };
}

/** Puts files at the destination as an earlier transfer or another program left them. */
export function standSome({ random, source, disk, chunkBytes }: World, share: number): void {
  for (const { entry, bytes, stamp } of source.nodes) {
    if (!random.chance(share)) continue;
    const slash = entry.path.lastIndexOf("/");
    if (slash >= 0 && !disk.finals.has(entry.path.slice(0, slash))) continue;
    if (entry.kind === "directory") disk.finals.set(entry.path, { kind: "directory" });
    if (entry.kind !== "file") continue;
    const standing = random.chance(0.5) ? bytes : altered(random, bytes);
    const digest = digestOf(standing, chunkBytes);
    const record = standing === bytes && random.chance(0.5)
      ? { digest, mtimeNs: stamp!.mtimeNs, chunkBytes }
      : null;
    disk.finals.set(entry.path, { kind: "file", bytes: standing, record });
  }
}

function altered(random: Random, bytes: Uint8Array): Uint8Array {
  const other = new Uint8Array(Math.max(0, bytes.byteLength + random.pick([0, 0, 5, -5])));
  other.set(bytes.subarray(0, other.byteLength));
  if (other.byteLength > 0) other[random.below(other.byteLength)]! ^= 1;
  return other;
}

/** Runs a body for each seed; a failure names the seed. */
export function forSeeds(count: number, body: (seed: number) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      body(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

export function attemptIn(world: World, options: Partial<AttemptOptions> = {}): Attempt {
  return runAttempt({ attempt: 0, ...world, ...options });
}

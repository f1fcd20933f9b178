// Every zstd decoder under fuzz: exactly as many bytes as were announced, or a refusal, in time and
// within memory, whatever the frame says.

import assert from "node:assert/strict";
import { equalBytes } from "../../src/base/bytes.ts";
import { boundedZstd, type Zstd, ZSTD_LOADERS } from "../../src/codec/compress.ts";
import { checkZstdFrame } from "../../src/codec/zstd_header.ts";
import type { Random } from "../simulation/clock.ts";
import { mutatedBytes, randomOf, shownBytes, smallerBytes } from "./mutation.ts";
import { outcomeOf, worded } from "./outcome.ts";
import { type Target, valueTarget } from "./target.ts";

interface Packed {
  readonly bytes: Uint8Array;
  readonly rawBytes: number;
}

const SIZES = [1, 100, 5_000, 65_536, 300_000];

/** Targets of the decoders that load here. */
export async function codecTargets(): Promise<readonly Target[]> {
  const decoders: Zstd[] = [];
  for (const { load } of ZSTD_LOADERS) {
    const found = await load();
    if (found !== null) decoders.push(boundedZstd(found));
  }
  const encoder = decoders.find(({ name }) => name !== "none");
  const seeds = encoder === undefined ? [] : seedFrames(encoder);
  const make = (random: Random) => {
    const seed = random.pick(seeds);
    const bytes = mutatedBytes(random, [seed.bytes, seed.bytes, random.pick(seeds).bytes]);
    const rawBytes = random.chance(0.9) ? seed.rawBytes : 1 + random.below(400_000);
    return { bytes, rawBytes };
  };
  const show = ({ bytes, rawBytes }: Packed) => `${rawBytes} bytes announced, ${shownBytes(bytes)}`;
  const smaller = function* ({ bytes, rawBytes }: Packed) {
    for (const fewer of smallerBytes(bytes)) yield { bytes: fewer, rawBytes };
  };
  const single = decoders.map((decoder) =>
    valueTarget<Packed>({
      name: `zstd-${decoder.decoderName.replace(/^.*[:-]/, "")}`,
      make,
      show,
      smaller,
      check: ({ bytes, rawBytes }) => {
        const outcome = outcomeOf(() => decoder.decompress(bytes, { rawBytes }));
        if (outcome.refused === null) assert.equal(outcome.value.byteLength, rawBytes);
        return worded(outcome);
      },
    })
  );
  return [
    ...single,
    valueTarget<Packed>({
      name: "zstd-header",
      make,
      show,
      smaller,
      check: ({ bytes, rawBytes }) => worded(outcomeOf(() => checkZstdFrame(bytes, { rawBytes }))),
    }),
    valueTarget<Packed>({
      name: "zstd-all",
      make,
      show,
      smaller,
      check: ({ bytes, rawBytes }) => {
        const taken = decoders.flatMap((decoder) => {
          const outcome = outcomeOf(() => decoder.decompress(bytes, { rawBytes }).slice());
          return outcome.refused === null ? [{ by: decoder.decoderName, raw: outcome.value }] : [];
        });
        const [first, ...others] = taken;
        for (const { by, raw } of others) {
          assert.ok(equalBytes(first!.raw, raw), `${first!.by} and ${by} differ`);
        }
        return `taken by ${taken.length}`;
      },
    }),
  ];
}

/** Frames of data that compresses well, somewhat and not at all. */
function seedFrames(encoder: Zstd): readonly Packed[] {
  const random = randomOf(1);
  return SIZES.flatMap((rawBytes) =>
    [1, 8, 256].flatMap((letters) => {
      const raw = Uint8Array.from({ length: rawBytes }, () => random.below(letters));
      return [1, 19].flatMap((level) => {
        const bytes = encoder.compress(raw, level)?.slice();
        return bytes === undefined || bytes.byteLength > 64 * 1024 ? [] : [{ bytes, rawBytes }];
      });
    })
  );
}

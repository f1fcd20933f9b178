// Every zstd decoder under fuzz: exactly as many bytes as were announced, or a refusal, in time and
// within memory, whatever the frame says. And messages that travel in such a frame.

import assert from "node:assert/strict";
import { equalBytes } from "../../src/base/bytes.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { boundedZstd, type Zstd, ZSTD_LOADERS } from "../../src/codec/compress.ts";
import { checkZstdFrame } from "../../src/codec/zstd_header.ts";
import { decompressed } from "../../src/session/compressed_message.ts";
import { encodeMessage } from "../../src/wire/control.ts";
import type { Random } from "../simulation/clock.ts";
import { SAMPLE_MESSAGES } from "../vectors/messages.ts";
import { mutatedBytes, randomOf, shownBytes, smallerBytes } from "./mutation.ts";
import { outcomeOf, worded } from "./outcome.ts";
import { type Target, valueTarget } from "./target.ts";

interface Packed {
  readonly bytes: Uint8Array;
  readonly rawBytes: number;
}

const MESSAGES = Object.values(SAMPLE_MESSAGES).map(encodeMessage);
/** Those that may be compressed, which chance would seldom pick. */
const SHRINKING = Object.values(SAMPLE_MESSAGES)
  .filter(({ type }) => type === "entries" || type === "listing").map(encodeMessage);
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
    ...encoder === undefined ? [] : [messageTarget(encoder, show)],
  ];
}

/** Whatever a frame gives, sound or not: one message that may be compressed, or a refusal (I3). */
function messageTarget(zstd: Zstd, show: (value: Packed) => string): Target {
  return valueTarget<Packed>({
    name: "compressed-message",
    make: (random) => {
      const seeds = random.chance(0.8) ? SHRINKING : MESSAGES;
      const raw = random.chance(0.3) ? random.pick(seeds) : mutatedBytes(random, seeds);
      const frame = zstd.compress(raw, 3)?.slice() ?? raw;
      const bytes = random.chance(0.8) ? frame : mutatedBytes(random, [frame]);
      return { bytes, rawBytes: random.chance(0.9) ? raw.byteLength : 1 + random.below(2 ** 20) };
    },
    show,
    check: ({ bytes, rawBytes }) => {
      const outcome = outcomeOf(() =>
        decompressed({ type: "compressed", rawBytes, body: bytes }, zstd)
      );
      if (outcome.refused !== null) {
        assert.deepEqual([outcome.refused.code, outcome.refused.remote], ["protocol", true]);
        return "refused";
      }
      const { message, bytes: weight } = outcome.value;
      assert.ok(message.type === "entries" || message.type === "listing", message.type);
      assert.equal(weight, rawBytes);
      assert.ok(
        rawBytes <= LIMITS.compressedMessageRatio * bytes.byteLength,
        "out of next to nothing",
      );
      return message.type;
    },
  });
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

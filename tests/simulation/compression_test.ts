// Compression that decides, against the best that any fixed level comes to on the same model of a path.
// Costs are those that `bench compress` prints for its two kinds of text.

import assert from "node:assert/strict";
import { type Material, type Pipe, runPipe } from "./compression_pipe.ts";

/** Sources and prose: where levels cost little, and where they do not. */
const SOURCES: Material = {
  rates: [362, 338, 194, 176, 96, 63, 62, 52, 43],
  sizes: [0.295, 0.279, 0.259, 0.257, 0.242, 0.232, 0.227, 0.224, 0.2235],
  sample: 0.42,
};
const WORDS: Material = {
  rates: [130, 154, 99, 62, 66, 79, 56, 50, 42],
  sizes: [0.31, 0.3095, 0.2977, 0.2966, 0.2958, 0.2901, 0.2862, 0.2844, 0.2842],
  sample: 0.43,
};
const NOISE: Material = { rates: Array(9).fill(900), sizes: Array(9).fill(1), sample: 1 };

const ZEROS: Material = { rates: [], sizes: [], sample: 0, isZero: true };

const MBIT = 125;
const LINKS: Readonly<Record<string, Pipe["path"]>> = {
  "20 Mbit/s": { rates: [[0, 20 * MBIT]], laneBytes: 1e6, rttMs: 10 },
  "100 Mbit/s": { rates: [[0, 100 * MBIT]], laneBytes: 1e6, rttMs: 10 },
  "400 Mbit/s": { rates: [[0, 400 * MBIT]], laneBytes: 1e6, rttMs: 10 },
  "1 Gbit/s": { rates: [[0, 1000 * MBIT]], laneBytes: 1e6, rttMs: 10 },
  "a loopback that costs its cores 8 s/GB": {
    rates: [[0, 400e3]],
    laneBytes: 1e6,
    rttMs: 10,
    wireNs: 8,
    landNs: 1.5,
  },
  "a loopback that costs its cores 2 s/GB": {
    rates: [[0, 1e6]],
    laneBytes: 1e6,
    rttMs: 10,
    wireNs: 2,
    landNs: 1.5,
  },
};

/** Seconds of each: what it costs to find out is in it. */
const BYTES: Readonly<Record<string, number>> = { "20 Mbit/s": 256e6, "100 Mbit/s": 512e6 };
const MANY_BYTES = 3e9;

/** Both ends' cores are what is scarce. */
const HERE = { cores: 2, workers: 2 } as const;

for (const [kind, material] of Object.entries({ sources: SOURCES, words: WORDS })) {
  for (const [link, path] of Object.entries(LINKS)) {
    Deno.test(`the plan is within a tenth of the best fixed level: ${kind}, ${link}`, () => {
      const bytes = BYTES[link] ?? MANY_BYTES;
      within(1.1, { ...HERE, path, bytes, material: () => material });
    });
  }
}

/** Connections that join have buffers of their own: what those take is no rate of the path. */
const JOINED: readonly (readonly [link: string, most: number, path: Pipe["path"]])[] = [
  ["20 Mbit/s", 1.05, LINKS["20 Mbit/s"]!],
  ["100 Mbit/s", 1.03, { ...LINKS["100 Mbit/s"]!, joinsMs: [300, 600, 800] }],
  ["100 Mbit/s that cost cores", 1.03, {
    ...LINKS["100 Mbit/s"]!,
    wireNs: 10,
    landNs: 1.5,
    joinsMs: [300, 500],
  }],
  ["400 Mbit/s", 1.1, { ...LINKS["400 Mbit/s"]!, joinsMs: [300, 500] }],
];

for (const [kind, material] of Object.entries({ sources: SOURCES, words: WORDS })) {
  for (const [link, most, path] of JOINED) {
    Deno.test(`six seconds of text take ${most} times the best at most: ${kind}, ${link}`, () => {
      const bytes = path.rates[0]![1] * 24e3;
      within(most, { ...HERE, path, bytes, material: () => material });
    });
  }
}

Deno.test("a path that is long and begins slowly is not taken to be slow", () => {
  const rates = [[0, 2], [200, 10], [400, 50], [600, 250], [800, 1000]] as const;
  const path = { rates: rates.map(([ms, mbit]) => [ms, mbit * MBIT] as const), laneBytes: 1e6 };
  const bytes = 480e6;
  within(1.25, { ...HERE, path: { ...path, rttMs: 100 }, bytes, material: () => SOURCES });
});

Deno.test("what a long and fast path has under way is not taken for what waits for it", () => {
  const path = { rates: [[0, 1000 * MBIT]] as const, laneBytes: 1e6, rttMs: 100 };
  within(1.3, { ...HERE, path, bytes: 100e6, material: () => SOURCES });
});

for (const [link, path] of Object.entries(LINKS)) {
  Deno.test(`the plan costs what does not shrink nothing: ${link}`, () => {
    const pipe = { ...HERE, path, bytes: 256e6, material: () => NOISE, level: 0 };
    for (const isFast of [false, true]) {
      assert.ok(runPipe({ ...pipe, isFast, level: null }).ms <= 1.02 * runPipe(pipe).ms);
    }
  });
}

/** A slow one behind an address of this machine's, as of a tunnel, costs what its buffers take at first. */
const SLOW = ["20 Mbit/s", "100 Mbit/s"];

for (const [kind, material] of Object.entries({ sources: SOURCES, words: WORDS })) {
  for (const [link, path] of Object.entries(LINKS)) {
    Deno.test(`a path that only looked fast is found out: ${kind}, ${link}`, () => {
      const bytes = BYTES[link] ?? MANY_BYTES;
      const most = SLOW.includes(link) ? 1.5 : 1.1;
      within(most, { ...HERE, path, bytes, material: () => material, isFast: true });
    });
  }
}

Deno.test("a gigabyte of text within the machine is not held up by what does not pay", () => {
  const path = LINKS["a loopback that costs its cores 2 s/GB"]!;
  const pipe = { ...HERE, path, bytes: 1e9, material: () => WORDS };
  const none = runPipe({ ...pipe, level: 0 });
  const told = runPipe({ ...pipe, level: null, isFast: true });
  const untold = runPipe({ ...pipe, level: null });
  assert.ok(told.ms <= 1.05 * none.ms, `${told.ms} ms against ${none.ms}`);
  assert.ok(told.ms < untold.ms);
});

Deno.test("a second of text within the machine goes as if nothing could compress", () => {
  const path = LINKS["a loopback that costs its cores 2 s/GB"]!;
  const pipe = { ...HERE, path, bytes: 256e6, material: () => SOURCES };
  const { ms, levels } = runPipe({ ...pipe, level: null, isFast: true });
  assert.ok(ms <= 1.01 * runPipe({ ...pipe, level: 0 }).ms);
  assert.ok(levels.every((level) => level === 0));
});

Deno.test("the plan finds text behind what does not shrink, and the other way round", () => {
  for (const [first, then] of [[NOISE, WORDS], [WORDS, NOISE]] as const) {
    const path = LINKS["100 Mbit/s"]!;
    const bytes = 512e6;
    within(1.1, { ...HERE, path, bytes, material: (at) => at < bytes / 2 ? first : then });
  }
});

Deno.test("the plan finds text although it compressed nothing before", () => {
  const path = LINKS["a loopback that costs its cores 2 s/GB"]!;
  const material = (at: number) => at < 2e9 ? WORDS : { ...SOURCES, rates: Array(9).fill(5_000) };
  const { levels } = runPipe({ ...HERE, path, bytes: 12e9, material, level: null });
  const third = levels.length / 6;
  assert.equal(levels.slice(0, third).includes(0), true, "nothing pays at first");
  assert.notEqual(levels.at(-1), 0, "it does at the end");
});

Deno.test("the plan follows a path that gets slower, and one that gets faster", () => {
  for (const [before, after] of [[400, 40], [40, 400]] as const) {
    const rates = [[0, before * MBIT], [10_000, after * MBIT]] as const;
    // A fixed level is best for one half only.
    within(1.1, {
      ...HERE,
      path: { rates, laneBytes: 1e6, rttMs: 10 },
      bytes: 3e9,
      material: () => SOURCES,
    });
  }
});

/** Many small files: a frame of them takes longer than its bytes, and they shrink less. */
function smallOf(text: Material): Material {
  const sizes = text.sizes.map((size) => 1.5 * size);
  return { ...text, sizes, frameBytes: 32 << 10, frameMs: 2, triedFrameMs: 3 };
}

Deno.test("frames of small files among large ones tell as little of a level as they are", () => {
  for (const [link, most] of [["100 Mbit/s", 1.05], ["400 Mbit/s", 1.1]] as const) {
    const path = LINKS[link]!;
    for (const text of [SOURCES, WORDS]) {
      const small = smallOf(text);
      for (const one of [7, 9, 11]) {
        const isSmall = (at: number) => (at / 1024) % one % 2 === 1;
        const material = (at: number) => isSmall(at) ? small : text;
        within(most, { ...HERE, path, bytes: path.rates[0]![1] * 16e3, material });
      }
    }
  }
});

Deno.test("a tree of small files does not mislead the level of the text behind it", () => {
  for (const text of [SOURCES, WORDS]) {
    const small = smallOf(text);
    for (const [link, most] of [["100 Mbit/s", 1.03], ["400 Mbit/s", 1.05]] as const) {
      const path = LINKS[link]!;
      const bytes = path.rates[0]![1] * 16e3;
      within(most, { ...HERE, path, bytes, material: (at) => at < 4e6 ? small : text });
    }
  }
});

Deno.test("runs of zeros do not mislead the level of the text between them", () => {
  for (
    const [text, link, runBytes] of [
      [SOURCES, "a loopback that costs its cores 8 s/GB", 64 << 20],
      [WORDS, "a loopback that costs its cores 2 s/GB", 16 << 20],
    ] as const
  ) {
    const material = (at: number) => Math.floor(at / runBytes) % 2 === 1 ? ZEROS : text;
    within(1.2, { ...HERE, path: LINKS[link]!, bytes: 4e9, material });
  }
});

/** The plan takes no more than so many times what the best fixed level takes. */
function within(factor: number, pipe: Omit<Pipe, "level">): void {
  const fixed = Array.from({ length: 10 }, (_, level) => runPipe({ ...pipe, level }).ms);
  const best = Math.min(...fixed);
  const { ms, levels } = runPipe({ ...pipe, level: null });
  const found = `${ms} ms at ${levels} against ${fixed}`;
  assert.ok(
    ms <= factor * best,
    `${(ms / best).toFixed(2)} times level ${fixed.indexOf(best)}: ${found}`,
  );
}

import assert from "node:assert/strict";
import { type Bar, barsOf, linkBytesPerSecond } from "./peers_bars.ts";
import { type Cell, cellKey, planCells } from "./peers_plan.ts";
import type { Sample } from "./peers_record.ts";

type Made = Pick<Cell, "path" | "shape" | "tool"> & Partial<Cell> & Partial<Sample>;

function sample(made: Made): Sample {
  const { path, shape, tool, congestion = "cubic", sysctls = "stock", ...rest } = made;
  const cell = cellKey({ path, shape, tool, congestion, sysctls, isRunTwice: false });
  return {
    cell,
    round: 0,
    pass: "first",
    bytes: 1e9,
    files: 1,
    seconds: 1,
    insideSeconds: null,
    cpuSeconds: null,
    chose: "",
    ...rest,
  };
}

function find(bars: readonly Bar[], name: string, against: string): Bar | undefined {
  return bars.find((bar) => bar.name === name && bar.against === against);
}

const LOOPBACK = { path: "loopback", shape: "random" } as const;

Deno.test("without figures there is no bar, met or not", () => {
  assert.deepEqual(barsOf([], { cores: 2 }), []);
  assert.deepEqual(barsOf([sample({ ...LOOPBACK, tool: "sftpx" })], { cores: 2 }), []);
});

Deno.test("QUIC is held against the bare pipe and what its CPU seconds allow, by its own time", () => {
  const bars = barsOf([
    sample({ ...LOOPBACK, tool: "raw QUIC", insideSeconds: 2 }),
    sample({ ...LOOPBACK, tool: "sftpx quic", seconds: 9, insideSeconds: 4, cpuSeconds: 6 }),
  ], { cores: 2 });
  const pipe = find(bars, "random, loopback, QUIC", "raw QUIC pipe");
  assert.equal(pipe?.ratio, 0.5);
  assert.equal(pipe?.isMet, false);
  const bound = find(
    bars,
    "random, loopback, QUIC",
    "what the cores would allow at its CPU seconds",
  );
  // 6 CPU seconds on two cores are 3 seconds, of the 4 that it took.
  assert.equal(bound?.ratio, 0.75);
  assert.equal(bound?.isMet, false);
});

Deno.test("scp counts with its faster cipher, and by the whole time of both programs", () => {
  const [bar] = barsOf([
    sample({ ...LOOPBACK, tool: "sftpx", seconds: 2, insideSeconds: 1 }),
    sample({ ...LOOPBACK, tool: "scp", seconds: 4 }),
    sample({ ...LOOPBACK, tool: "scp aes128-gcm", seconds: 3 }),
  ], { cores: 2 });
  assert.equal(bar?.against, "scp aes128-gcm");
  assert.equal(bar?.ratio, 1.5);
  assert.equal(bar?.isMet, true);
  assert.equal(bar?.aim, 2);
});

Deno.test("a long path has bars against scp with either TCP and against the link with either buffers", () => {
  const place = { path: "50ms", shape: "random", bytes: 50e6 } as const;
  const bars = barsOf([
    sample({ ...place, tool: "sftpx", seconds: 2, insideSeconds: 2 }),
    sample({ ...place, tool: "sftpx", sysctls: "documented", seconds: 2, insideSeconds: 1.25 }),
    sample({ ...place, tool: "scp", seconds: 20 }),
    sample({ ...place, tool: "scp", congestion: "bbr", seconds: 2.5 }),
  ], { cores: 2 });
  assert.equal(linkBytesPerSecond("50ms"), 50e6);
  const told = bars.map(({ against, ratio, isMet }) => [against, ratio, isMet]);
  assert.deepEqual(told, [
    ["scp with CUBIC", 10, true],
    ["scp with BBR", 1.25, false],
    ["link", 0.5, true],
    ["link, with the documented sysctls", 0.8, true],
  ]);
});

Deno.test("text is held against the best of those that compress", () => {
  const place = { path: "lan", shape: "text" } as const;
  const [bar] = barsOf([
    sample({ ...place, tool: "sftpx", seconds: 2 }),
    sample({ ...place, tool: "scp", seconds: 1 }),
    sample({ ...place, tool: "scp -C", seconds: 9 }),
    sample({ ...place, tool: "rsync -z", seconds: 6 }),
    sample({ ...place, tool: "rsync --zc=zstd", seconds: 4 }),
  ], { cores: 2 });
  assert.equal(bar?.against, "rsync --zc=zstd");
  assert.equal(bar?.ratio, 2);
  assert.equal(bar?.isMet, true);
});

Deno.test("trees are held against rsync, first and unchanged, in files a second", () => {
  const bars = barsOf(
    (["loopback", "80ms"] as const).flatMap((path) =>
      (["first", "unchanged"] as const).flatMap((pass) => [
        // Fewer files of more bytes must not count for more.
        sample({ path, shape: "small", pass, tool: "sftpx", files: 2000, bytes: 1, seconds: 2 }),
        sample({
          path,
          shape: "small",
          pass,
          tool: "rsync",
          files: 1000,
          bytes: 1e6,
          seconds: 1.5,
        }),
      ])
    ),
    { cores: 2 },
  );
  assert.deepEqual(bars.map(({ ratio }) => ratio), [1.5, 1.5, 1.5, 1.5]);
  assert.deepEqual(bars.map(({ isMet }) => isMet), [true, true, false, false]);
});

Deno.test("every bar's figures are in the plan, whole and quick", () => {
  for (const isQuick of [false, true]) {
    const cells = planCells({ isQuick, paths: null, shapes: null, tools: null });
    const samples = cells.flatMap((cell) =>
      (["first", "unchanged"] as const).slice(0, cell.isRunTwice ? 2 : 1).map((pass) =>
        sample({ ...cell, pass, insideSeconds: 1, cpuSeconds: 1 })
      )
    );
    const bars = barsOf(samples, { cores: 2 });
    // 3 of pipes, 1 of scp, 4 on each long path, text on the LAN and loopback, 2 x 2 x 2 of trees.
    assert.equal(bars.length, 3 + 1 + 8 + 2 + 8 + (isQuick ? 0 : 1));
  }
});

import assert from "node:assert/strict";
import {
  cellKey,
  EVERYTHING,
  idleNames,
  PATHS,
  planCells,
  repeatsOf,
  type Tool,
  unknownNames,
} from "./peers_plan.ts";

Deno.test("a cell stands in the plan once", () => {
  const keys = planCells().map(cellKey);
  assert.equal(new Set(keys).size, keys.length);
});

Deno.test("the plan has every path, and peers with both kinds of TCP on those that lose packets", () => {
  const cells = planCells();
  for (const { name, lossPercent } of Object.values(PATHS)) {
    const own = cells.filter(({ path }) => path === name);
    assert.ok(own.some(({ tool }) => tool === "sftpx"), name);
    if (lossPercent === 0) continue;
    for (const tool of ["scp", "rsync", "rsyncd", "rclone", "tar"] as const) {
      const kinds = own.filter((cell) => cell.tool === tool && cell.shape === "random");
      assert.deepEqual(kinds.map(({ congestion }) => congestion), ["cubic", "bbr"], name);
    }
  }
});

Deno.test("only tools that notice what is unchanged are run again over it, and only with trees", () => {
  const twice = planCells().filter(({ isRunTwice }) => isRunTwice);
  assert.deepEqual(
    [...new Set(twice.map(({ tool }) => tool))].sort(),
    ["rclone", "rsync", "rsyncd", "sftpx"],
  );
  assert.deepEqual([...new Set(twice.map(({ shape }) => shape))].sort(), ["modules", "small"]);
});

Deno.test("a filter takes paths, shapes and tools, a tool also by its family", () => {
  const cells = planCells({
    ...EVERYTHING,
    paths: ["loopback"],
    shapes: ["text"],
    tools: ["rsync", "scp -C"],
  });
  assert.deepEqual(
    cells.map(({ tool }) => tool).sort(),
    ["rsync", "rsync --zc=zstd", "rsync -z", "scp -C"] satisfies Tool[],
  );
  assert.ok(cells.every(({ path, shape }) => path === "loopback" && shape === "text"));
});

Deno.test("a filter that names nothing there is takes nothing", () => {
  assert.deepEqual(planCells({ ...EVERYTHING, tools: ["ftp"] }), []);
  assert.deepEqual(planCells({ ...EVERYTHING, paths: [] }), []);
});

Deno.test("names that nothing answers to are told, families and single tools are known", () => {
  const filter = { isQuick: false, paths: ["loopback", "moon"], shapes: ["text", "zeros"] };
  assert.deepEqual(
    unknownNames({ ...filter, tools: ["raw", "scp", "rsync -z", "scp -Z"] }),
    ["moon", "zeros", "scp -Z"],
  );
  assert.deepEqual(unknownNames(EVERYTHING), []);
});

Deno.test("a name that is known and has no cell beside the others is told", () => {
  const filter = { isQuick: true, paths: ["50ms"], shapes: ["random", "small"], tools: null };
  assert.deepEqual(idleNames(filter), ["small"]);
  assert.deepEqual(idleNames({ ...filter, isQuick: false }), []);
  assert.deepEqual(idleNames({ ...filter, shapes: null, tools: ["scp", "tar"] }), ["tar"]);
});

Deno.test("a quick plan is part of the whole one and keeps what the bars need", () => {
  const whole = new Set(planCells().map(cellKey));
  const quick = planCells({ ...EVERYTHING, isQuick: true }).map(cellKey);
  assert.ok(quick.length < whole.size);
  for (const key of quick) assert.ok(whole.has(key), key);
  for (
    const needed of [
      "loopback/random/raw QUIC/cubic/stock",
      "loopback/random/raw TLS/cubic/stock",
      "loopback/random/scp aes128-gcm/cubic/stock",
      "50ms/random/scp/bbr/stock",
      "50ms-1%/random/sftpx/cubic/documented",
      "lan/text/rsync --zc=zstd/cubic/stock",
      "80ms/small/rsync/cubic/stock",
    ]
  ) assert.ok(quick.includes(needed), needed);
});

Deno.test("the loopback is repeated five times and the others three, fewer when quick", () => {
  assert.equal(repeatsOf("loopback", { isQuick: false }), 5);
  assert.equal(repeatsOf("200ms", { isQuick: false }), 3);
  assert.equal(repeatsOf("loopback", { isQuick: true }), 2);
  assert.equal(repeatsOf("50ms", { isQuick: true }), 1);
});

import assert from "node:assert/strict";
import { EVERYTHING, planCells, type Tool } from "./peers_plan.ts";
import { type Cell, repeatsOf } from "./peers_plan.ts";
import {
  expectedSeconds,
  firstAmount,
  lessAmount,
  nextAmount,
  RUN_LIMIT_SECONDS,
  targetSecondsFor,
} from "./peers_size.ts";

const MIB = 1 << 20;
const LARGE = { bytes: 1024 * MIB, files: 1 };
const SMALL = { bytes: 8_192_000, files: 2000 };
const FULL = { random: LARGE, text: LARGE, small: SMALL, modules: SMALL };

function cell(tool: Tool, more: Partial<Cell> = {}): Cell {
  return {
    path: "loopback",
    shape: "random",
    tool,
    congestion: "cubic",
    sysctls: "stock",
    isRunTwice: false,
    ...more,
  };
}

Deno.test("on the loopback a shape is sent in full", () => {
  const size = { full: LARGE, targetSeconds: 3 };
  assert.equal(firstAmount(cell("scp"), size), LARGE.bytes);
  const tree = { full: SMALL, targetSeconds: 3 };
  assert.equal(firstAmount(cell("rsync", { shape: "small" }), tree), SMALL.files);
});

Deno.test("over a path that loses packets a loss-driven tool gets less than a model-driven one", () => {
  const size = { full: LARGE, targetSeconds: 10 };
  const cubic = firstAmount(cell("rsync", { path: "50ms-1%" }), size);
  const bbr = firstAmount(cell("rsync", { path: "50ms-1%", congestion: "bbr" }), size);
  assert.ok(cubic < bbr && bbr < LARGE.bytes, `${cubic} ${bbr}`);
  assert.equal(cubic % MIB, 0);
});

Deno.test("a tool that waits for each file gets few of them where waiting is long", () => {
  const size = { full: SMALL, targetSeconds: 5 };
  const scp = firstAmount(cell("scp", { path: "200ms", shape: "small" }), size);
  const tar = firstAmount(cell("tar", { path: "20ms", shape: "small" }), size);
  assert.ok(scp >= 8 && scp < 100, String(scp));
  assert.equal(tar, SMALL.files);
});

Deno.test("no first run is expected to take longer than a run may", () => {
  for (const targetSeconds of [3, 10]) {
    for (const each of planCells()) {
      const seconds = expectedSeconds({ ...each, isRunTwice: false }, {
        full: FULL[each.shape],
        targetSeconds,
      });
      assert.ok(seconds <= RUN_LIMIT_SECONDS + 2.5, `${JSON.stringify(each)} ${seconds}`);
    }
  }
});

Deno.test("the next run sends as much as the last, if that took a good time", () => {
  const size = { full: LARGE, targetSeconds: 5 };
  const rsync = cell("rsync", { path: "50ms" });
  assert.equal(nextAmount(rsync, { amount: 8 * MIB, seconds: 4 }, size), 8 * MIB);
});

Deno.test("after a run that was much too short the next sends more, and less after a long one", () => {
  const size = { full: LARGE, targetSeconds: 5 };
  const rsync = cell("rsync", { path: "50ms" });
  assert.equal(nextAmount(rsync, { amount: 8 * MIB, seconds: 1 }, size), 32 * MIB);
  assert.equal(nextAmount(rsync, { amount: 8 * MIB, seconds: 19 }, size), 2 * MIB);
});

Deno.test("there is no more to send than all", () => {
  const size = { full: LARGE, targetSeconds: 5 };
  const scp = cell("scp");
  assert.equal(nextAmount(scp, { amount: LARGE.bytes, seconds: 0.5 }, size), LARGE.bytes);
});

Deno.test("a run that had to be ended is tried with a quarter, and never with nothing", () => {
  const scp = cell("scp");
  assert.equal(lessAmount(scp, 64 * MIB), 16 * MIB);
  assert.equal(lessAmount(scp, MIB), MIB);
  assert.equal(lessAmount(cell("scp", { shape: "small" }), 8), 8);
});

Deno.test("runs are as long as a budget allows, in bounds", () => {
  const cells = planCells();
  const repeats = ({ path }: Cell) => repeatsOf(path, { isQuick: false });
  const of = (budgetSeconds: number) =>
    targetSecondsFor(cells, { budgetSeconds, full: FULL, repeats });
  assert.equal(of(0), 3);
  assert.equal(of(1e9), 10);
  const hour = of(3600);
  assert.ok(hour > 3 && hour <= 10, String(hour));
});

Deno.test("the whole plan is expected to fit an hour, and the quick one ten minutes", () => {
  const total = (isQuick: boolean, targetSeconds: number) => {
    const large = { bytes: (isQuick ? 256 : 1024) * MIB, files: 1 };
    const full = { ...FULL, random: large, text: large };
    return planCells({ ...EVERYTHING, isQuick }).reduce((sum, each) => {
      const seconds = expectedSeconds(each, { full: full[each.shape], targetSeconds });
      return sum + seconds * repeatsOf(each.path, { isQuick });
    }, 0);
  };
  assert.ok(total(false, 4) < 3600, String(total(false, 4)));
  assert.ok(total(true, 10) < 600, String(total(true, 10)));
});

import assert from "node:assert/strict";
import { printedBy } from "../../tests/own_process.ts";
import { LIMITS } from "../base/limits.ts";
import { frameCapacityBytes } from "../wire/frame.ts";
import { isCode } from "./_fixture.ts";
import { Equipment } from "./equipment.ts";

const WORKER = new URL("../../workers/chunk.ts", import.meta.url);
/** These workers have nothing to do. */
const NO_FILES = { read: [], write: [] };

function start(depth = 0): Promise<Equipment> {
  return Equipment.start({ chunkWorkerUrl: WORKER, workerCount: 1, depth, access: NO_FILES });
}

Deno.test("a transfer alone gets the depth asked for, or one that fits the workers", async () => {
  await using asked = await start(5);
  assert.equal(asked.reserveSlots(LIMITS.minChunkBytes).slots, 5);
  await using free = await start();
  assert.equal(free.reserveSlots(LIMITS.minChunkBytes).slots, LIMITS.minDepth);
});

Deno.test("large chunks get no more slots than memory allows, and the next transfer fewer", async () => {
  await using equipment = await start(64);
  const slotBytes = frameCapacityBytes(LIMITS.recordsPerFrame, LIMITS.maxChunkBytes);
  using first = equipment.reserveSlots(LIMITS.maxChunkBytes);
  assert.equal(first.slots, Math.floor(LIMITS.pipelineBytes / slotBytes));
  using second = equipment.reserveSlots(LIMITS.maxChunkBytes);
  assert.equal(second.slots, LIMITS.minSlots);
});

Deno.test("what is reserved is bounded, and free again afterwards", async () => {
  await using equipment = await start(64);
  const held: Disposable[] = [];
  const fill = () => {
    for (let i = 0; i < 1000; i++) held.push(equipment.reserveSlots(LIMITS.maxChunkBytes));
  };
  assert.throws(fill, isCode("busy"));
  const slotBytes = frameCapacityBytes(LIMITS.recordsPerFrame, LIMITS.maxChunkBytes);
  const most = Math.floor(LIMITS.pipelineBytes / slotBytes);
  const slots = most + LIMITS.minSlots * (held.length - 1);
  assert.ok(slots > most && slots * slotBytes <= 2 * LIMITS.pipelineBytes);
  for (const share of held.splice(0)) share[Symbol.dispose]();
  assert.equal(equipment.reserveSlots(LIMITS.minChunkBytes).slots, 64);
});

Deno.test("a worker that cannot start is an error, and none is left running", async () => {
  const chunkWorkerUrl = new URL("data:text/javascript,throw new Error('no')");
  await using equipment = await Equipment.start({
    chunkWorkerUrl,
    workerCount: 2,
    depth: 0,
    access: NO_FILES,
  });
  await assert.rejects(equipment.ready, isCode("worker"));
});

Deno.test("codecsLeftOut() reads SFTPX_WITHOUT", () => {
  const url = JSON.stringify(new URL("./equipment.ts", import.meta.url).href);
  const script = `import { codecsLeftOut } from ${url};
    console.log(JSON.stringify(codecsLeftOut()));`;
  assert.equal(
    printedBy(script, { SFTPX_WITHOUT: "native,direct" }),
    '["native","direct"]',
  );
  assert.equal(printedBy(script, { SFTPX_WITHOUT: "" }), "[]");
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { memoryFile } from "./_spill_fixture.ts";
import { SftpxError } from "./errors.ts";
import { NO_SPILL, type OpenSpill, SpilledBlocks, SpilledTexts } from "./spill.ts";

const BLOCK_BYTES = 16;

function blocksWith(spill: OpenSpill | undefined, held = 3): SpilledBlocks<Uint8Array> {
  const heldBytes = held * BLOCK_BYTES;
  return new SpilledBlocks({ blockBytes: BLOCK_BYTES, view: (memory) => memory, spill, heldBytes });
}

/** A spill that is counted, and takes at most so many bytes. */
function counted(mostBytes = Infinity): { spill: OpenSpill; made: () => number; puts: number[] } {
  let made = 0;
  const puts: number[] = [];
  const spill = () => {
    made++;
    const file = memoryFile({ mostBytes });
    return {
      ...file,
      write: (bytes: Uint8Array, at: number) => {
        puts.push(at);
        return file.write(bytes, at);
      },
    };
  };
  return { spill, made: () => made, puts };
}

Deno.test("blocks are what they were made, whatever lies outside and whatever of it fails", () => {
  const step = fc.record({
    block: fc.nat({ max: 12 }),
    at: fc.nat({ max: BLOCK_BYTES - 1 }),
    value: fc.option(fc.nat({ max: 255 }), { nil: null }),
  });
  // Nowhere, in a file, and in one that takes no more than some of them.
  const room = fc.constantFrom(0, 5 * BLOCK_BYTES, Infinity, null);
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), room, (steps, mostBytes) => {
    const blocks = blocksWith(mostBytes === null ? NO_SPILL : counted(mostBytes).spill);
    const model = new Map<number, Uint8Array>();
    for (const { block, at, value } of steps) {
      const expected = model.get(block) ?? new Uint8Array(BLOCK_BYTES);
      model.set(block, expected);
      if (value === null) assert.deepEqual(blocks.see(block).slice(), expected);
      else expected[at] = blocks.change(block)[at] = value;
    }
    for (const [block, expected] of model) {
      assert.deepEqual(blocks.see(block).slice(), expected);
    }
  }));
});

Deno.test("so many bytes of blocks are held, and those seen last", () => {
  const { spill, made, puts } = counted();
  const blocks = blocksWith(spill);
  for (const block of [0, 1, 2]) blocks.change(block).fill(block + 1);
  assert.deepEqual([made(), blocks.heldBytes], [0, 3 * BLOCK_BYTES], "no file before it is needed");
  blocks.see(0);
  blocks.see(3);
  assert.deepEqual(puts, [BLOCK_BYTES], "the one that was seen longest ago");
  assert.equal(blocks.heldBytes, 3 * BLOCK_BYTES);
  assert.deepEqual([...blocks.see(1)], Array(BLOCK_BYTES).fill(2));
  assert.deepEqual(puts, [BLOCK_BYTES, 2 * BLOCK_BYTES]);
  for (const block of [3, 0, 1, 2, 3, 0, 1]) blocks.see(block);
  assert.deepEqual(puts, [BLOCK_BYTES, 2 * BLOCK_BYTES, 0], "what did not change is not put again");
  assert.equal(made(), 1);
});

Deno.test("a block that is forgotten takes no room and is not put anywhere", () => {
  const { spill, puts } = counted();
  const blocks = blocksWith(spill);
  for (let block = 0; block < 50; block++) {
    blocks.change(block).fill(1);
    blocks.forget(block);
  }
  blocks.forget(1000);
  assert.deepEqual([puts.length, blocks.heldBytes], [0, BLOCK_BYTES]);
  assert.deepEqual([...blocks.see(50)], Array(BLOCK_BYTES).fill(0), "nothing of another is seen");
});

Deno.test("what the file does not take stays, and is not tried again", () => {
  const { spill, puts } = counted(2 * BLOCK_BYTES);
  const blocks = blocksWith(spill);
  for (let block = 0; block < 20; block++) blocks.change(block).fill(block + 1);
  assert.deepEqual(puts, [0, BLOCK_BYTES, 2 * BLOCK_BYTES]);
  for (let block = 0; block < 20; block++) assert.equal(blocks.see(block)[0], block + 1);
});

Deno.test("what the file has goes out of memory after it takes nothing more", () => {
  const blocks = blocksWith(counted(10 * BLOCK_BYTES).spill);
  for (let block = 0; block < 14; block++) blocks.change(block).fill(block + 1);
  const { heldBytes } = blocks;
  for (let round = 0; round < 3; round++) {
    for (let block = 0; block < 14; block++) assert.equal(blocks.see(block)[0], block + 1);
  }
  assert.ok(blocks.heldBytes <= heldBytes + BLOCK_BYTES, `${blocks.heldBytes} after ${heldBytes}`);
});

Deno.test("memory is bounded where no file takes the rest (I8)", () => {
  const isLimit = (error: unknown) => error instanceof SftpxError && error.code === "limit";
  for (const mostBytes of [0, 40, 1000]) {
    const { spill } = counted(mostBytes);
    const bounds = { spill, heldBytes: 64, limitBytes: 128 };
    const view = (memory: Uint8Array) => memory;
    const blocks = new SpilledBlocks({ blockBytes: BLOCK_BYTES, view, ...bounds });
    const texts = new SpilledTexts(bounds);
    for (let at = 0; at < 4; at++) texts.add(blocks.change(at));
    const fill = (most: number) => {
      for (let at = 4; at < most; at++) blocks.change(at);
    };
    const add = (most: number) => {
      for (let at = 4; at < most; at++) texts.add(new Uint8Array(16));
    };
    if (mostBytes === 1000) {
      fill(40);
      add(40);
    } else {
      assert.throws(() => fill(40), isLimit, `${mostBytes}`);
      assert.throws(() => add(40), isLimit, `${mostBytes}`);
    }
  }
});

Deno.test("what a file cannot read is thrown", () => {
  const file = memoryFile();
  const read = () => {
    throw new Error("EIO");
  };
  const blocks = blocksWith(() => ({ ...file, read }));
  for (let block = 0; block < 3; block++) blocks.change(block).fill(1);
  assert.throws(() => blocks.see(3), /EIO/);
  const texts = new SpilledTexts({ spill: () => ({ ...file, read }), heldBytes: 10 });
  for (let at = 0; at < 3; at++) texts.add(new Uint8Array(8));
  assert.throws(() => texts.get(0), /EIO/);
  const cut = new SpilledTexts({ spill: () => ({ ...file, read: () => 3 }), heldBytes: 10 });
  for (let at = 0; at < 3; at++) cut.add(new Uint8Array(8));
  assert.throws(() => cut.get(0), /cut/);
});

Deno.test("texts are what was added, whatever lies outside and whatever of it fails", () => {
  const text = fc.uint8Array({ maxLength: 40 });
  const room = fc.constantFrom(0, 100, Infinity, null);
  const asked = fc.array(fc.nat(), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 60 }), asked, room, (texts, asks, mostBytes) => {
      const spill = mostBytes === null ? NO_SPILL : counted(mostBytes).spill;
      const kept = new SpilledTexts({ spill, heldBytes: 64 });
      texts.forEach((text, at) => {
        kept.add(text);
        const ask = (asks[at] ?? 0) % (at + 1);
        assert.deepEqual([...kept.get(ask)], [...texts[ask]!]);
      });
      assert.equal(kept.length, texts.length);
      for (const [at, text] of texts.entries()) assert.deepEqual([...kept.get(at)], [...text]);
      if (mostBytes === Infinity) assert.ok(kept.heldBytes <= 64 + 40, `${kept.heldBytes}`);
      assert.throws(() => kept.get(texts.length), RangeError);
    }),
  );
});

Deno.test("a text that is added is kept as it was", () => {
  const texts = new SpilledTexts({ spill: counted().spill, heldBytes: 4 });
  const text = Uint8Array.of(1, 2, 3);
  texts.add(text);
  text.fill(9);
  assert.deepEqual([...texts.get(0)], [1, 2, 3]);
});

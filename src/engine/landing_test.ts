import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { fileEntry, recordOf } from "./_fixture.ts";
import { LandingFrames } from "./landing.ts";
import { ReceiveFile } from "./receive_file.ts";

const file = new ReceiveFile(0, { entry: fileEntry("a", 8), chunks: 2, fresh: true });
const landing = { file, record: recordOf(0, 0) };

function numbers(stored: readonly { frame: number }[]): number[] {
  return stored.map(({ frame }) => frame);
}

Deno.test("a frame that awaits nothing is stored at once", () => {
  const frames = new LandingFrames();
  assert.deepEqual(numbers(frames.await(4, { carriers: [], repeats: [file] })), [4]);
  assert.equal(frames.isOpen(4), false);
});

Deno.test("a frame is stored when its own landing is over", () => {
  const frames = new LandingFrames();
  frames.start(4, [landing]);
  assert.deepEqual(frames.await(4, { carriers: [4], repeats: [] }), []);
  assert.equal(frames.isOpen(4), true);
  assert.deepEqual(frames.take(4), [landing]);
  assert.deepEqual(numbers(frames.over(4)), [4]);
  assert.deepEqual(frames.over(4), [], "and only once");
});

Deno.test("a frame that repeats landing chunks waits for every frame that carries them", () => {
  const frames = new LandingFrames();
  frames.start(1, [landing]);
  frames.await(1, { carriers: [1], repeats: [] });
  frames.start(-1, [landing]);
  frames.await(2, { carriers: [1, -1], repeats: [file] });
  frames.take(1);
  assert.deepEqual(numbers(frames.over(1)), [1]);
  frames.take(-1);
  const [stored] = frames.over(-1);
  assert.equal(stored?.frame, 2);
  assert.deepEqual([...stored.repeats], [file]);
});

Deno.test("a frame that comes again while it lands waits for the same landing", () => {
  const frames = new LandingFrames();
  frames.start(1, [landing]);
  frames.await(1, { carriers: [1], repeats: [] });
  assert.deepEqual(frames.await(1, { carriers: [1], repeats: [file] }), []);
  frames.take(1);
  assert.deepEqual(numbers(frames.over(1)), [1]);
});

Deno.test("a frame number that comes with other chunks while it lands is refused", () => {
  const frames = new LandingFrames();
  frames.start(1, [landing]);
  assert.throws(
    () => frames.start(1, [landing]),
    (error) => error instanceof SftpxError && error.code === "protocol" && error.remote,
  );
});

Deno.test("take() of a frame that is not landing is a mistake of the caller", () => {
  assert.throws(() => new LandingFrames().take(1), RangeError);
});

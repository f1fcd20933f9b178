// A walk on a short path is over before the first frame is planned, but never holds frames back for long:
// the order of the two in real transfers on one machine.

import assert from "node:assert/strict";
import { Sender } from "../../src/engine/sender.ts";
import { Workshop } from "../../src/session/workshop.ts";
import { file, makeTree, readTree } from "../e2e/trees.ts";
import { assertDone, Place } from "./place.ts";

/** More than two batches of a walk. */
const FILES = 1_200;
/** A machine that is busy for longer than frames wait sends some before the walk is over. */
const TRIES = 5;

function treeOf(files: number) {
  return Object.fromEntries(
    Array.from({ length: files }, (_, at) => [`f${at}`, file(`file ${at}`)]),
  );
}

/** Sees what sending halves of this process do, each thing once, until it is disposed of. */
class Order implements Disposable {
  readonly did: string[] = [];
  readonly #framed = Promise.withResolvers<void>();
  readonly #undo = new DisposableStack();

  constructor() {
    const { endEntries, pollFrames } = Sender.prototype;
    this.#undo.defer(() => Object.assign(Sender.prototype, { endEntries, pollFrames }));
    const note = (what: string) => void (this.did.includes(what) || this.did.push(what));
    const framed = () => this.#framed.resolve();
    Sender.prototype.endEntries = function () {
      endEntries.call(this);
      note("walk over");
    };
    Sender.prototype.pollFrames = function (...args) {
      const frames = pollFrames.apply(this, args);
      if (frames.length === 0) return frames;
      note("frame");
      framed();
      return frames;
    };
  }

  /** Settles with the first frame that is planned. */
  get framed(): Promise<void> {
    return this.#framed.promise;
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}

Deno.test("on a short path a walk is over before the first frame", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeTree(`${server.root}/tree`, treeOf(FILES));
  const seen: string[] = [];
  for (let at = 0; at < TRIES; at++) {
    using order = new Order();
    assertDone(await place.pull([server.remote("tree/")], `back${at}`).summary);
    seen.push(order.did.join(", "));
    if (seen.at(-1) === "walk over, frame") return;
  }
  assert.fail(`it never was: ${seen.join("; ")}`);
});

Deno.test("frames do not wait for a walk that stands still", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeTree(place.path("tree"), treeOf(FILES));
  using order = new Order();
  const { walker } = Workshop.prototype;
  using undo = new DisposableStack();
  undo.defer(() => Object.assign(Workshop.prototype, { walker }));
  Workshop.prototype.walker = function (this: Workshop) {
    const inner = walker.call(this);
    return {
      async *walk(...args) {
        for await (const batch of inner.walk(...args)) {
          yield batch;
          await order.framed;
        }
      },
    };
  };
  assertDone(await place.push(["tree/"], server.remote("copy")).summary);
  assert.deepEqual(order.did, ["frame", "walk over"]);
  assert.deepEqual(await readTree(`${server.root}/copy`), await readTree(place.path("tree")));
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { inDirectory, makeTree } from "./_fixture.ts";
import type { WalkBatch, WalkOptions, WalkSource } from "./store.ts";
import { walk } from "./walk.ts";

/** A walk that takes one thing a step: its clock leaps past the end of a step whenever it is asked. */
class SlowWalk {
  readonly #steps: Generator<WalkBatch, void>;
  readonly paths: string[] = [];
  readonly notices: unknown[] = [];
  steps = 0;

  constructor(sources: readonly WalkSource[], options: WalkOptions = {}) {
    let nowMs = 0;
    this.#steps = walk(sources, { ...options, nowMs: () => nowMs += 1000 });
  }

  /** One step; false at the end. */
  step(): boolean {
    const { value, done } = this.#steps.next();
    if (done === true) return false;
    this.steps++;
    this.paths.push(...value.entries.map((entry) => entry.path));
    this.notices.push(...value.notices.map((notice) => [notice.path, notice.code]));
    return true;
  }

  /** Walks until a path came, or to the end. */
  until(path: string | null): this {
    while ((path === null || !this.paths.includes(path)) && this.step());
    if (path !== null) assert.equal(this.paths.at(-1), path, "it came in a step of its own");
    return this;
  }
}

function contentsOf(path: string): WalkSource {
  return { path, name: "c", contents: true, follow: false };
}

function named(path: string, name: string): WalkSource {
  return { path, name, contents: false, follow: false };
}

/** Puts a link where something stands. */
function swap(path: string, target: string): void {
  fs.renameSync(path, `${path}.moved`);
  fs.symlinkSync(target, path);
}

Deno.test("walk() does not read a directory that became a link since it was seen", () =>
  inDirectory((root) => {
    makeTree(root, ["d/z/x", "d/z-1", "outside/secret"]);
    const walking = new SlowWalk([named(join(root, "d"), "d")]).until("d/z");
    swap(join(root, "d/z"), join(root, "outside"));
    walking.until(null);
    assert.deepEqual(walking.paths, ["d", "d/z", "d/z-1"]);
    assert.deepEqual(walking.notices, [["d/z", "source_missing"]]);
  }));

Deno.test("walk() tells no name from behind such a link, not even one that cannot travel", () =>
  inDirectory((root) => {
    makeTree(root, ["d/z/x", "outside/"]);
    spawnSync("sh", ["-c", "touch $(printf 'secret\\376') $(printf 'secret\\377')"], {
      cwd: join(root, "outside"),
    });
    assert.equal(fs.readdirSync(join(root, "outside")).length, 2);
    const walking = new SlowWalk([named(join(root, "d"), "d")]).until("d/z");
    swap(join(root, "d/z"), join(root, "outside"));
    walking.until(null);
    assert.deepEqual(walking.notices, [["d/z", "source_missing"]]);
  }));

Deno.test("walk() sends nothing of a directory once a link stands above it", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a/b/1", "d/a/b/2", "d/a/b/3", "d/c", "outside/b/2", "outside/b/3"]);
    const walking = new SlowWalk([contentsOf(join(root, "d"))]).until("a/b/1");
    swap(join(root, "d/a"), join(root, "outside"));
    walking.until(null);
    assert.deepEqual(walking.paths, ["a", "a/b", "a/b/1", "c"]);
    assert.deepEqual(walking.notices, [["a/b", "source_missing"]], "told once");
  }));

Deno.test("walk() does not take up a directory again that was away meanwhile", () =>
  inDirectory((root) => {
    makeTree(root, ["d/1", "d/2", "d/3", "outside/2"]);
    const walking = new SlowWalk([named(join(root, "d"), "d")]).until("d/1");
    swap(join(root, "d"), join(root, "outside"));
    assert.equal(walking.step(), true);
    fs.rmSync(join(root, "d"));
    fs.renameSync(join(root, "d.moved"), join(root, "d"));
    walking.until(null);
    assert.deepEqual([walking.paths, walking.notices], [["d", "d/1"], [["d", "source_missing"]]]);
  }));

Deno.test("walk() stops where the directory whose contents it sends is another one", () =>
  inDirectory((root) => {
    makeTree(root, ["d/1", "d/2", "d/e/f", "outside/2", "outside/e/f"]);
    const walking = new SlowWalk([contentsOf(join(root, "d"))]).until("1");
    swap(join(root, "d"), join(root, "outside"));
    walking.until(null);
    assert.deepEqual([walking.paths, walking.notices], [["1"], [["c", "source_missing"]]]);
  }));

Deno.test("walk() goes on with the sources that are still what they were", () =>
  inDirectory((root) => {
    makeTree(root, ["1/d/a", "1/d/b", "2/d/a2", "2/d/c", "outside/b"]);
    const sources = [named(join(root, "1/d"), "d"), named(join(root, "2/d"), "d")];
    const walking = new SlowWalk(sources).until("d/a");
    swap(join(root, "1/d"), join(root, "outside"));
    walking.until(null);
    assert.deepEqual(walking.paths, ["d", "d/a", "d/a2", "d/c"]);
    assert.deepEqual(walking.notices, [["d", "source_missing"]]);
  }));

Deno.test("walk() goes through no directory of a list that became a link", () =>
  inDirectory((root) => {
    makeTree(root, ["d/e/f", "d/e/g", "outside/g"]);
    const options = { files: ["e/f", "e/g"] };
    const walking = new SlowWalk([contentsOf(join(root, "d"))], options).until("e/f");
    swap(join(root, "d/e"), join(root, "outside"));
    walking.until(null);
    assert.deepEqual([walking.paths, walking.notices], [["e", "e/f"], [["e", "source_missing"]]]);
  }));

Deno.test("walk() refuses a source that was real and leads through a link by now", () =>
  inDirectory((root) => {
    makeTree(root, ["d/e/f", "outside/e/f", "other", "d/l->e"]);
    const at = (path: string) => join(root, path);
    const real = (source: WalkSource): WalkSource => ({ ...source, root });
    const link = new SlowWalk([real(named(at("d/l"), "l"))]).until(null);
    assert.deepEqual(link.paths, ["l"], "a source may be a link itself");
    const refused = { code: "refused", message: /^Cannot read "[cef]": it leads through a link$/ };
    assert.throws(() => new SlowWalk([real(contentsOf(at("d/l")))]).until(null), refused);
    swap(at("d"), at("outside"));
    for (const source of [named(at("d/e/f"), "f"), named(at("d/e"), "e"), contentsOf(at("d/e"))]) {
      assert.throws(() => new SlowWalk([real(source)]).until(null), refused);
      assert.deepEqual(new SlowWalk([source]).until(null).notices, [], "a user's own may");
    }
    const two = new SlowWalk([real(named(at("d/e/f"), "f")), real(named(at("other"), "o"))]);
    assert.deepEqual(two.until(null).notices, [["f", "refused"]]);
    assert.deepEqual(two.paths, ["o"], "the others go on");
  }));

Deno.test("walk() looks for links above a source also when its turn comes late", () =>
  inDirectory((root) => {
    makeTree(root, ["a", "d/z", "outside/z"]);
    const real = [named(join(root, "a"), "a"), named(join(root, "d/z"), "z")]
      .map((source) => ({ ...source, root }));
    const walking = new SlowWalk(real).until("a");
    swap(join(root, "d"), join(root, "outside"));
    walking.until(null);
    assert.deepEqual([walking.paths, walking.notices], [["a"], [["z", "source_missing"]]]);
  }));

Deno.test("walk() ends a step when its time is up, though it found nothing", () =>
  inDirectory((root) => {
    makeTree(root, Array.from({ length: 20 }, (_, i) => `d/x${i}`));
    const filters = [{ include: false, pattern: "x*" }];
    const walking = new SlowWalk([contentsOf(join(root, "d"))], { filters }).until(null);
    assert.ok(walking.steps >= 20, `${walking.steps} steps`);
    assert.deepEqual(walking.paths, []);
  }));

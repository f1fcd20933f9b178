import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TransferOptions } from "./options.ts";
import { Workshop } from "./workshop.ts";

const CHUNK = new URL("../../workers/chunk.ts", import.meta.url);
const STORE = new URL("../../workers/store.ts", import.meta.url);
const DEAF = new URL("data:text/javascript,onmessage = () => {}");

function workshopWith({ chunk = CHUNK, store = STORE, dryRun = false }): Workshop {
  const workers = { chunk, store };
  const options = { workers, workerCount: 1, depth: 0, dryRun, onEvent: () => {} };
  return new Workshop(options as unknown as TransferOptions, {
    access: { read: [], write: [] },
    onlyWalks: false,
  });
}

Deno.test("a workshop that is closed leaves nothing running; chunk workers wait for what they are to do", async () => {
  const before = globalThis.Worker;
  const running = new Set<Worker>();
  globalThis.Worker = class extends before {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      running.add(this);
    }
    override terminate(): void {
      running.delete(this);
      super.terminate();
    }
  };
  try {
    await using workshop = workshopWith({});
    const equipment = await workshop.equipment();
    assert.equal(
      running.size,
      1,
      "the store's starts at once, the other one has nothing to do yet",
    );
    equipment?.warm();
    assert.equal(running.size, 2);
    const [store, same] = await Promise.all([workshop.store(null), workshop.store(null)]);
    assert.equal(store, same);
    assert.equal(running.size, 2, "two who ask at once get the same store");
  } finally {
    globalThis.Worker = before;
  }
  assert.equal(running.size, 0);
});

Deno.test("there is equipment before its workers are ready, and none in a dry run", async () => {
  await using workshop = workshopWith({ chunk: DEAF });
  assert.equal((await workshop.equipment())?.pool.codecs, null);
  await using dry = workshopWith({ dryRun: true });
  assert.equal(await dry.equipment(), null);
});

Deno.test("a walker is there before its store is, and its store's failure is the walk's", async () => {
  await using workshop = workshopWith({ dryRun: true });
  const paths: string[] = [];
  const path = import.meta.filename ?? "";
  const source = { path, name: "it", contents: false, follow: false };
  for await (const batch of workshop.walker().walk([source])) {
    paths.push(...batch.entries.map(({ path }) => path));
  }
  assert.deepEqual(paths, ["it"]);
  const dead = new URL("data:text/javascript,throw new Error('no')");
  await using broken = workshopWith({ store: dead, dryRun: true });
  await assert.rejects(broken.walker().walk([])[Symbol.asyncIterator]().next(), {
    code: "worker",
  });
});

Deno.test("a store of another root takes the place of the first, which is closed", async () => {
  const work = fs.mkdtempSync(join(tmpdir(), "sftpx-workshop-"));
  try {
    await using workshop = workshopWith({ dryRun: true });
    const [one, two] = [join(work, "one"), join(work, "two")];
    for (const root of [one, two]) fs.mkdirSync(root);
    const first = await workshop.store(one);
    assert.equal(await workshop.store(one), first);
    assert.notEqual(await workshop.store(two), first);
    await assert.rejects(first.resumable(), { code: "worker" });
    assert.deepEqual(fs.readdirSync(one), [], "nothing is left of it");
  } finally {
    fs.rmSync(work, { recursive: true });
  }
});

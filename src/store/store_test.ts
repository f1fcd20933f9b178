import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { graphOf } from "../../tests/module_graph.ts";
import { describeStore } from "./_conformance.ts";
import {
  asyncFace,
  digest,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  makeTree,
  transferOf,
  wholeFile,
} from "./_fixture.ts";
import { DiskStore } from "./disk_store.ts";
import { openStore } from "./open.ts";

const WORKER_URL = new URL("../../workers/store.ts", import.meta.url);

describeStore(
  "DiskStore",
  (root, keep) => Promise.resolve(asyncFace(new DiskStore({ root, keep }))),
);
describeStore("openStore()", (root, keep) => openStore({ root, keep, workerUrl: WORKER_URL }));

Deno.test("openStore() rejects with the reason when the root cannot be used", () =>
  inDirectory(async (root) => {
    makeTree(root, ["file"]);
    const options = { root: join(root, "file"), keep: false, workerUrl: WORKER_URL };
    await assert.rejects(openStore(options), { name: "SftpxError", code: "conflict" });
  }));

Deno.test("openStore() without a root walks and does nothing else", () =>
  inDirectory(async (root) => {
    makeTree(root, ["a"]);
    const store = await openStore({ root: null, keep: false, workerUrl: WORKER_URL });
    const message = "Cannot receive: the store has no root";
    await assert.rejects(store.begin(transferOf()), { name: "SftpxError", message });
    const source = { path: root, name: "r", contents: true, follow: false };
    const walked = await Array.fromAsync(store.walk([source]));
    assert.deepEqual(walked.flatMap(({ entries }) => entries.map(({ path }) => path)), ["a"]);
    await store.close();
  }));

Deno.test("a store whose worker dies rejects what waits and what comes", () =>
  inDirectory(async (root) => {
    // Answers the opening, then dies of the next message.
    const dying = join(root, "dying.js");
    fs.writeFileSync(
      dying,
      `self.onmessage = (event) => {
        if (event.data.kind !== "open") throw new Error("bang");
        self.postMessage({ kind: "answer", call: event.data.call, value: undefined });
      };`,
    );
    const workerUrl = new URL(`file://${dying}`);
    const store = await openStore({ root: null, keep: false, workerUrl });
    const waiting = [store.begin(transferOf()), store.resumable()];
    for (const call of waiting) await assert.rejects(call, { name: "SftpxError", code: "worker" });
    await assert.rejects(store.resumable(), { code: "worker" });
    await assert.rejects(async () => {
      for await (const _ of store.walk([]));
    }, { code: "worker" });
    await assert.rejects(store.close(), { code: "worker" });
  }));

Deno.test("stores that open and close one root at once never trip over each other", () =>
  inDirectory(async (root) => {
    await Promise.all([1, 2, 3, 4].map(async (number) => {
      for (let round = 0; round < 5; round++) {
        const store = await openStore({ root, keep: false, workerUrl: WORKER_URL });
        const key = digest(number);
        const name = `${number}-${round}`;
        const { id } = await store.begin(transferOf({ key, sources: [fileSource(name)] }));
        const [placement] = await store.register(id, 0, [fileEntry(name, 1)], [0]);
        fillPart(placement, "x");
        const run = { entry: 0, first: 0, digests: digest(1), synced: false };
        await store.journal(id, [run]);
        await store.placeDirectories(id);
        assert.deepEqual((await store.commit(id, [wholeFile(0)])).failures, []);
        await store.finish(id);
        await store.close();
      }
    }));
    const names = fs.readdirSync(root);
    assert.deepEqual([names.length, names.filter((name) => name.startsWith("."))], [20, []]);
  }));

Deno.test("a store's worker walks before it has loaded what holds a root", () => {
  const { modules } = graphOf(WORKER_URL);
  assert.ok([...modules].some((href) => href.endsWith("/src/store/walk.ts")));
  // The face itself is types.
  for (const name of ["disk_store", "receive", "journal", "store"]) {
    assert.ok(![...modules].some((href) => href.endsWith(`/src/store/${name}.ts`)), name);
  }
});

Deno.test("openStore() tells its worker beforehand that there will be a root", () =>
  inDirectory(async (root) => {
    const telling = join(root, "telling.js");
    fs.writeFileSync(
      telling,
      `const kinds = [];
      self.onmessage = ({ data: { kind, call } }) => {
        kinds.push(kind);
        if (call !== undefined) self.postMessage({ kind: "failure", call, message: kinds.join() });
      };`,
    );
    const options = { keep: false, workerUrl: pathToFileURL(telling) };
    await assert.rejects(openStore({ ...options, root }), { message: "receives,open" });
    await assert.rejects(openStore({ ...options, root: null }), { message: "open" });
  }));

Deno.test("openStore() ends a walk when its signal aborts", () =>
  inDirectory(async (root) => {
    makeTree(root, ["a", "b"]);
    const store = await openStore({ root: null, keep: false, workerUrl: WORKER_URL });
    const stop = new AbortController();
    const source = { path: root, name: "r", contents: true, follow: false };
    await assert.rejects(async () => {
      for await (const _ of store.walk([source], { signal: stop.signal })) {
        stop.abort(new Error("enough"));
      }
    }, /enough/);
    await store.close();
  }));

Deno.test("openStore() hands on no step of a walk that found nothing", () =>
  inDirectory(async (root) => {
    const idle = join(root, "idle.js");
    fs.writeFileSync(
      idle,
      `const batch = (paths) => ({
        entries: { paths, flags: [0], modes: [0], sizes: [0], mtimes: [0n], targets: [] },
        sources: [0],
        heads: paths.map(() => ({ head: "/", count: 1 })),
        whole: [],
        notices: [],
      });
      const steps = [batch([]), batch([]), batch(["a"]), batch([]), batch(["b"]), batch([])];
      self.onmessage = ({ data: { kind, call } }) => {
        if (call === undefined) return;
        const value = kind === "walk_next" ? steps.shift() ?? null : undefined;
        self.postMessage({ kind: "answer", call, value });
      };`,
    );
    const workerUrl = new URL(`file://${idle}`);
    const store = await openStore({ root: null, keep: false, workerUrl });
    const taken: unknown[] = [];
    for await (const { paths } of store.walk([])) taken.push(paths);
    assert.deepEqual(taken, [["/a"], ["/b"]]);
    await store.close();
  }));

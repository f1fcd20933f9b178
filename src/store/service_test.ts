import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../base/limits.ts";
import { ROWS_A_STEP } from "./forgetting.ts";
import type { Entry, PlanStep } from "../wire/messages.ts";
import {
  digest,
  directoryEntry,
  directorySource,
  fileEntry,
  fillPart,
  inDirectory,
  linkEntry,
  transferOf,
} from "./_fixture.ts";
import { DiskStore } from "./disk_store.ts";
import { packEntries } from "./entry_columns.ts";
import type { StoreMethod, StoreReply, StoreRequest } from "./messages.ts";
import { type PlacementColumns, unpackPlacements } from "./placement_columns.ts";
import { packRuns } from "./run_columns.ts";
import { StoreService } from "./service.ts";
import type { Begun, JournalRun, Outcome, Placement, Store, WholeFile } from "./store.ts";
import { packWholeFiles } from "./whole_columns.ts";

const LINKS = 20;

/** A service whose every step is a slice of its own, and that goes on only when it is told to. */
class Bench {
  readonly replies: StoreReply[] = [];
  readonly #service: StoreService;
  #nowMs = 0;
  #asked = 0;
  #turns = 0;

  constructor() {
    this.#service = new StoreService({
      makeStore: (options) => new DiskStore(options),
      post: (reply) => this.replies.push(reply),
      later: () => this.#turns++,
      nowMs: () => this.#nowMs += LIMITS.storeStepMs,
    });
  }

  open(root: string): void {
    const call = ++this.#asked;
    this.#service.handle({
      kind: "open",
      call,
      root,
      keep: false,
      readOnly: false,
      keepForMs: 1e9,
    });
  }

  ask<M extends StoreMethod>(method: M, ...args: Parameters<Store[M]>): number {
    const call = ++this.#asked;
    const request = { kind: "call", call, method, args: packed(method, args) } as StoreRequest;
    this.#service.handle(request);
    return call;
  }

  /** Goes on once; false where nothing is left. */
  turn(): boolean {
    if (this.#turns === 0) return false;
    this.#turns--;
    this.#service.goOn();
    return true;
  }

  /** What a call was answered; null while it was not. */
  answer<T>(call: number): T | null {
    const reply = this.replies.find((one) => one.call === call);
    if (reply?.kind === "failure") throw Object.assign(new Error(reply.message), reply);
    return reply === undefined ? null : reply.value as T;
  }

  /** The answer once it is there. */
  get<T>(call: number): T {
    while (this.answer<T>(call) === null) assert.ok(this.turn());
    return this.answer<T>(call)!;
  }

  placements(call: number): Placement[] {
    return unpackPlacements(this.get<PlacementColumns>(call));
  }

  begin(name: string, { dryRun = false } = {}): number {
    const sources = [directorySource(name)];
    const key = digest(name.charCodeAt(0));
    const call = this.ask("begin", transferOf({ key, sources, given: [name], dryRun }));
    return this.get<Begun>(call).id;
  }
}

/** What a call is made with, as it travels. */
function packed(method: StoreMethod, args: readonly unknown[]): readonly unknown[] {
  switch (method) {
    case "plan":
    case "register":
      return args.with(2, packEntries(args[2] as Entry[]));
    case "journal":
      return args.with(1, packRuns(args[1] as JournalRun[]));
    case "commit":
      return args.with(1, packWholeFiles(args[1] as WholeFile[]));
    default:
      return args;
  }
}

function linksIn(name: string): Entry[] {
  const links = Array.from({ length: LINKS }, (_, i) => linkEntry(`${name}/l${10 + i}`, "f"));
  return [directoryEntry(name), ...links];
}

async function onBench(body: (bench: Bench, root: string) => void): Promise<void> {
  await inDirectory((root) => {
    const bench = new Bench();
    bench.open(root);
    try {
      body(bench, root);
    } finally {
      bench.ask("close");
    }
  });
}

Deno.test("another transfer's calls are answered between the steps of a long one", () =>
  onBench((bench, root) => {
    const [a, b] = [bench.begin("a"), bench.begin("b")];
    const entries = linksIn("a");
    const sources = entries.map(() => 0);
    const small = [directoryEntry("b")];

    const long = bench.ask("register", a, 0, entries, sources);
    assert.equal(bench.answer(long), null);
    const short = bench.placements(bench.ask("register", b, 0, small, [0]));
    assert.deepEqual(short, [{ kind: "later" }]);
    assert.equal(bench.answer(long), null);
    assert.equal(bench.placements(long).length, entries.length);

    bench.get<Outcome>(bench.ask("placeDirectories", a));
    const finish = bench.ask("finish", a);
    bench.turn();
    bench.get<Outcome>(bench.ask("placeDirectories", b));
    const { committed } = bench.get<Outcome>(bench.ask("finish", b));
    assert.deepEqual([committed, bench.answer(finish)], [[0], null]);
    assert.ok(fs.readdirSync(join(root, "a")).length < LINKS, "not all links are made yet");
    assert.equal(bench.get<Outcome>(finish).committed.length, entries.length);
    assert.equal(fs.readdirSync(join(root, "a")).length, LINKS);
  }));

Deno.test("making directories and planning give way as well", () =>
  onBench((bench) => {
    const a = bench.begin("a");
    const entries = [
      directoryEntry("a"),
      ...[..."bcdefg"].map((name) => directoryEntry(`a/${name}`)),
    ];
    const sources = entries.map(() => 0);
    bench.get(bench.ask("register", a, 0, entries, sources));
    const place = bench.ask("placeDirectories", a);
    assert.equal(bench.answer(place), null);
    bench.get<Outcome>(place);
    const dry = bench.begin("z", { dryRun: true });
    const links = linksIn("z");
    const plan = bench.ask("plan", dry, 0, links, links.map(() => 0));
    assert.equal(bench.answer(plan), null);
    assert.equal(bench.get<PlanStep[]>(plan).length, links.length);
  }));

Deno.test("what one transfer asks for is done in order, however long it takes", () =>
  onBench((bench) => {
    const a = bench.begin("a");
    const entries = linksIn("a");
    const [some, rest] = [entries.slice(0, 8), entries.slice(8)];
    const calls = [
      bench.ask("register", a, 0, some, some.map(() => 0)),
      bench.ask("register", a, some.length, rest, rest.map(() => 0)),
      bench.ask("journal", a, []),
      bench.ask("placeDirectories", a),
      bench.ask("finish", a),
    ];
    assert.equal(bench.get<Outcome>(calls.at(-1)!).committed.length, entries.length);
    const answered = bench.replies.map(({ call }) => call).filter((call) => calls.includes(call));
    assert.deepEqual(answered, calls);
  }));

Deno.test("what attempts before have left is forgotten in steps, however much it is", () =>
  onBench((bench, root) => {
    const held = 2 * ROWS_A_STEP + 1;
    const files = Array.from({ length: held }, (_, i) => fileEntry(`a/f${1000 + i}`, 1));
    const entries = [directoryEntry("a"), ...files];
    const first = bench.begin("a");
    const placed = bench.placements(
      bench.ask("register", first, 0, entries, entries.map(() => 0)),
    );
    placed.slice(1).forEach((placement) => fillPart(placement, "x"));
    const runs = files.map((_, i) => ({
      entry: i + 1,
      first: 0,
      digests: digest(1),
      synced: true,
    }));
    bench.get(bench.ask("journal", first, runs));
    bench.get(bench.ask("abandon", first));
    assert.equal(partsIn(root).length, held);

    // The sender has none of them any more.
    const [second, other] = [bench.begin("a"), bench.begin("b")];
    bench.get(bench.ask("register", second, 0, [directoryEntry("a")], [0]));
    bench.get(bench.ask("placeDirectories", second));
    const finish = bench.ask("finish", second);
    const left = new Set<number>();
    while (bench.answer<Outcome>(finish) === null) {
      assert.ok(bench.turn());
      left.add(partsIn(root).length);
      bench.get(bench.ask("register", other, 0, [], []));
    }
    assert.deepEqual([...left], [held, held - ROWS_A_STEP, 1, 0]);
    bench.get(bench.ask("abandon", other));
    assert.deepEqual(bench.get(bench.ask("resumable")), []);
  }));

Deno.test("a transfer that is put aside waits for nothing that it asked for", () =>
  onBench((bench) => {
    const a = bench.begin("a");
    const entries = linksIn("a");
    const long = bench.ask("register", a, 0, entries, entries.map(() => 0));
    const behind = bench.ask("placeDirectories", a);
    const abandon = bench.ask("abandon", a);
    assert.equal(bench.replies.at(-1)?.call, abandon);
    for (const call of [long, behind]) {
      assert.throws(() => bench.answer(call), { code: "terminated" });
    }
    while (bench.turn());
    assert.equal(bench.replies.filter(({ call }) => [long, behind].includes(call)).length, 2);
    // Its place is free again.
    bench.begin("a");
  }));

/** Parts that lie in a root. */
function partsIn(root: string): string[] {
  const found = fs.readdirSync(join(root, ".sftpx/parts"), { recursive: true }).map(String);
  return found.filter((name) => /^[0-9a-f]{16}\/[0-9a-f]+\/[0-9a-f]+$/.test(name));
}

// One end lies, the other one ends the transfer in order. Whatever is said, nothing appears under a
// final name that was not verified (the model store checks I1 and I2 with every step).

import assert from "node:assert/strict";
import { SftpxError } from "../../src/base/errors.ts";
import type { Entry, Message, SealedFile } from "../../src/wire/messages.ts";
import type { ChunkRecord } from "../../src/wire/frame.ts";
import { Random } from "./clock.ts";
import { assertDone, failedPaths } from "./expectation.ts";
import type { Lie } from "./link.ts";
import { ModelDisk } from "./model_disk.ts";
import { ModelSource, type SimulatedFrame } from "./model_source.ts";
import { type Attempt, type AttemptOptions, runAttempt } from "./simulation.ts";

const SEEDS = 25;

interface Told {
  readonly attempt: Attempt;
  readonly disk: ModelDisk;
}

/** Runs many transfers in which `lie` is told once; answers those in which it was. */
function tell(
  make: (once: () => boolean, random: Random) => NonNullable<AttemptOptions["lies"]>,
  { stand = false, deletes = false, hint = () => null }: {
    stand?: boolean;
    deletes?: boolean;
    /** Where the receiver says that what is missing begins. */
    hint?: (source: ModelSource, random: Random) => string | null;
  } = {},
): Told[] {
  const runs: Told[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed);
    const chunkBytes = random.pick([4, 16]);
    const source = new ModelSource(random, { chunkBytes });
    const disk = new ModelDisk();
    if (stand) standAltered(source, disk);
    disk.frontier = hint(source, random);
    let told = false;
    const once = () => !told && (told = true);
    const lies = make(once, random);
    const options = { random, source, disk, chunkBytes, attempt: 0, delete: deletes, lies };
    const attempt = runAttempt(options);
    if (told) runs.push({ attempt, disk });
  }
  assert.ok(runs.length > 5, `the lie was told only ${runs.length} times`);
  return runs;
}

/** Every file stands there already, its first byte another one. */
function standAltered(source: ModelSource, disk: ModelDisk): void {
  for (const { entry, bytes } of source.nodes) {
    if (entry.kind === "directory") disk.finals.set(entry.path, { kind: "directory" });
    if (entry.kind !== "file" || bytes.byteLength === 0) continue;
    const standing = bytes.slice();
    standing[0]! ^= 1;
    disk.finals.set(entry.path, { kind: "file", bytes: standing, record: null });
  }
}

function flipped(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  other[0]! ^= 1;
  return other;
}

/** A lie about one type of message, told the first time it comes. */
function about<T extends Message["type"]>(
  type: T,
  once: () => boolean,
  lie: (message: Extract<Message, { type: T }>) => readonly Message[] | null,
): Lie<Message> {
  return (message) => {
    if (message.type !== type) return [message];
    const said = lie(message as Extract<Message, { type: T }>);
    return said !== null && once() ? said : [message];
  };
}

function aboutRecords(
  once: () => boolean,
  lie: (record: ChunkRecord) => ChunkRecord | null,
): Lie<SimulatedFrame> {
  return (frame) => {
    const first = lie(frame.records[0]!);
    if (first === null || !once()) return [frame];
    return [{ ...frame, records: [first, ...frame.records.slice(1)] }];
  };
}

function assertReceiverRefuses(runs: readonly Told[], code: "protocol" | "integrity"): void {
  for (const { attempt: { receiver, sender } } of runs) {
    assert.equal(receiver.error?.code, code, String(receiver.error));
    assert.equal(receiver.error?.remote, true);
    assert.equal(receiver.result, null);
    assert.equal(sender.result, null);
  }
}

function assertSenderRefuses(runs: readonly Told[], code: "protocol" | "integrity"): void {
  for (const { attempt: { sender } } of runs) {
    assert.equal(sender.error?.code, code, String(sender.error));
    assert.equal(sender.result, null);
  }
}

Deno.test("a sealed digest that is not the file's ends the transfer", () => {
  const runs = tell((once) => ({
    sender: about("sealed", once, (message) => {
      const files = message.files.map((file) => ({ ...file, digest: flipped(file.digest) }));
      return [{ ...message, files }];
    }),
  }));
  assertReceiverRefuses(runs, "integrity");
});

Deno.test("a wrong root ends the transfer before a receipt is signed", () => {
  const runs = tell((once) => ({
    sender: about("finish", once, (finish) => [{ ...finish, root: flipped(finish.root) }]),
  }));
  assertReceiverRefuses(runs, "integrity");
  for (const { attempt } of runs) assert.equal(attempt.receiving.signed, null);
});

Deno.test("a manifest out of order ends the transfer", () => {
  const runs = tell((once) => ({
    sender: about("entries", once, (message) => {
      const { entries } = message;
      return entries.length < 2 ? null : [{ ...message, entries: entries.toReversed() }];
    }),
  }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a manifest that begins anew, as nobody said it may, ends the transfer", () => {
  const runs = tell((once) => ({
    receiver: about("accept", once, ({ from: _, ...accept }) => [{ ...accept, from: "b" }]),
  }));
  const refused = runs.filter(({ attempt: { receiver } }) => receiver.error?.code === "protocol");
  assert.ok(refused.length > 5, "a sender that is told so begins anew");
  assertReceiverRefuses(refused, "protocol");
  for (const { attempt, disk } of runs) {
    if (attempt.receiver.result !== null) assertDone(attempt, disk);
    else assert.equal(disk.finals.size, 0);
  }
});

Deno.test("a hint that names nothing, or all, changes nothing but the order", () => {
  for (const from of ["!", "dir/no/such/thing", "\u{10ffff}", "-rf"]) {
    const runs = tell((once) => ({
      receiver: about("accept", once, (accept) => {
        assert.equal(accept.from, from);
        return [accept];
      }),
    }), { hint: () => from });
    for (const { attempt, disk } of runs) {
      assertDone(attempt, disk);
      assert.equal(failedPaths(attempt).size, 0);
    }
  }
});

Deno.test("a path named again in the other section ends the transfer, as whatever it comes", () => {
  for (const kind of ["file", "directory", "link"] as const) {
    let named: Entry[] = [];
    const runs = tell((once) => {
      named = [];
      return {
        sender: about("entries", once, (message) => {
          const last = message.entries.at(-1)!;
          const again = named.find(({ path }) => path > last.path);
          named.push(...message.entries);
          if (again === undefined) return null;
          const { path, mtimeNs, mode } = again;
          const lie = { path, kind, sizeBytes: 0, mtimeNs, mode };
          return [{ ...message, entries: [...message.entries.slice(0, -1), lie] }];
        }),
      };
    }, { hint: ({ nodes }, random) => random.pick(nodes).entry.path });
    assertReceiverRefuses(runs, "protocol");
    for (const { disk } of runs) assert.equal(disk.finals.size, 0);
  }
});

Deno.test("entries that do not follow each other end the transfer", () => {
  const runs = tell((once) => ({
    sender: about("entries", once, (message) => [{ ...message, first: message.first + 1 }]),
  }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a manifest that does not count its entries right ends the transfer", () => {
  for (const name of ["entries", "files", "bytes"] as const) {
    const runs = tell((once) => ({
      sender: about("manifest_end", once, (end) => [{ ...end, [name]: end[name] + 1 }]),
    }));
    assertReceiverRefuses(runs, "protocol");
    for (const { disk } of runs) assert.equal(disk.finals.size, 0);
  }
});

Deno.test("a finish before the end of the manifest ends the transfer", () => {
  const runs = tell((once) => ({
    sender: about("manifest_end", once, (end) => {
      return [{ type: "finish", transfer: 1, root: new Uint8Array(32), frames: 0 }, end];
    }),
  }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a finish that leaves a file out ends the transfer", () => {
  const runs = tell((once) => ({ sender: about("sealed", once, () => []) }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a file sealed twice ends the transfer, even when it is in place", () => {
  let first: SealedFile | undefined;
  const runs = tell((once) => {
    first = undefined;
    return {
      sender: (message) => {
        if (message.type === "sealed") first ??= message.files[0];
        if (message.type !== "finish" || first === undefined || !once()) return [message];
        const again = { ...first, digest: flipped(first.digest) };
        return [{ type: "sealed", transfer: 1, files: [again] }, message];
      },
    };
  });
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a directory that is sealed ends the transfer", () => {
  const runs = tell((once) => {
    let directory = -1;
    return {
      sender: (message) => {
        if (message.type === "entries" && directory < 0) {
          const at = message.entries.findIndex(({ kind }) => kind === "directory");
          if (at >= 0) directory = message.first + at;
        }
        if (message.type !== "manifest_end" || directory < 0 || !once()) return [message];
        const files = [{ entry: directory, digest: new Uint8Array(32), kept: false }];
        return [{ type: "sealed", transfer: 1, files }, message];
      },
    };
  });
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a chunk outside its file ends the transfer", () => {
  for (const off of [{ chunk: 1 << 20 }, { rawBytes: 1 << 20 }]) {
    const runs = tell((once) => ({
      frame: aboutRecords(once, (record) => ({ ...record, ...off })),
    }));
    assertReceiverRefuses(runs, "protocol");
  }
});

Deno.test("a chunk called the same that is not held ends the transfer", () => {
  const runs = tell((once) => ({
    frame: aboutRecords(once, (record) => ({ ...record, encoding: "same", storedBytes: 0 })),
  }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a chunk called the same with another digest than is held ends the transfer", () => {
  const runs = tell((once) => ({
    frame: aboutRecords(
      once,
      (record) =>
        record.encoding === "same" ? null : { ...record, encoding: "same", storedBytes: 0 },
    ),
  }), { stand: true });
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a file called kept of which only another version stands there is refused", () => {
  const runs = tell((once) => ({
    sender: about("sealed", once, (message) => {
      return [{ ...message, files: message.files.map((file) => ({ ...file, kept: true })) }];
    }),
  }), { stand: true });
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a frame for an entry that never comes ends the transfer", () => {
  const runs = tell((once) => ({
    frame: aboutRecords(once, (record) => ({ ...record, entry: 1 << 20 })),
  }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("bytes that are not what their digest says fail their entry alone", () => {
  const runs = tell((once) => ({
    frame: (frame) => {
      const at = frame.bytes.findIndex((bytes) => bytes !== null);
      if (at < 0 || !once()) return [frame];
      return [{ ...frame, bytes: frame.bytes.with(at, flipped(frame.bytes[at]!)) }];
    },
  }));
  for (const { attempt, disk } of runs) {
    assertDone(attempt, disk);
    assert.equal(failedPaths(attempt).size, 1);
    assert.equal(attempt.receiving.failures[0]?.code, "integrity");
  }
});

Deno.test("a failure of an entry that was not announced ends the transfer", () => {
  const failures = [{ entry: 1 << 20, code: "io", message: "" }];
  const runs = tell((once) => ({
    sender: about("manifest_end", once, (end) => [{ type: "failed", transfer: 1, failures }, end]),
  }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("a transfer called done before its receipt ends", () => {
  const runs = tell((once) => ({
    sender: about("manifest_end", once, (end) => [end, { type: "done", transfer: 1 }]),
  }));
  assertReceiverRefuses(runs, "protocol");
});

Deno.test("frames that never come are missed, not made up", () => {
  const runs = tell((once) => ({ frame: (frame) => once() ? [] : [frame] }));
  for (const { attempt } of runs) {
    assert.ok(attempt.stalled);
    assert.equal(attempt.sender.result, null);
    assert.equal(attempt.receiver.result, null);
  }
});

Deno.test("a receipt with another root is not confirmed", () => {
  const runs = tell((once) => ({
    receiver: about("receipt", once, (receipt) => [{ ...receipt, root: flipped(receipt.root) }]),
  }));
  assertSenderRefuses(runs, "integrity");
  for (const { attempt } of runs) assert.equal(attempt.receiver.result, null);
});

Deno.test("a receipt before the finish is refused", () => {
  const size32 = new Uint8Array(32);
  const receipt: Message = {
    type: "receipt",
    transfer: 1,
    root: size32,
    files: 0,
    bytes: 0,
    failed: 0,
    changed: 0,
    deleted: 0,
    identity: size32,
    signature: new Uint8Array(64),
  };
  const runs = tell((once) => ({
    receiver: about("accept", once, (accept) => [accept, receipt]),
  }));
  assertSenderRefuses(runs, "protocol");
});

Deno.test("an acknowledgement of frames that were never sent is refused", () => {
  const runs = tell((once) => ({
    receiver: about("stored", once, (stored) => [{ ...stored, frames: [[0, 1 << 20]] }]),
  }));
  assertSenderRefuses(runs, "protocol");
});

Deno.test("a verdict said twice, or for an entry of a fresh source, is refused", () => {
  const twice = tell((once) => ({ receiver: about("need", once, (need) => [need, need]) }), {
    stand: true,
  });
  assertSenderRefuses(twice, "protocol");
  const verdicts = [{ entry: 0, want: "all" } as const];
  const unasked = tell((once) => ({
    receiver: about("stored", once, (stored) => [{ type: "need", transfer: 1, verdicts }, stored]),
  }));
  assertSenderRefuses(unasked, "protocol");
});

Deno.test("chunks held beyond the end of a file are refused", () => {
  const runs = tell((once) => ({
    receiver: about("have", once, ({ ranges, ...have }) => [
      { ...have, ranges: ranges.map(([first, count]) => [first + (1 << 20), count] as const) },
    ]),
  }), { stand: true });
  assertSenderRefuses(runs, "protocol");
});

Deno.test("an entry committed twice, or never announced, is refused", () => {
  const twice = tell((once) => ({
    receiver: about("committed", once, (message) => [message, message]),
  }));
  assertSenderRefuses(twice, "protocol");
  const unknown = tell((once) => ({
    receiver: about("committed", once, (message) => [{ ...message, entries: [[0, 1 << 20]] }]),
  }));
  assertSenderRefuses(unknown, "protocol");
});

Deno.test("a failure of an entry that was never announced is refused by the sender", () => {
  const failures = [{ entry: 1 << 20, code: "io", message: "" }];
  const runs = tell((once) => ({
    receiver: about(
      "stored",
      once,
      (stored) => [{ type: "failed", transfer: 1, failures }, stored],
    ),
  }));
  assertSenderRefuses(runs, "protocol");
});

Deno.test("an accept said twice, or for other sources, is refused", () => {
  const twice = tell((once) => ({
    receiver: about("accept", once, (accept) => [accept, accept]),
  }));
  assertSenderRefuses(twice, "protocol");
  const other = tell((once) => ({
    receiver: about("accept", once, (accept) => [{ ...accept, fresh: [...accept.fresh, true] }]),
  }));
  assertSenderRefuses(other, "protocol");
});

Deno.test("an abort ends the other end with its code", () => {
  const runs = tell((once) => ({
    sender: about("manifest_end", once, () => [{
      type: "abort",
      transfer: 1,
      code: "interrupted",
      message: "Stopped",
    }]),
  }));
  for (const { attempt: { receiver } } of runs) {
    assert.ok(receiver.error instanceof SftpxError);
    assert.equal(receiver.error.code, "interrupted");
    assert.equal(receiver.error.remote, true);
  }
});

Deno.test("an entry called changed twice, or that is not in place, is refused", () => {
  const twice = tell((once) => ({
    receiver: (message) => {
      if (message.type !== "committed" || message.changed.length === 0 || !once()) return [message];
      return [message, { ...message, entries: [] }];
    },
  }));
  assertSenderRefuses(twice, "protocol");
  const early = tell((once) => ({
    receiver: about("accept", once, (accept) => {
      return [accept, { type: "committed", transfer: 1, entries: [], changed: [[0, 1]] }];
    }),
  }));
  assertSenderRefuses(early, "protocol");
  const unknown = tell((once) => ({
    receiver: about("committed", once, (message) => [{ ...message, changed: [[0, 1 << 20]] }]),
  }));
  assertSenderRefuses(unknown, "protocol");
});

Deno.test("a deletion that nobody asked for, or before the finish, is refused", () => {
  const deleted: Message = { type: "deleted", transfer: 1, paths: ["x"], kept: [] };
  const unasked = tell((once) => ({
    receiver: about("receipt", once, (receipt) => [deleted, receipt]),
  }));
  assertSenderRefuses(unasked, "protocol");
  const early = tell((once) => ({
    receiver: about("accept", once, (accept) => [accept, deleted]),
  }), { deletes: true });
  assertSenderRefuses(early, "protocol");
});

Deno.test("a receipt that does not count what was told before is not confirmed", () => {
  for (const name of ["changed", "deleted"] as const) {
    const runs = tell((once) => ({
      receiver: about("receipt", once, (said) => [{ ...said, [name]: said[name] + 1 }]),
    }), { deletes: true });
    assertSenderRefuses(runs, "protocol");
  }
});

Deno.test("a receiver that was to delete and says nothing of it is not confirmed", () => {
  const runs = tell((once) => ({ receiver: about("deleted", once, () => []) }), { deletes: true });
  assertSenderRefuses(runs, "protocol");
});

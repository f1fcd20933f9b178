import assert from "node:assert/strict";
import { eventProblem, EVENTS } from "../../tests/events_schema.ts";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import { SftpxError } from "../base/errors.ts";
import type { SessionEvent } from "../session/options.ts";
import { SUMMARY } from "./_fixture.ts";
import { JsonLines } from "./json.ts";

const ID = "a".repeat(52);
const TIME = "2027-01-02T03:04:05.000Z";
const TICKET = `sftpx1${"ab23".repeat(20)}`;
const PEER = { address: "192.0.2.7:4000", identity: ID };
const FAILURE = { code: "io", message: "m" };
const ERROR = new SftpxError("lost", "Cannot go on");

const PROGRESS: SessionEvent = {
  kind: "progress",
  phase: "receive",
  bytesDone: 7,
  bytesTotal: null,
  reusedBytes: 1,
  wireBytes: 5,
  filesDone: 1,
  filesTotal: 3,
  heldBytes: 3,
  changed: 1,
  bytesPerSecond: 12.7,
};

const HELD = {
  peer: ID,
  sources: ["a"],
  destination: "",
  files: 1,
  heldBytes: 2,
  totalBytes: 3,
  started: TIME,
  lastWorkedOn: TIME,
  ageSeconds: 0,
};
const SETTING = { name: "lanes", value: "4", source: "config.toml:3" };
const ENTRY = { path: "a", entryKind: "file", sizeBytes: 1 } as const;

/** Every event, by what tells it. */
const TOLD: Readonly<Record<string, readonly ((json: JsonLines) => void)[]>> = {
  listening: [
    (json) => json.tell("listening", { address: "::", port: 4443, identity: ID, ticket: TICKET }),
    (json) => json.tell("listening", { address: "::", port: 4443, identity: ID, ticket: null }),
  ],
  identity: [(json) => json.tell("identity", { identity: ID })],
  version: [
    (json) => json.tell("version", { version: "1.0.0" }),
    (json) =>
      json.tell("version", {
        version: "1.0.0",
        runtime: "deno 2",
        platform: "linux x64",
        codecs: { hash: "a" },
        door: "openat2",
        transports: [{ name: "quic", unavailable: null }, { name: "tcp", unavailable: "why" }],
      }),
  ],
  peer: [(json) => json.tell("peer", PEER)],
  peer_left: [(json) => json.tell("peer_left", PEER)],
  peer_refused: [
    (json) => json.tell("peer_refused", { address: "h:1", identity: null, ...FAILURE, count: 2 }),
  ],
  access: [null, 3].map((transfer) => (json) => {
    const counts = { files: 1, bytes: 2, wireBytes: 3, seconds: 0.5 };
    const paths = { paths: ["a"], morePaths: 2, dryRun: transfer === null };
    json.tell("access", {
      ...PEER,
      ...counts,
      ...paths,
      asked: "pull",
      transfer,
      result: "ok",
      reason: null,
    });
  }),
  reloaded: [
    (json) => json.tell("reloaded", { keys: 2 }),
    (json) => json.tell("reloaded", { keys: null, error: FAILURE }),
  ],
  connected: [
    (json) => json.event({ kind: "connected", address: "h:1", transport: "quic", connection: 0 }),
  ],
  connection: [
    { rttMs: 12.5, lossRatio: 0.125, windowBytes: 14_000, congestion: "bbr" },
    { rttMs: null, lossRatio: null, windowBytes: null },
  ].map((path) => (json) => {
    const carried = {
      connection: 1,
      address: "h:1",
      transport: "tls",
      wireBytes: 5,
      lanes: 2,
      ...path,
    };
    json.event({ kind: "connection", ...carried }, { transfer: 1 });
  }),
  lanes: [null, 1.5].map((rttMs) => (json) => {
    const event = { kind: "lanes", quic: 4, tcp: 0, lanes: 8, rttMs, reason: "why" } as const;
    json.event({ ...event, bytesPerSecond: rttMs === null ? null : 5_000_000 });
  }),
  start: [(json) => json.event({ kind: "start", direction: "push", chunkBytes: 1, peer: ID })],
  reconnecting: [
    (json) => json.event({ kind: "reconnecting", ...FAILURE, code: "lost", withinMs: 30_000 }),
  ],
  reconnected: [(json) => json.event({ kind: "reconnected", address: "h:1", seconds: 7.5 })],
  progress: [
    (json) => json.event({ ...PROGRESS, phase: "reconnect" }),
    (json) => json.event(PROGRESS),
    (json) => json.event(PROGRESS, { transfer: 9 }),
  ],
  entry: [(json) => json.event({ kind: "entry", ...ENTRY, result: "unchanged" })],
  plan: [
    (json) => json.event({ kind: "plan", ...ENTRY, action: "create" }),
    (json) => json.event({ kind: "plan", ...ENTRY, action: "fail", ...FAILURE }),
  ],
  entry_failed: [(json) => json.event({ kind: "entry_failed", path: "a", ...FAILURE })],
  notice: [(json) => json.event({ kind: "notice", message: "n" })],
  summary: [
    (json) => json.summary(SUMMARY),
    (json) => json.summary({ ...SUMMARY, transport: "quiche" }),
    ...["none", "zstd", "zstd:1+zstd:19"].map((compression) => (json: JsonLines) =>
      json.summary({ ...SUMMARY, compression, limitBytesPerSecond: 1e6 })
    ),
    (json) => json.summary({ ...SUMMARY, ok: false, error: ERROR, root: null }, { transfer: 1 }),
    (json) => json.summary({ ...SUMMARY, ok: false, failed: 1, changed: null }, { transfer: 2 }),
    (json) => json.failure(ERROR),
  ],
  listing: [
    (json) =>
      json.tell("listing", { path: "a", kind: "file", bytes: 1, mode: "0644", mtime: TIME }),
    (json) =>
      json.tell("listing", {
        path: "l",
        kind: "link",
        bytes: 0,
        mode: "0777",
        mtime: TIME,
        target: "a",
      }),
  ],
  end: [(json) => json.tell("end", { ok: true, count: 2, failed: 0 })],
  resumable: [(json) => json.tell("resumable", { ...HELD, running: false })],
  cleaned: [true, false].map((dryRun) => (json) => json.tell("cleaned", { ...HELD, dryRun })),
  ticket: [{}, { ticket: TICKET }].map((made) => (json) =>
    json.tell("ticket", {
      id: "ab12",
      root: "/srv",
      path: "",
      access: "write-once",
      uses: null,
      usesLeft: null,
      created: TIME,
      expires: TIME,
      state: "valid",
      ...made,
    })
  ),
  key: [
    (json) => json.tell("key", { role: "own", identity: null, file: "/f" }),
    (json) =>
      json.tell("key", {
        role: "known_host",
        change: "removed",
        identity: ID,
        host: "h:1",
        file: "/f",
      }),
    (json) =>
      json.tell("key", {
        role: "authorized",
        identity: ID,
        access: "both",
        comment: "c",
        file: "/f",
      }),
  ],
  bench: [
    (json) =>
      json.tell("bench", { bench: "hash", name: "n", bytesPerSecond: 1e9, bytes: 1, seconds: 1 }),
    (json) => {
      const path = { bench: "peer", name: "up", bytesPerSecond: null, bytes: 0, seconds: 0 };
      json.tell("bench", { ...path, by: "h:1", rttMs: 1.5, ratio: 0.25 });
    },
    (json) => {
      const path = { bench: "peer", name: "up", bytesPerSecond: null, bytes: 0, seconds: 0 };
      const seen = { lossRatio: 0, dropRatio: 0.5, busyShare: 1, threads: 2, scaling: 1.1 };
      const over = { stack: "tls", connections: 1, lanes: 4, address: "h:1" };
      json.tell("bench", { ...path, ...over, ...seen, problem: "why" });
    },
  ],
  verdict: [
    (json) => {
      const words = { message: "m", advice: ["a"], commands: [] };
      json.tell("verdict", { direction: "send", bound: "link", bytesPerSecond: 1, ...words });
    },
  ],
  config: [(json) => {
    const hosts = [{ name: "prod", settings: [SETTING] }];
    json.tell("config", { path: "/c", present: true, settings: [SETTING], hosts });
  }],
};

Deno.test("the schema describes every event there is, and no other", () => {
  assert.deepEqual(Object.keys(TOLD).sort(), [...EVENTS].sort());
});

for (const event of EVENTS) {
  Deno.test(`JsonLines writes "${event}" as the schema has it`, () => {
    for (const tell of TOLD[event] ?? []) {
      const output = new Recorder();
      tell(new JsonLines(output, new TestClock().now));
      const [line, ...rest] = output.jsonLines();
      assert.deepEqual(rest, []);
      assert.equal(line?.["event"], event);
      assert.equal(eventProblem(line), null);
    }
  });
}

Deno.test("the schema refuses a line with a field too many, too few, or of another kind", () => {
  const line = { v: 1, event: "notice", time: TIME, message: "n" };
  assert.equal(eventProblem(line), null);
  for (const change of [{ more: 1 }, { message: 1 }, { v: 2 }, { time: "now" }, { event: "x" }]) {
    assert.notEqual(eventProblem({ ...line, ...change }), null, JSON.stringify(change));
  }
  const { message: _, ...rest } = line;
  assert.notEqual(eventProblem(rest), null);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import {
  assertFault,
  bodyMap,
  decodeOne,
  expectMessageOrFault,
  frameBody,
  sample,
} from "../../tests/vectors/control_probe.ts";
import { anyMessage, countingBytes, SAMPLE_MESSAGES } from "../../tests/vectors/messages.ts";
import { encodeCbor } from "./cbor.ts";
import { encodeMessage } from "./control.ts";
import { type Message, MESSAGE_NUMBERS } from "./messages.ts";

const SAMPLES = Object.entries(SAMPLE_MESSAGES);

Deno.test("a field that this version does not know is passed over", () => {
  for (const [name, message] of SAMPLES) {
    const body = { ...bodyMap(message), new: [{ deep: [1, null] }], ["__proto__"]: 1 };
    const bytes = frameBody(MESSAGE_NUMBERS[message.type], encodeCbor(body));
    assert.deepEqual(decodeOne(bytes), message, name);
  }
});

Deno.test("a message without one of its fields is refused", () => {
  const optional = new Set([
    "auth.k",
    "accept.p",
    "accept.r",
    "have.st",
    "have.r",
    "request.f",
    "request.u",
    "welcome.p",
  ]);
  for (const [, message] of SAMPLES) {
    for (const key of Object.keys(bodyMap(message))) {
      const { [key]: _, ...rest } = bodyMap(message);
      const bytes = frameBody(MESSAGE_NUMBERS[message.type], encodeCbor(rest));
      if (optional.has(`${message.type}.${key}`)) decodeOne(bytes);
      else assertFault(() => decodeOne(bytes), "protocol", `${message.type}.${key}`);
    }
  }
});

Deno.test("a field with a value of another kind is refused", () => {
  const others = [0, -1, 2n ** 64n - 1n, "x", true, null, new Uint8Array(3), [], {}, [[]], [-1]];
  for (const [, message] of SAMPLES) {
    const map = bodyMap(message);
    for (const key of Object.keys(map)) {
      let refused = 0;
      for (const other of others) {
        const bytes = frameBody(
          MESSAGE_NUMBERS[message.type],
          encodeCbor({ ...map, [key]: other }),
        );
        if (!expectMessageOrFault(bytes)) refused++;
      }
      assert.ok(refused >= others.length - 4, `${message.type}.${key}`);
    }
  }
});

Deno.test("encodeMessage() blames the program for a value the peer would refuse", () => {
  const bad: readonly Message[] = [
    { type: "done", transfer: -1 },
    { type: "done", transfer: 2 ** 32 },
    { type: "done", transfer: 0.5 },
    { type: "finish", transfer: 1, root: new Uint8Array(31), frames: 0 },
    { type: "stored", transfer: 1, frames: [[0, 0]] },
    { ...sample("entries"), sources: [0] } as Message,
    { ...sample("offer"), given: ["\ud800"] } as Message,
    { type: "need", transfer: 1, verdicts: [{ entry: 0, want: "some" }] } as unknown as Message,
  ];
  for (const message of bad) {
    assert.throws(() => encodeMessage(message), RangeError, message.type);
  }
});

Deno.test("encodeMessage() blames the name where a name is at fault", () => {
  assert.throws(
    () => encodeMessage({ ...sample("offer"), destination: "../up" } as Message),
    (error) => {
      return error instanceof SftpxError && error.code === "bad_name" && !error.remote &&
        /^Cannot encode offer message: d is refused, it has a component/.test(error.message);
    },
  );
});

Deno.test("text for people is cut to its limit, never within a character", () => {
  const message = "é".repeat(LIMITS.textBytes);
  const got = decodeOne(encodeMessage({ type: "refuse", code: "failed", message }));
  assert.deepEqual(got, { type: "refuse", code: "failed", message: message.slice(0, 512) });
  const odd = decodeOne(encodeMessage({ type: "refuse", code: "failed", message: "x" + message }));
  assert.ok(odd.type === "refuse");
  assert.equal(odd.message, "x" + message.slice(0, 511));
  const broken = decodeOne(encodeMessage({ type: "refuse", code: "failed", message: "\udfff" }));
  assert.ok(broken.type === "refuse");
  assert.equal(broken.message, "\ufffd");
});

Deno.test("a fault names the message and the field, and shows nothing the peer wrote", () => {
  const body = encodeCbor({ ...bodyMap(sample("refuse")), m: "secret\x1b[2J", c: 1 });
  assert.throws(() => decodeOne(frameBody(MESSAGE_NUMBERS.refuse, body)), {
    message: "Cannot read refuse message: c is not text",
  });
});

Deno.test("next() wants a map as the body", () => {
  for (const body of [1, "a", [], [["t", 1]], null, new Uint8Array(2)]) {
    assertFault(() => decodeOne(frameBody(MESSAGE_NUMBERS.bye, encodeCbor(body))), "protocol");
  }
});

Deno.test("every value is held to its limit and one past it", () => {
  const text = (count: number) => "x".repeat(count);
  const many = <T>(count: number, item: T) => Array.from({ length: count }, () => item);
  const stampAt = (key: string) => (value: unknown) => ({
    st: { ...(bodyMap(sample("have"))["st"] as Record<string, unknown>), [key]: value },
  });
  const entryAt = (key: string) => (value: unknown) => ({
    e: [{ p: "a", k: 1, s: 0, m: 0, o: 0, [key]: value }],
    s: [0],
  });
  const at = (key: string) => (value: unknown) => ({ [key]: value });
  /** Ranges of so many chunks, none of which touches another. */
  const heldAt = (counts: unknown) => {
    let end = 0;
    const c = (counts as number[]).flatMap((count) => [(end += count + 1) - count, count]);
    return {
      c,
      d: new Uint8Array(32 * (counts as number[]).reduce((sum, count) => sum + count, 0)),
    };
  };
  type Case = readonly [
    name: string,
    change: (value: unknown) => Record<string, unknown>,
    fits: readonly unknown[],
    past: readonly unknown[],
  ];
  const u32 = [[0, 0xffff_ffff], [-1, 2 ** 32, 2n ** 64n - 1n]] as const;
  const u53 = [[0, 2 ** 53 - 1], [-1, 2n ** 53n]] as const;
  const i64 = [[-(2n ** 63n), 2n ** 63n - 1n], [-(2n ** 63n) - 1n, 2n ** 63n]] as const;
  const u64 = [[0, 2n ** 64n - 1n], [-1]] as const;
  const count = [[0, LIMITS.entriesPerTransfer], [-1, LIMITS.entriesPerTransfer + 1]] as const;
  const index = [[0, LIMITS.entriesPerTransfer - 1], [-1, LIMITS.entriesPerTransfer]] as const;
  const chunk = [
    [LIMITS.minChunkBytes, LIMITS.maxChunkBytes],
    [0, LIMITS.minChunkBytes / 2, LIMITS.minChunkBytes + 1, 3 << 20, LIMITS.maxChunkBytes * 2],
  ] as const;
  const bytes = (length: number) =>
    [[countingBytes(0, length)], [
      countingBytes(0, length - 1),
      countingBytes(0, length + 1),
      new Uint8Array(0),
    ]] as const;
  const prose = [[text(LIMITS.textBytes), ""], [text(LIMITS.textBytes + 1)]] as const;
  const word = [[text(LIMITS.wordBytes)], [text(LIMITS.wordBytes + 1)]] as const;
  const sourceRow = (name: string) => ({ n: name, k: 1, c: false });
  const longPath = "x/".repeat(256) + "y".repeat(255);
  const fullPath = many(16, text(LIMITS.nameBytes)).join("/");
  assert.equal(fullPath.length, LIMITS.pathBytes);
  const rule = (p: string) => ({ i: false, p });
  const omissionRows = [[
    many(LIMITS.omissionsPerMessage, {
      p: text(LIMITS.pathBytes),
      c: text(LIMITS.wordBytes),
      m: text(1024),
    }),
  ], [
    many(LIMITS.omissionsPerMessage + 1, { p: "", c: "", m: "" }),
    [{ p: text(LIMITS.pathBytes + 1), c: "", m: "" }],
    [{ p: "", c: text(LIMITS.wordBytes + 1), m: "" }],
    [{ p: "", c: "", m: text(LIMITS.textBytes + 1) }],
  ]] as const;
  const rules = [[
    [],
    many(LIMITS.filterRules, rule(text(LIMITS.filterBytes / LIMITS.filterRules))),
    [rule(text(LIMITS.pathBytes))],
    many(LIMITS.filterWeight / 16, rule("/a?b")),
  ], [
    many(LIMITS.filterWeight / 16 + 1, rule("/a?b")),
    many(LIMITS.filterRules + 1, rule("a")),
    [rule(text(LIMITS.pathBytes + 1))],
    [...many(LIMITS.filterRules - 1, rule(text(LIMITS.filterBytes / LIMITS.filterRules))), {
      ...rule(text(LIMITS.filterBytes / LIMITS.filterRules) + "y"),
    }],
    [rule("")],
    [{ p: "a" }],
    [{ i: true }],
  ]] as const;
  const verdictRow = (w: number) => ({ e: 0, w, ...(w === 1 ? { d: new Uint8Array(32) } : {}) });
  const cases: readonly Case[] = [
    ["hello", at("v"), ...u32],
    ["hello", at("c"), [many(LIMITS.capabilitiesPerHello, text(LIMITS.wordBytes))], [
      many(LIMITS.capabilitiesPerHello + 1, "a"),
      [text(LIMITS.wordBytes + 1)],
    ]],
    ["hello", at("n"), ...bytes(32)],
    ["hello", at("a"), ...prose],
    ["auth", at("i"), ...bytes(32)],
    ["auth", at("s"), ...bytes(64)],
    ["auth", at("k"), ...bytes(32)],
    ["welcome", at("s"), ...u53],
    ["welcome", at("k"), ...bytes(32)],
    ["welcome", at("c"), [1, LIMITS.connections], [0, LIMITS.connections + 1]],
    ["welcome", at("l"), [1, LIMITS.connections * LIMITS.lanesPerConnection], [
      0,
      LIMITS.connections * LIMITS.lanesPerConnection + 1,
    ]],
    ["join", at("s"), ...u53],
    ["join", at("c"), [1, 0xffff_ffff], [0, 2 ** 32]],
    ["join", at("m"), ...bytes(32)],
    ["joined", at("c"), [1, 0xffff_ffff], [0, 2 ** 32]],
    ["refuse", at("c"), ...word],
    ["refuse", at("m"), ...prose],
    ["ping", at("k"), ...u53],
    ["pong", at("k"), ...u53],
    ["request", at("t"), ...u32],
    ["request", at("s"), [many(LIMITS.sourcesPerTransfer, { p: "a" })], [
      many(LIMITS.sourcesPerTransfer + 1, { p: "a" }),
      [{ p: text(LIMITS.pathBytes + 1) }],
    ]],
    ["request", at("b"), ...chunk],
    ["request", at("z"), ...word],
    ["request", at("l"), [1, LIMITS.connections * LIMITS.lanesPerConnection], [0, 1025]],
    ["request that leaves lanes open", at("u"), [0, 1, 2], [3, -1]],
    ["request", at("x"), ...rules],
    ["request", at("y"), [true, false], [0, null]],
    ["request of some files", at("f"), [[], many(LIMITS.filesPerRequest, "a"), [longPath]], [
      many(LIMITS.filesPerRequest + 1, "a"),
      [text(LIMITS.pathBytes + 1)],
    ]],
    ["request of some files", at("s"), [[{ p: "a" }]], [[], [{ p: "a" }, { p: "b" }]]],
    ["offer", at("t"), ...u32],
    ["offer", at("s"), [
      many(LIMITS.sourcesPerTransfer, sourceRow("a")),
      [sourceRow(text(LIMITS.nameBytes))],
      [{ n: "", k: 2, c: true }],
      [{ ...sourceRow("a"), s: LIMITS.fileBytes }],
    ], [
      many(LIMITS.sourcesPerTransfer + 1, sourceRow("a")),
      [sourceRow(text(LIMITS.nameBytes + 1))],
      [{ ...sourceRow("a"), k: 0 }],
      [{ ...sourceRow("a"), k: 4 }],
      [{ ...sourceRow("a"), s: LIMITS.fileBytes + 1 }],
      [{ ...sourceRow("a"), k: 2, s: 1 }],
    ]],
    ["offer", at("d"), [longPath, ""], [text(LIMITS.pathBytes + 1)]],
    ["offer", at("b"), ...chunk],
    ["offer", at("g"), [many(LIMITS.sourcesPerTransfer, "a"), [text(LIMITS.pathBytes)]], [
      many(LIMITS.sourcesPerTransfer + 1, "a"),
      [text(LIMITS.pathBytes + 1)],
    ]],
    ["offer", at("w"), ...i64],
    ["offer", at("r"), [true, false], [0, null]],
    ["offer", at("x"), ...rules],
    ["offer", at("y"), [true, false], [0, null]],
    ["accept", at("t"), ...u32],
    ["accept", at("f"), [many(LIMITS.sourcesPerTransfer, true)], [
      many(LIMITS.sourcesPerTransfer + 1, true),
    ]],
    ["accept", at("b"), ...chunk],
    ["accept of a resume", at("p"), ["a", fullPath, longPath], ["", text(LIMITS.pathBytes + 1)]],
    ["entries", at("t"), ...u32],
    ["entries", at("f"), [0, LIMITS.entriesPerTransfer - 3], [LIMITS.entriesPerTransfer - 2]],
    ["entries", entryAt("p"), [text(LIMITS.pathBytes), ""], [text(LIMITS.pathBytes + 1)]],
    ["entries", entryAt("k"), [1, 2, 3], [0, 4]],
    ["entries", entryAt("s"), ...u53],
    ["entries", entryAt("m"), ...i64],
    ["entries", entryAt("o"), [0, 0o7777], [-1, 0o10000]],
    ["entries", entryAt("l"), [text(LIMITS.linkTargetBytes)], [text(LIMITS.linkTargetBytes + 1)]],
    ["entries", (rows) => ({ e: rows, s: many((rows as []).length, 0) }), [
      many(LIMITS.entriesPerMessage, { p: "a", k: 1, s: 0, m: 0, o: 0 }),
    ], [many(LIMITS.entriesPerMessage + 1, { p: "a", k: 1, s: 0, m: 0, o: 0 })]],
    ["entries", at("s"), [[0, 0, LIMITS.sourcesPerTransfer - 1]], [
      [0, 0],
      [0, 0, 0, 0],
      [0, 0, LIMITS.sourcesPerTransfer],
    ]],
    ["manifest_end", at("t"), ...u32],
    ["manifest_end", at("e"), ...count],
    ["manifest_end", at("f"), ...count],
    ["manifest_end", at("b"), ...u53],
    ["have", at("t"), ...u32],
    ["have", at("e"), ...index],
    ["have", at("c"), [[LIMITS.chunksPerFile - 3, 3], [0, 1, 1, 2], [0, 1, 2, 1, 4, 1]], [
      [LIMITS.chunksPerFile - 2, 3],
      [0, 2],
      [0, 4],
      [0, 0, 0, 3],
      [0, 2, 1, 1],
      [2, 1, 0, 2],
      [0, 3, 3],
      [],
    ]],
    ["have", heldAt, [[], many(LIMITS.rangesPerMessage, 1), [LIMITS.digestsPerMessage]], [
      many(LIMITS.rangesPerMessage + 1, 1),
      [LIMITS.digestsPerMessage + 1],
    ]],
    ["have", at("d"), [new Uint8Array(96)], [new Uint8Array(95), new Uint8Array(97)]],
    ["have", stampAt("d"), ...u64],
    ["have", stampAt("i"), ...u64],
    ["have", stampAt("s"), ...u53],
    ["have", stampAt("m"), ...i64],
    ["have", stampAt("c"), ...i64],
    ["have", at("r"), ...i64],
    ["need", at("t"), ...u32],
    ["need", at("v"), [many(LIMITS.rangesPerMessage, verdictRow(0)), [verdictRow(2)]], [
      many(LIMITS.rangesPerMessage + 1, verdictRow(0)),
      [verdictRow(3)],
      [{ e: LIMITS.entriesPerTransfer, w: 0 }],
      [{ e: 0, w: 1 }],
      [{ e: 0, w: 0, d: new Uint8Array(32) }],
      [{ e: 0, w: 1, d: new Uint8Array(31) }],
    ]],
    ["sealed", at("t"), ...u32],
    ["sealed", at("f"), [
      many(LIMITS.rangesPerMessage, { e: 0, d: new Uint8Array(32), k: true }),
    ], [
      many(LIMITS.rangesPerMessage + 1, { e: 0, d: new Uint8Array(32), k: true }),
      [{ e: LIMITS.entriesPerTransfer, d: new Uint8Array(32), k: true }],
    ]],
    ["omitted", at("t"), ...u32],
    ["omitted", at("o"), ...omissionRows],
    ["failed", at("t"), ...u32],
    ["failed", at("f"), [
      many(LIMITS.entriesPerMessage, { e: 0, c: text(LIMITS.wordBytes), m: text(1024) }),
    ], [
      many(LIMITS.entriesPerMessage + 1, { e: 0, c: "", m: "" }),
      [{ e: LIMITS.entriesPerTransfer, c: "", m: "" }],
      [{ e: 0, c: text(LIMITS.wordBytes + 1), m: "" }],
      [{ e: 0, c: "", m: text(LIMITS.textBytes + 1) }],
    ]],
    ...(["stored", "durable"] as const).flatMap((name): readonly Case[] => [
      [name, at("t"), ...u32],
      [name, at("r"), [
        [],
        [0, 0xffff_ffff],
        [0xffff_ffff, 1],
        many(LIMITS.rangesPerMessage * 2, 1),
      ], [[0], [0, 0], [2, 0xffff_ffff], [2 ** 32, 1], many(LIMITS.rangesPerMessage * 2 + 2, 1)]],
    ]),
    ["committed", at("t"), ...u32],
    ["committed", at("r"), [[0, LIMITS.entriesPerTransfer]], [[1, LIMITS.entriesPerTransfer]]],
    ["committed", at("c"), [[], [0, LIMITS.entriesPerTransfer]], [
      [1, LIMITS.entriesPerTransfer],
      [0, 0],
      [0],
      many(LIMITS.rangesPerMessage * 2 + 2, 1),
    ]],
    ["deleted", at("t"), ...u32],
    ["deleted", at("p"), [many(LIMITS.pathsPerMessage, "a/"), [fullPath], [`${fullPath}/`]], [
      many(LIMITS.pathsPerMessage + 1, "a"),
      [many(17, text(240)).join("/")],
      [`${many(17, text(240)).join("/")}/`],
      [`${longPath}y`],
    ]],
    ["deleted", at("k"), ...omissionRows],
    ["planned", at("t"), ...u32],
    ["planned", at("f"), [0, LIMITS.entriesPerTransfer - 8], [LIMITS.entriesPerTransfer - 7, -1]],
    ["planned", at("s"), [
      many(LIMITS.entriesPerMessage, { a: 6, c: text(LIMITS.wordBytes), m: text(1024) }),
      [{ a: 0 }, { a: 5 }, { a: 7 }],
    ], [
      many(LIMITS.entriesPerMessage + 1, { a: 0 }),
      [{ a: 8 }],
      [{ a: 7, c: "io", m: "No" }],
      [{ a: 6 }],
      [{ a: 6, c: "io" }],
      [{ a: 6, m: "No" }],
      [{ a: 0, c: "io" }],
      [{ a: 0, m: "No" }],
      [{ a: 6, c: text(LIMITS.wordBytes + 1), m: "" }],
      [{ a: 6, c: "", m: text(LIMITS.textBytes + 1) }],
    ]],
    ["plan_end", at("t"), ...u32],
    ["plan_end", at("e"), ...count],
    ["plan_end", at("d"), ...u53],
    ["list", at("t"), ...u32],
    ["list", at("p"), ["", longPath], [text(LIMITS.pathBytes + 1)]],
    ["list", at("r"), [true, false], [0, null]],
    ["list", at("x"), ...rules],
    ["listing", at("t"), ...u32],
    ["listing", at("e"), [
      [],
      many(LIMITS.entriesPerMessage, { p: "a", k: 1, s: 0, m: 0, o: 0 }),
    ], [
      many(LIMITS.entriesPerMessage + 1, { p: "a", k: 1, s: 0, m: 0, o: 0 }),
      [{ p: text(LIMITS.pathBytes + 1), k: 1, s: 0, m: 0, o: 0 }],
    ]],
    ["listing", at("o"), ...omissionRows],
    ["listing", at("l"), [true, false], [0, null]],
    ["measure", at("t"), ...u32],
    ["measure", at("d"), [0, 1], [2, -1]],
    ["measure", at("b"), [1, LIMITS.measureBytes], [0, LIMITS.measureBytes + 1]],
    ["measure", at("l"), [1, LIMITS.connections * LIMITS.lanesPerConnection], [
      0,
      LIMITS.connections * LIMITS.lanesPerConnection + 1,
    ]],
    ["measured", at("t"), ...u32],
    ["measured", at("b"), [0, LIMITS.measureBytes], [-1, LIMITS.measureBytes + 1]],
    ["widen", at("t"), ...u32],
    ["widen", at("q"), [0, LIMITS.connections], [-1, LIMITS.connections + 1]],
    ["widen", at("p"), [0, LIMITS.connections], [-1, LIMITS.connections + 1]],
    ["welcome", at("p"), [0, LIMITS.networkThreads], [-1, LIMITS.networkThreads + 1]],
    ["ports", at("p"), [
      [],
      [1],
      many(LIMITS.networkThreads, 65_535),
    ], [[0], [65_536], many(LIMITS.networkThreads + 1, 4444)]],
    ["compressed", at("n"), [1, LIMITS.controlMessageBytes], [
      0,
      LIMITS.controlMessageBytes + 1,
    ]],
    ["compressed", at("z"), [countingBytes(0, 1), new Uint8Array(LIMITS.compressedMessageBytes)], [
      new Uint8Array(0),
      new Uint8Array(LIMITS.compressedMessageBytes + 1),
    ]],
    ["finish", at("t"), ...u32],
    ["finish", at("h"), ...bytes(32)],
    ["finish", at("n"), ...u32],
    ["receipt", at("t"), ...u32],
    ["receipt", at("h"), ...bytes(32)],
    ["receipt", at("f"), ...count],
    ["receipt", at("b"), ...u53],
    ["receipt", at("x"), ...count],
    ["receipt", at("c"), ...count],
    ["receipt", at("d"), ...u53],
    ["receipt", at("i"), ...bytes(32)],
    ["receipt", at("s"), ...bytes(64)],
    ["done", at("t"), ...u32],
    ["abort", at("t"), ...u32],
    ["abort", at("c"), ...word],
    ["abort", at("m"), ...prose],
  ];
  for (const [name, change, fits, past] of cases) {
    const message = sample(name === "auth" ? "auth with a ticket" : name);
    const encode = (value: unknown) =>
      frameBody(
        MESSAGE_NUMBERS[message.type],
        encodeCbor({ ...bodyMap(message), ...change(value) } as Parameters<typeof encodeCbor>[0]),
      );
    fits.forEach((value, i) => {
      assert.equal(decodeOne(encode(value)).type, message.type, `${name} fits ${i}`);
    });
    past.forEach((value, i) => {
      assert.equal(
        expectMessageOrFault(encode(value)),
        false,
        `${name} ${Object.keys(change([]))} past ${i}`,
      );
    });
  }
});

Deno.test("a name that climbs refuses the offer or the request as bad_name", () => {
  const offer = bodyMap(sample("offer"));
  const request = bodyMap(sample("request"));
  const offers = [
    ...["..", "../a", "/a", "a/", "a//b", ".", "a\\b", "a\0", ".sftpx", "a/.SFTPX-1"].map((d) => ({
      d,
    })),
    ...["", ".", "..", "a/b", "/", "a\0b"].map((n) => ({ s: [{ n, k: 1, c: false }] })),
  ];
  for (const change of offers) {
    const bytes = frameBody(MESSAGE_NUMBERS.offer, encodeCbor({ ...offer, ...change }));
    assertFault(() => decodeOne(bytes), "bad_name", JSON.stringify(change));
  }
  for (const p of ["..", "../a", "a/..", "a/../b", "/a", "/", "a\0b", ".sftpx", "a/.Sftpx/"]) {
    const bytes = frameBody(MESSAGE_NUMBERS.request, encodeCbor({ ...request, s: [{ p }] }));
    assertFault(() => decodeOne(bytes), "bad_name", p);
  }
  for (const p of ["", ".", "a", "a/", "a/.", "./a", "..a", "a\\b"]) {
    decodeOne(frameBody(MESSAGE_NUMBERS.request, encodeCbor({ ...request, s: [{ p }] })));
  }
});

Deno.test("a listed path, or one below the source, may climb as little as a source may", () => {
  const list = bodyMap(sample("list"));
  const request = bodyMap(sample("request of some files"));
  for (const p of ["..", "../a", "a/..", "a/../b", "/a", "a\0b", ".sftpx", "a/.Sftpx/"]) {
    const listed = frameBody(MESSAGE_NUMBERS.list, encodeCbor({ ...list, p }));
    assertFault(() => decodeOne(listed), "bad_name", p);
    const some = frameBody(MESSAGE_NUMBERS.request, encodeCbor({ ...request, f: ["a", p] }));
    assertFault(() => decodeOne(some), "bad_name", p);
  }
});

Deno.test("a pattern that means nothing refuses the message that has it", () => {
  for (const name of ["request", "offer", "list"] as const) {
    for (const p of ["", "/", "//", "a\0b", "[a"]) {
      const body = encodeCbor({ ...bodyMap(sample(name)), x: [{ i: true, p }] });
      assertFault(() => decodeOne(frameBody(MESSAGE_NUMBERS[name], body)), "bad_name", p);
    }
  }
});

Deno.test("a deleted path is one that may travel, a directory's with a slash", () => {
  const deleted = bodyMap(sample("deleted"));
  const encode = (p: string) =>
    frameBody(MESSAGE_NUMBERS.deleted, encodeCbor({ ...deleted, p: [p] }));
  for (const p of ["", "/", "a//", "../a", "a/../b", "/a", "a\0b", "a\x1bb", "a\\b", ".sftpx/"]) {
    assertFault(() => decodeOne(encode(p)), "protocol", p);
  }
  for (const p of ["a", "a/", "a/b/", "a b"]) decodeOne(encode(p));
});

Deno.test("a path that a manifest is to begin at is one that may travel", () => {
  const accept = bodyMap(sample("accept of a resume"));
  const encode = (p: string) => frameBody(MESSAGE_NUMBERS.accept, encodeCbor({ ...accept, p }));
  for (const p of ["", "/", "a/", "../a", "a/../b", "/a", "a\0b", "a\x1bb", "a\\b", ".sftpx/a"]) {
    assertFault(() => decodeOne(encode(p)), "protocol", p);
  }
  for (const p of ["a", "a/b", "-rf", "é", "a b"]) decodeOne(encode(p));
});

Deno.test("a bad entry is carried, so that it fails alone", () => {
  const row = { p: "../x", k: 3, s: 9, m: 0, o: 0 };
  const body = encodeCbor({ t: 1, f: 0, e: [row], s: [0] });
  const got = decodeOne(frameBody(MESSAGE_NUMBERS.entries, body));
  assert.ok(got.type === "entries");
  assert.equal(got.entries[0]?.path, "../x");
});

Deno.test("PROTOCOL.md names every message with its number and every key", () => {
  const protocol = readFileSync(new URL("./PROTOCOL.md", import.meta.url), "utf8");
  const sections = protocol.split(/^#+ /m);
  for (const [, message] of SAMPLES) {
    const number = "0x" + MESSAGE_NUMBERS[message.type].toString(16).padStart(4, "0");
    const section = sections.find((text) => text.startsWith(`\`${message.type}\` (${number})`));
    assert.ok(section !== undefined, message.type);
    for (const key of Object.keys(bodyMap(message))) {
      assert.match(section, new RegExp(`^\\| \`${key}\` +\\|`, "m"), `${message.type}.${key}`);
    }
  }
});

Deno.test("encodeMessage() writes nothing that a peer would refuse", () => {
  const junk = fc.oneof(
    fc.constantFrom(
      -1,
      0,
      0.5,
      NaN,
      2 ** 32,
      2 ** 53,
      LIMITS.entriesPerTransfer,
      -(2n ** 63n) - 1n,
    ),
    fc.constantFrom("", "..", "/", "\ud800", "x".repeat(LIMITS.pathBytes + 1)),
    fc.constantFrom([], [[0, 0]], [[1, 2 ** 32]], [null], new Uint8Array(31), new Uint8Array(65)),
  );
  let refused = 0;
  fc.assert(
    fc.property(anyMessage, fc.nat(), junk, (message, at, junk) => {
      const keys = Object.keys(message).filter((key) => key !== "type");
      const key = keys[at % keys.length];
      if (key === undefined) return;
      let bytes: Uint8Array;
      try {
        bytes = encodeMessage({ ...message, [key]: junk } as Message);
      } catch {
        refused++;
        return;
      }
      assert.equal(decodeOne(bytes).type, message.type, `${message.type}.${key}`);
    }),
    { numRuns: 3000 },
  );
  assert.ok(refused > 500, `${refused} refused`);
});

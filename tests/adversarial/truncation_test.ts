// A session recorded and then cut: each of its streams at many bytes (at every one where
// `SFTPX_EVERY_BYTE` is set), and every message of the protocol at every byte. An end of stream is never
// success (I4): nobody calls a transfer done whose last word was cut, and a file stands whole or not at
// all.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { SftpxError } from "../../src/base/errors.ts";
import { scripted } from "../../src/session/_fixture.ts";
import { loadMessageZstd } from "../../src/session/compressed_message.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import type { TransferSummary } from "../../src/session/options.ts";
import { encodeMessage } from "../../src/wire/control.ts";
import type { Message } from "../../src/wire/messages.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { Place, type RunningServer } from "../session/place.ts";
import { SAMPLE_MESSAGES } from "../vectors/messages.ts";
import { CutNetwork, type CutPoint, type StreamName } from "./cut_network.ts";

type Direction = "push" | "pull";

const CONTENT = noise(300);
/** Runs side by side: most of each is waiting. */
const ABREAST = 6;
const POINTS = 12;
/** A client that goes right behind its offer may take it along: the server then never tells of it. */
const UNHEARD_MS = 20_000;

Deno.test("a control stream that ends within a message is no end, whatever message it is", async () => {
  for (const [name, message] of Object.entries(await everyMessage())) {
    const bytes = encodeMessage(message);
    for (let cut = 1; cut < bytes.byteLength; cut++) {
      await assert.rejects(channelOf(bytes.slice(0, cut)).receive(), {
        name: SftpxError.name,
        code: "protocol",
      }, `${name}, cut at ${cut}`);
    }
    const held = message.type === "compressed" ? "entries" : message.type;
    assert.equal((await channelOf(bytes).receive())?.type, held);
  }
});

Deno.test("a control stream that ends is a loss to whoever expects a message", async () => {
  for (const { type } of Object.values(SAMPLE_MESSAGES)) {
    await assert.rejects(channelOf(new Uint8Array(0)).expect(type), { code: "lost" });
  }
});

for (const direction of ["push", "pull"] as const) {
  for (const stream of streamsOf(direction)) {
    Deno.test(`a ${direction} is never done by a ${stream} that is cut`, async () => {
      await using place = await Place.open();
      const server = await place.serve();
      const runs = new Runs(place, server, direction);
      const { network: { carried }, summary } = await runs.play(null);
      assert.equal(summary.error, null);
      const points = pointsOf(carried.get(stream) ?? 0);
      for (let at = 0; at < points.length; at += ABREAST) {
        const abreast = points.slice(at, at + ABREAST);
        await Promise.all(abreast.map((at) => runs.assertNotDone({ stream, at })));
      }
      assert.ok(runs.cuts > 0, "nothing was cut");
    });
  }
}

/** Transfers of one small file each, over a network of their own. */
class Runs {
  readonly #place: Place;
  readonly #server: RunningServer;
  readonly #direction: Direction;
  #count = 0;
  #cuts = 0;

  constructor(place: Place, server: RunningServer, direction: Direction) {
    this.#place = place;
    this.#server = server;
    this.#direction = direction;
  }

  get cuts(): number {
    return this.#cuts;
  }

  async assertNotDone(cut: CutPoint): Promise<void> {
    const { network, summary, served, isPlaced, lost } = await this.play(cut);
    if (!network.isCut) return; // Without a ping or two a run is that much shorter.
    this.#cuts++;
    const where = `${cut.stream} cut at ${cut.at}: ${summary.error?.message}`;
    const [byClient, byServer] = this.#direction === "push"
      ? ["receipt", "done"] as const
      : ["done", "receipt"] as const;
    if (summary.error === null) assert.ok(network.delivered(byClient), where);
    else {
      assert.equal(summary.root, null, where);
      assert.ok(lost, where);
    }
    if (served === "ok") assert.ok(network.delivered(byServer), where);
    // Before the manifest's end nothing is placed; a receipt is behind all that is.
    if (isPlaced) assert.ok(network.delivered("manifest_end"), where);
    if (summary.error === null || served === "ok") assert.ok(isPlaced, where);
  }

  /** One transfer, and what became of it at both ends. */
  async play(cut: CutPoint | null): Promise<{
    readonly network: CutNetwork;
    readonly summary: TransferSummary;
    /** Its line in the access log; null where the server heard of no transfer. */
    readonly served: string | null;
    readonly isPlaced: boolean;
    /** The client says that it lost its server, or never had a session. */
    readonly lost: boolean;
  }> {
    const name = `f${this.#count++}`;
    const network = new CutNetwork(this.#place.network, cut);
    const isPush = this.#direction === "push";
    const [from, to] = isPush
      ? [this.#place.path(name), `${this.#server.root}/${name}`]
      : [`${this.#server.root}/${name}`, this.#place.path(name)];
    await makeFile(from, CONTENT);
    const remote = this.#server.remote(name);
    const more = { transport: network.transport, timeoutMs: 1500, lanes: 1 };
    const run = isPush
      ? this.#place.push([name], remote, more)
      : this.#place.pull([remote], name, more);
    const summary = await run.summary;
    const isPlaced = existsSync(to);
    if (isPlaced) assert.deepEqual(new Uint8Array(await readFile(to)), CONTENT);
    const wasHeard = network.delivered(isPush ? "offer" : "request");
    const served = wasHeard ? await this.#access(name) : null;
    const code = summary.error?.code ?? "";
    const lost = ["unreachable", "lost", "protocol"].includes(code) ||
      run.events.items.some((event) => event.kind === "reconnecting");
    return { network, summary, served, isPlaced, lost };
  }

  async #access(path: string): Promise<string | null> {
    const unheard = Promise.withResolvers<null>();
    const timer = setTimeout(() => unheard.resolve(null), UNHEARD_MS);
    const told = this.#server.events.until((event) =>
      event.kind === "access" && event.paths.includes(path)
    );
    const event = await Promise.race([told, unheard.promise]);
    clearTimeout(timer);
    return event?.kind === "access" ? event.result : null;
  }
}

/** Streams of a session, as its client has them. */
function streamsOf(direction: Direction): readonly StreamName[] {
  const lane = direction === "push" ? "lane to the server" : "lane to the client";
  return ["control stream to the server", "control stream to the client", lane];
}

function pointsOf(bytes: number): readonly number[] {
  assert.ok(bytes > POINTS);
  const step = process.env["SFTPX_EVERY_BYTE"] === undefined ? Math.floor(bytes / POINTS) : 1;
  return Array.from({ length: Math.ceil(bytes / step) }, (_, number) => number * step);
}

/** Every message of the protocol; the one that is compressed holds another one. */
async function everyMessage(): Promise<Readonly<Record<string, Message>>> {
  const raw = encodeMessage(SAMPLE_MESSAGES["entries"]!);
  const body = (await loadMessageZstd()).compress(raw, 3);
  assert.ok(body !== null);
  const compressed = { type: "compressed", rawBytes: raw.byteLength, body: body.slice() } as const;
  return { ...SAMPLE_MESSAGES, compressed };
}

/** A control stream of a peer that is known. */
function channelOf(bytes: Uint8Array): ControlChannel {
  const channel = new ControlChannel(scripted(bytes.byteLength === 0 ? [] : [bytes]));
  channel.lift();
  return channel;
}

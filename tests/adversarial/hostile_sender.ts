// A sender that says whatever an attack wants, over a session that is real: as a client that pushes or
// as a server that is pulled from. What it does not lie about is right: counts, digests, the root.

import assert from "node:assert/strict";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { type Blake3, loadHash } from "../../src/codec/hash.ts";
import { fileDigest, RootLog } from "../../src/engine/root.ts";
import type { TransferSummary } from "../../src/session/options.ts";
import type { SendStream } from "../../src/transport/transport.ts";
import {
  type ChunkRecord,
  encodeLaneEnd,
  FRAME_HEADER_BYTES,
  RECORD_BYTES,
  writeFrameHeader,
  writeRecord,
} from "../../src/wire/frame.ts";
import type {
  Accept,
  Entries,
  Entry,
  ManifestEnd,
  Message,
  OfferedSource,
} from "../../src/wire/messages.ts";
import type { Overrides } from "../session/place.ts";
import { offerOf, rawClient, type RawPeer, rawServer } from "../session/raw_peer.ts";
import type { Ground } from "./ground.ts";

/** Which end of the session the sender is. */
export type Role = "client" | "server";
export const ROLES: readonly Role[] = ["client", "server"];

export const CHUNK_BYTES = 65_536;
/** The code of a transfer that an attack ended itself: no receiver finds it. */
export const ABANDONED = "source_missing";
/** A directory by its name. */
export const TREE: OfferedSource = { name: "tree", kind: "directory", contents: false };
/** A file by its name. */
export const FILE: OfferedSource = { name: "f", kind: "file", contents: false };

/** A chunk as it is put into a frame; what is not said is right. */
export type ChunkLie = Partial<ChunkRecord> & { readonly bytes: Uint8Array };

export class HostileSender {
  readonly peer: RawPeer;
  readonly accept: Accept;
  readonly #hash: Blake3;
  readonly #log = new RootLog();
  #entries = 0;
  #files = 0;
  #bytes = 0;
  #frames = 0;

  constructor(peer: RawPeer, { accept, hash }: { readonly accept: Accept; readonly hash: Blake3 }) {
    this.peer = peer;
    this.accept = accept;
    this.#hash = hash;
  }

  get transfer(): number {
    return this.accept.transfer;
  }

  /** Frames written so far. */
  get frames(): number {
    return this.#frames;
  }

  digest(bytes: Uint8Array): Uint8Array {
    return this.#hash.digest(bytes);
  }

  announce(entries: readonly Entry[], more: Partial<Entries> = {}): void {
    const { transfer } = this;
    const sources = entries.map(() => 0);
    this.peer.send({ type: "entries", transfer, first: this.#entries, entries, sources, ...more });
    for (const entry of entries) {
      this.#log.add(entry);
      this.#entries++;
      if (entry.kind !== "file") continue;
      this.#files++;
      this.#bytes += entry.sizeBytes;
    }
  }

  end(more: Partial<ManifestEnd> = {}): void {
    const { transfer } = this;
    const counts = { entries: this.#entries, files: this.#files, bytes: this.#bytes };
    this.peer.send({ type: "manifest_end", transfer, ...counts, ...more });
  }

  /** The bytes of a frame that holds these chunks. */
  frame(
    chunks: readonly ChunkLie[],
    { frame = this.#frames++, transfer = this.transfer }: {
      readonly frame?: number;
      readonly transfer?: number;
    } = {},
  ): Uint8Array<ArrayBuffer> {
    const storedBytes = chunks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    const bodyBytes = chunks.length * RECORD_BYTES + storedBytes;
    const into = new Uint8Array(FRAME_HEADER_BYTES + bodyBytes);
    writeFrameHeader(into, { transfer, frame, records: chunks.length, bodyBytes });
    let at = FRAME_HEADER_BYTES + chunks.length * RECORD_BYTES;
    chunks.forEach(({ bytes, ...lie }, index) => {
      writeRecord(into, index, {
        entry: 0,
        chunk: 0,
        rawBytes: bytes.byteLength,
        storedBytes: bytes.byteLength,
        encoding: "raw",
        digest: this.digest(bytes),
        ...lie,
      });
      into.set(bytes, at);
      at += bytes.byteLength;
    });
    return into;
  }

  /** A lane with these frames on it, left open. */
  async lane(frames: readonly Uint8Array<ArrayBuffer>[]): Promise<SendStream> {
    const lane = await this.peer.connection.openLane();
    // A receiver that has seen enough gives the lane up.
    for (const frame of frames) {
      await inTime("a frame to be taken", lane.write(frame).catch(() => {}));
    }
    return lane;
  }

  /** A lane with these frames and its proper end. */
  async wholeLane(frames: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const lane = await this.lane([...frames, encodeLaneEnd(this.transfer, frames.length)]);
    await inTime("a lane to be closed", lane.close().catch(() => {}));
  }

  /** The digest of a file of these bytes. */
  fileDigest(bytes: Uint8Array): Uint8Array {
    const digests: number[] = [];
    for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
      digests.push(...this.digest(bytes.subarray(at, at + CHUNK_BYTES)));
    }
    const sizeBytes = bytes.byteLength;
    const parts = { sizeBytes, chunkBytes: CHUNK_BYTES, digests: Uint8Array.from(digests) };
    return fileDigest(this.#hash, parts);
  }

  /** Stands by a file. */
  seal(
    entry: number,
    bytes: Uint8Array,
    { digest = this.fileDigest(bytes), kept = false }: {
      readonly digest?: Uint8Array;
      readonly kept?: boolean;
    } = {},
  ): void {
    this.#log.seal(entry, digest);
    this.peer.send({
      type: "sealed",
      transfer: this.transfer,
      files: [{ entry, digest, kept }],
    });
  }

  /** What the receiver says next that is no ping; null where it left. */
  async hear(): Promise<Message | null> {
    const { peer } = this;
    for (;;) {
      const message = await inTime("a message", peer.channel.receive());
      if (message?.type !== "ping") return message;
      peer.send({ type: "pong", token: message.token });
    }
  }

  /** The code with which the receiver ends the transfer; another word where it does not. */
  async refusal(): Promise<string> {
    const { peer, transfer } = this;
    return await within(PATIENCE_MS, async () => {
      for (;;) {
        const message = await peer.channel.receive();
        if (message === null) return "it left";
        if (message.type === "receipt") return "it signed a receipt";
        if (message.type === "abort" && message.transfer === transfer) return message.code;
        if (message.type === "ping") peer.send({ type: "pong", token: message.token });
      }
    });
  }

  /** Ends the transfer itself, as `ABANDONED`. */
  abandon(): void {
    const { transfer } = this;
    this.peer.send({ type: "abort", transfer, code: ABANDONED, message: "" });
  }

  finish(more: { readonly root?: Uint8Array; readonly frames?: number } = {}): void {
    const root = this.#log.root(this.#hash, { leaveOut: () => false });
    const frames = this.#frames;
    this.peer.send({ type: "finish", transfer: this.transfer, root, frames, ...more });
  }
}

/** A receiver that takes a lie for the truth waits for more of it: that is a failed test, not a hung one. */
const PATIENCE_MS = 20_000;

/** What an honest end owes an attack comes at once; a test that waits longer for it says so and fails. */
const OWED_MS = 60_000;

/** What a promise comes to; fails where it does not come to anything. */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const fail = () => late.reject(new Error(`Cannot go on: waited too long for ${what}`));
  const timer = setTimeout(fail, OWED_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `work` comes to, or that it did not in time. */
export async function within(patienceMs: number, work: () => Promise<string>): Promise<string> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve("nothing, in all the time it had"), patienceMs);
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** An attack: what is offered, and what is said once that was accepted. */
export interface Attack {
  readonly sources: readonly OfferedSource[];
  readonly script: (sender: HostileSender) => Promise<void> | void;
}

/** Plays an attack by a sender at an honest receiver; answers how it ended there. */
export async function play(
  ground: Ground,
  role: Role,
  attack: Attack,
): Promise<TransferSummary> {
  return role === "client" ? await pushed(ground, attack) : await pulled(ground, attack);
}

async function pushed(ground: Ground, { sources, script }: Attack): Promise<TransferSummary> {
  const server = await ground.server();
  const done = server.summaries.length;
  const peer = await rawClient(ground.place.network, server.remote());
  const given = sources.map(({ name }) => name);
  peer.send(offerOf({ sources, given, intoDirectory: true }));
  try {
    const accept = await inTime("the offer's answer", peer.take("accept"));
    await script(new HostileSender(peer, { accept, hash: await loadHash({ without: [] }) }));
    const summary = server.events.until(() => server.summaries.length > done);
    await inTime("the server's summary", summary);
  } finally {
    peer.connection.close("none", "");
  }
  return server.summaries[done]!;
}

async function pulled(ground: Ground, attack: Attack): Promise<TransferSummary> {
  const paths = attack.sources.map(({ name, contents }) => contents ? `${name}/` : name);
  return await pullFrom(ground, paths, attack);
}

/** A pull of these paths from a server that offers what it likes. */
export async function pullFrom(
  ground: Ground,
  paths: readonly string[],
  { sources, script, options = {} }: Attack & { readonly options?: Overrides },
): Promise<TransferSummary> {
  const { place } = ground;
  const { remote, served } = await rawServer(place.network, async (peer) => {
    const { transfer, dryRun } = await peer.take("request");
    peer.send(offerOf({ transfer, sources, dryRun }));
    const accept = await answerOf(peer);
    if (accept?.type === "accept") {
      await script(new HostileSender(peer, { accept, hash: await loadHash({ without: [] }) }));
    } else {
      assert.ok(accept === null || accept.type === "abort", `it answered "${accept?.type}"`);
    }
    // What was said last is heard: an honest client leaves first.
    await inTime("the client's farewell", peer.take("bye").catch(() => {}))
      .finally(() => peer.connection.close("none", ""));
  });
  const more = { timeoutMs: 10_000, ...options };
  const run = place.pull(paths.map((path) => ({ ...remote, path })), "into/", more);
  const summary = await inTime("the pull's end", run.summary);
  await inTime("the server's end", served);
  return summary;
}

/** What comes first that is no ping; null where the client left instead. */
async function answerOf(peer: RawPeer): Promise<Message | null> {
  for (;;) {
    const message = await peer.channel.receive().catch(() => null);
    if (message?.type !== "ping") return message;
  }
}

export function fileEntry(
  path: string,
  bytes: Uint8Array | number,
  more: Partial<Entry> = {},
): Entry {
  const sizeBytes = typeof bytes === "number" ? bytes : bytes.byteLength;
  return { path, kind: "file", sizeBytes, mtimeNs: 0n, mode: 0o644, ...more };
}

export function directoryEntry(path: string, more: Partial<Entry> = {}): Entry {
  return { path, kind: "directory", sizeBytes: 0, mtimeNs: 0n, mode: 0o755, ...more };
}

export function linkEntry(path: string, target: string, more: Partial<Entry> = {}): Entry {
  return { path, kind: "link", sizeBytes: 0, mtimeNs: 0n, mode: 0o777, target, ...more };
}

/** Bytes of a file. */
export function content(text: string): Uint8Array {
  return encodeUtf8(text);
}

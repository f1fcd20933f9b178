// The two directions of one stream of the addon. Bytes go into it as far as it takes them, and the rest
// waits here with its writer: nothing is ever queued beyond what the addon itself holds. Reads go
// straight into the caller's memory.

import { PendingWrites, type WritesHost } from "../pending_writes.ts";
import { takenOver } from "../reader_memory.ts";
import type { ReceiveStream, SendStream } from "../transport.ts";
import { NATIVE, type NativeConnection, nativeText } from "./binding.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a stream needs of its connection. */
export interface StreamHost extends WritesHost {
  readonly native: NativeConnection;
  /** Something is to be sent. */
  touch(): void;
  /** This direction is done with. */
  finished(id: number, direction: "send" | "receive"): void;
}

/** The code a stream is given up with: nobody reads it. */
const GIVEN_UP = 0;
const STOPPED = /^StreamStopped/;
const RESET = /^StreamReset/;

export class QuicheSend implements SendStream {
  readonly id: number;
  readonly #host: StreamHost;
  readonly #writes: PendingWrites;
  #done = false;

  constructor(id: number, host: StreamHost) {
    this.id = id;
    this.#host = host;
    this.#writes = new PendingWrites(host, () => this.pump());
  }

  /** Whether somebody waits for room. */
  get waits(): boolean {
    return this.#writes.first !== undefined;
  }

  write(bytes: Bytes): Promise<void> {
    return this.#writes.write(bytes);
  }

  close(): Promise<void> {
    return this.#writes.close();
  }

  abort(): void {
    this.#writes.shut();
    if (this.#writes.gone !== null || this.#done) return;
    this.fail("the stream was given up");
    if (this.#host.over) return;
    shutDown(this.#host.native, this.id, NATIVE.direction.write);
    this.#host.touch();
  }

  /** Hands over what the addon takes now. */
  pump(): void {
    for (let write = this.#writes.first; write !== undefined; write = this.#writes.first) {
      const { bytes, at, end } = write;
      let taken;
      try {
        const rest = at === 0 ? bytes : bytes.subarray(at);
        taken = this.#host.native.streamSend(this.id, rest, end);
      } catch (thrown) {
        const found = nativeText(thrown);
        return this.fail(STOPPED.test(found) ? "the peer gave the stream up" : found);
      }
      if (taken === null) return;
      if (taken > 0 || end) this.#host.touch();
      write.at = at + taken;
      if (write.at < bytes.byteLength) return;
      this.#writes.shift();
      write.resolve();
      if (end) this.#finish();
    }
  }

  /** It is gone, and so is whoever waits. */
  fail(found: string): void {
    this.#writes.fail(found);
    this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#host.finished(this.id, "send");
  }
}

interface PendingRead {
  readonly view: Bytes;
  readonly resolve: (bytes: Bytes | null) => void;
  readonly reject: (error: Error) => void;
}

export class QuicheReceive implements ReceiveStream {
  readonly id: number;
  readonly #host: StreamHost;
  readonly #pending: PendingRead[] = [];
  #atEnd = false;
  #gone: string | null = null;
  #done = false;

  constructor(id: number, host: StreamHost) {
    this.id = id;
    this.#host = host;
  }

  read(into: Bytes): Promise<Bytes | null> {
    if (into.byteLength === 0) {
      return Promise.reject(new TypeError("Cannot read into an empty view"));
    }
    const view = takenOver(into);
    if (this.#host.over || this.#gone !== null) {
      return Promise.reject(this.#host.explain(this.#gone ?? "the stream is gone"));
    }
    if (this.#atEnd) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#pending.push({ view, resolve, reject });
      if (this.#pending.length === 1) this.pump();
    });
  }

  cancel(): void {
    if (this.#gone !== null) return;
    const wasWhole = this.#atEnd;
    this.fail("the stream was given up");
    if (wasWhole || this.#host.over) return;
    shutDown(this.#host.native, this.id, NATIVE.direction.read);
    this.#host.touch();
  }

  /** Serves whoever waits with what has come. */
  pump(): void {
    for (let read = this.#pending[0]; read !== undefined; read = this.#pending[0]) {
      const { view } = read;
      if (!this.#atEnd) {
        const got = this.#take(view);
        if (got === null) return;
        // Room was made: the peer is to hear of it.
        this.#host.touch();
        if (got > 0) {
          this.#pending.shift();
          read.resolve(new Uint8Array(view.buffer, view.byteOffset, got));
          continue;
        }
      }
      if (!this.#atEnd) return;
      this.#pending.shift();
      read.resolve(null);
    }
  }

  fail(found: string): void {
    this.#gone ??= found;
    for (const { reject } of this.#pending.splice(0)) reject(this.#host.explain(this.#gone));
    this.#finish();
  }

  /** Bytes that came; 0 at the end, null where there are none yet. */
  #take(view: Bytes): number | null {
    try {
      const got = this.#host.native.streamRecv(this.id, view);
      if (got === null) return null;
      if (got[1]) this.#end();
      return got[0];
    } catch (thrown) {
      const found = nativeText(thrown);
      // A stream that its writer gave up ends; the end of a stream is never success (I4).
      if (!RESET.test(found)) {
        this.fail(found);
        return null;
      }
      this.#end();
      return 0;
    }
  }

  #end(): void {
    this.#atEnd = true;
    this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#host.finished(this.id, "receive");
  }
}

function shutDown(native: NativeConnection, id: number, direction: number): void {
  try {
    native.streamShutdown(id, direction, GIVEN_UP);
  } catch {
    // It never was, or is over.
  }
}

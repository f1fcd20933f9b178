// The thread's end: one transport, and whatever was opened of it, by the numbers that the other side chose.
// Does as it is asked and decides nothing; a number it does not know is one that has ended.

import { SftpxError, toSftpxError } from "../../base/errors.ts";
import { sourceOf } from "../../base/address.ts";
import type { Connection, Listener, ReceiveStream, SendStream, Transport } from "../transport.ts";
import type {
  Answer,
  Ask,
  FromHost,
  OpenedConnection,
  PostedError,
  StreamOpening,
  Word,
} from "./messages.ts";

/** Posts to the other side; buffers are handed over. */
export type Post = (message: FromHost, transfer: readonly ArrayBuffer[]) => void;

interface Door {
  readonly listener: Listener;
  readonly admitted: Set<string>;
}

export class Host {
  readonly #transport: Transport;
  readonly #post: Post;
  /** Asks that can be given up. */
  readonly #pending = new Map<number, AbortController>();
  readonly #doors = new Map<number, Door>();
  readonly #connections = new Map<number, Connection>();
  readonly #sends = new Map<number, SendStream>();
  readonly #receives = new Map<number, ReceiveStream>();
  /** Streams of each connection: they go with it. */
  readonly #streams = new Map<number, Set<number>>();

  constructor(transport: Transport, post: Post) {
    this.#transport = transport;
    this.#post = post;
  }

  /** Answers in its own time; many are under way at once. */
  async ask(number: number, what: Ask): Promise<void> {
    try {
      const answer = await this.#do(what, number);
      const bytes = answer instanceof Uint8Array ? [answer.buffer] : [];
      this.#post({ kind: "answer", ask: number, answer }, bytes);
    } catch (thrown) {
      this.#post({ kind: "failure", ask: number, error: posted(thrown) }, []);
    } finally {
      this.#pending.delete(number);
    }
  }

  take(word: Word): void {
    switch (word.kind) {
      case "give_up":
        return this.#pending.get(word.ask)?.abort(reasonOf(word));
      case "close":
        return this.#connections.get(word.of)?.close(word.code, word.reason);
      case "shut":
        this.#doors.get(word.of)?.listener.close();
        this.#doors.delete(word.of);
        return;
      case "abort":
        this.#sends.get(word.of)?.abort();
        this.#sends.delete(word.of);
        return;
      case "cancel":
        this.#receives.get(word.of)?.cancel();
        this.#receives.delete(word.of);
        return;
    }
  }

  async #do(what: Ask, number: number): Promise<Answer> {
    switch (what.kind) {
      case "connect": {
        const signal = this.#signal(number);
        const connection = await this.#transport.connect({ ...what.options, signal });
        return this.#keep(what.as, connection);
      }
      case "listen": {
        const admitted = new Set<string>();
        const screen = (address: string) => admitted.has(sourceOf(address));
        const listener = await this.#transport.listen({ ...what.options, screen });
        this.#doors.set(what.as, { listener, admitted });
        return listener.address;
      }
      case "accept": {
        const connection = await this.#doors.get(what.of)?.listener.accept() ?? null;
        return connection === null ? null : this.#keep(what.as, connection);
      }
      case "admit": {
        const admitted = this.#doors.get(what.of)?.admitted;
        admitted?.clear();
        for (const address of what.addresses) admitted?.add(address);
        return true;
      }
      case "open_control":
      case "accept_control":
      case "open_lane":
      case "accept_lane":
        return await this.#open(what.kind, { of: what.of, as: what.as });
      case "write":
        await found(this.#sends, what.of).write(what.bytes);
        return what.bytes;
      case "read":
        return await this.#read(what);
      case "end":
        await found(this.#sends, what.of).close();
        this.#sends.delete(what.of);
        return true;
      case "stats":
        return found(this.#connections, what.of).stats();
      case "finish":
        return await this.#finish();
    }
  }

  /** Peers are to hear that their connections ended: a thread that goes says nothing any more. */
  async #finish(): Promise<true> {
    for (const { listener } of this.#doors.values()) listener.close();
    this.#doors.clear();
    const ending = [...this.#connections.values()];
    for (const connection of ending) connection.close("none", "");
    await Promise.all(ending.map(({ closed }) => closed));
    return true;
  }

  async #open(
    kind: StreamOpening,
    { of, as }: { readonly of: number; readonly as: number },
  ): Promise<true | null> {
    const connection = found(this.#connections, of);
    switch (kind) {
      case "open_control":
      case "accept_control": {
        const control = kind === "open_control"
          ? await connection.openControl()
          : await connection.acceptControl();
        return this.#keepStream({ of, as }, { send: control, receive: control });
      }
      case "open_lane":
        return this.#keepStream({ of, as }, { send: await connection.openLane() });
      case "accept_lane": {
        const lane = await connection.acceptLane();
        return lane === null ? null : this.#keepStream({ of, as }, { receive: lane });
      }
    }
  }

  /** Every answer is a way between threads: it comes when there is as much as was wanted. */
  async #read(
    { of, into, leastBytes }: Extract<Ask, { kind: "read" }>,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    const stream = found(this.#receives, of);
    const start = into.byteOffset;
    const end = start + into.byteLength;
    let rest = into;
    for (;;) {
      const missing = leastBytes - (rest.byteOffset - start);
      const got = await stream.read(rest, { leastBytes: Math.max(1, missing) });
      if (got === null) {
        this.#receives.delete(of);
        return rest === into ? null : new Uint8Array(rest.buffer, start, rest.byteOffset - start);
      }
      const filledTo = got.byteOffset + got.byteLength;
      if (filledTo - start >= leastBytes) {
        return new Uint8Array(got.buffer, start, filledTo - start);
      }
      rest = new Uint8Array(got.buffer, filledTo, end - filledTo);
    }
  }

  #keep(as: number, connection: Connection): OpenedConnection {
    this.#connections.set(as, connection);
    this.#streams.set(as, new Set());
    connection.closed.then((info) => {
      this.#connections.delete(as);
      for (const stream of this.#streams.get(as) ?? []) {
        this.#sends.delete(stream);
        this.#receives.delete(stream);
      }
      this.#streams.delete(as);
      this.#post({ kind: "closed", of: as, info }, []);
    });
    const { stack, remoteAddress, protocol } = connection;
    return { stack, remoteAddress, protocol, stats: connection.stats() };
  }

  #keepStream(
    { of, as }: { readonly of: number; readonly as: number },
    { send, receive }: { readonly send?: SendStream; readonly receive?: ReceiveStream },
  ): true {
    this.#streams.get(of)?.add(as);
    if (send !== undefined) this.#sends.set(as, send);
    if (receive !== undefined) this.#receives.set(as, receive);
    return true;
  }

  #signal(number: number): AbortSignal {
    const controller = new AbortController();
    this.#pending.set(number, controller);
    return controller.signal;
  }
}

/** A time that ran out is told apart where it is met. */
function reasonOf({ isTimeout }: { readonly isTimeout: boolean }): DOMException {
  const name = isTimeout ? "TimeoutError" : "AbortError";
  return new DOMException("The operation was given up", name);
}

function found<T>(those: ReadonlyMap<number, T>, number: number): T {
  const one = those.get(number);
  if (one === undefined) throw new SftpxError("lost", "Lost the peer: it ended before");
  return one;
}

function posted(thrown: unknown): PostedError {
  if (thrown instanceof TypeError) return { code: null, message: thrown.message, remote: false };
  const { code, message, remote } = toSftpxError(thrown);
  return { code, message, remote };
}

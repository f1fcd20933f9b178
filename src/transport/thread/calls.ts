// This side's end of a thread: asks with their answers, and the news that connections ended. A thread that
// dies fails whatever waits for it, and ends every connection as a silent loss.

import { SftpxError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { isTimeout } from "../addresses.ts";
import type { CloseInfo } from "../transport.ts";
import type { Answers, Ask, FromHost, PostedError, ToHost, Word } from "./messages.ts";

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What is asked, by its kind. */
export type AskOf<K extends Ask["kind"]> = Extract<Ask, { kind: K }>;

export class Calls {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onClosed = new Map<number, (info: CloseInfo) => void>();
  /** Connections that ended before anybody here knew that they had come about. */
  readonly #closedEarly = new Map<number, CloseInfo>();
  #next = 1;
  #dead: SftpxError | null = null;
  #isEnding = false;

  /** `worker` runs workers/transport.ts. */
  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromHost>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#die(`the transport's thread failed: ${event.message}`);
    };
    worker.onmessageerror = () => this.#die("the transport's thread said what cannot be read");
  }

  /** A number for what an ask opens. */
  number(): number {
    return this.#next++;
  }

  /** Asks, and waits for the answer; a signal makes the wait end with its reason. */
  async ask<K extends Ask["kind"]>(
    what: AskOf<K>,
    { transfer = [], signal }: {
      readonly transfer?: readonly ArrayBuffer[];
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<Answers[K]> {
    if (this.#dead !== null) throw this.#dead;
    signal?.throwIfAborted();
    const ask = this.#next++;
    const answered = Promise.withResolvers<Answers[K]>();
    this.#waiting.set(ask, { resolve: answered.resolve, reject: answered.reject });
    const onAbort = () => this.say({ kind: "give_up", ask, isTimeout: isTimeout(signal?.reason) });
    signal?.addEventListener("abort", onAbort);
    try {
      this.#post({ kind: "ask", ask, what }, transfer);
      return await answered.promise;
    } catch (thrown) {
      if (signal?.aborted === true && !isTimeout(signal.reason)) throw signal.reason;
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  say(what: Word): void {
    if (this.#dead === null) this.#post({ kind: "word", what }, []);
  }

  /** Hears how a connection ended. */
  whenClosed(connection: number, handler: (info: CloseInfo) => void): void {
    const info = this.#closedEarly.get(connection) ?? lossOf(this.#dead);
    this.#closedEarly.delete(connection);
    if (info !== null) handler(info);
    else this.#onClosed.set(connection, handler);
  }

  /** Ends the thread, with all that is on it; one that does not answer is not waited for long. */
  async end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, LIMITS.partingMs));
    await Promise.race([this.ask<"finish">({ kind: "finish" }).catch(() => {}), late]);
    clearTimeout(timer);
    this.#die("the transport's thread was ended");
    this.#worker.terminate();
  }

  #take(message: FromHost): void {
    switch (message.kind) {
      case "answer":
        this.#waiting.get(message.ask)?.resolve(message.answer as never);
        this.#waiting.delete(message.ask);
        return;
      case "failure":
        this.#waiting.get(message.ask)?.reject(errorOf(message.error));
        this.#waiting.delete(message.ask);
        return;
      case "closed":
        return this.#closed(message.of, message.info);
    }
  }

  #closed(connection: number, info: CloseInfo): void {
    const handler = this.#onClosed.get(connection);
    if (handler === undefined) this.#closedEarly.set(connection, info);
    else handler(info);
    this.#onClosed.delete(connection);
  }

  #die(found: string): void {
    if (this.#dead !== null) return;
    const error = new SftpxError("lost", `Cannot go on: ${found}`);
    this.#dead = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    for (const handler of this.#onClosed.values()) handler(endedBy(error));
    this.#onClosed.clear();
  }

  #post(message: ToHost, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, [...transfer]);
  }
}

function errorOf({ code, message, remote }: PostedError): Error {
  return code === null ? new TypeError(message) : new SftpxError(code, message, { remote });
}

function lossOf(error: SftpxError | null): CloseInfo | null {
  return error === null ? null : endedBy(error);
}

function endedBy({ message }: SftpxError): CloseInfo {
  return { code: null, reason: message, remote: false };
}

// Control messages as bytes: `type u16 | length u32 | CBOR map`, big-endian, one after the other on
// a stream. Both directions hold to the bounds of `message_schema.ts`; whatever a peer sends gives a
// message or an SftpxError, never another throw.

import { concatBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { MESSAGE_CODECS } from "./message_schema.ts";
import { IGNORABLE_BIT, type Message, MESSAGE_NUMBERS } from "./messages.ts";
import { readPlain, writePlain } from "./plain_messages.ts";
import type { Codec } from "./schema.ts";

/** Bytes before the body of a control message. */
export const CONTROL_HEADER_BYTES = 6;

const TYPES_BY_NUMBER: ReadonlyMap<number, Message["type"]> = new Map(
  Object.entries(MESSAGE_NUMBERS).map(([type, number]) => [number, type as Message["type"]]),
);

/**
 * Bytes of a message. Entries, listed ones too, that one message cannot hold are written as several.
 * Throws RangeError for a value the peer would refuse, `bad_name` where that value is a name, and
 * `limit` for names that are too long together.
 */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const body = encodeBody(message);
  if (body.byteLength > LIMITS.controlMessageBytes) {
    const halves = splitMessage(message);
    if (halves !== null) return concatBytes(halves.map(encodeMessage));
    throw new SftpxError(
      "limit",
      `Cannot send ${message.type} message: its names are longer than ` +
        `${LIMITS.controlMessageBytes} bytes together`,
    );
  }
  const bytes = new Uint8Array(CONTROL_HEADER_BYTES + body.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, MESSAGE_NUMBERS[message.type]);
  view.setUint32(2, body.byteLength);
  bytes.set(body, CONTROL_HEADER_BYTES);
  return bytes;
}

/** How much a peer may send. */
export interface ControlLimits {
  /** Bytes in all, headers included, until {@linkcode ControlDecoder.lift}. */
  readonly limitBytes?: number;
}

/**
 * Cuts a stream into messages. Push what arrives, then take messages until there is none; what is
 * held is then less than one message. After a throw the stream is dead: every call throws again.
 */
export class ControlDecoder {
  /** Bytes the peer may still send in all; null once lifted. */
  #allowedBytes: number | null;
  #held: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #start = 0;
  #end = 0;
  #failure: SftpxError | null = null;
  #lastBytes = 0;

  constructor(limits: ControlLimits = {}) {
    this.#allowedBytes = limits.limitBytes ?? LIMITS.unauthenticatedBytes;
  }

  /** Bytes of the message that `next` answered last, header included. */
  get lastBytes(): number {
    return this.#lastBytes;
  }

  /** The peer is authenticated: from here on only each message is bounded, not their sum. */
  lift(): void {
    this.#allowedBytes = null;
  }

  /** Takes what arrived; the bytes are copied. */
  push(bytes: Uint8Array): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#allowedBytes !== null) {
      if (bytes.byteLength > this.#allowedBytes) {
        throw this.#fail(
          "limit",
          "Cannot read control stream: it has too much before it is trusted",
        );
      }
      this.#allowedBytes -= bytes.byteLength;
    }
    this.#makeRoom(bytes.byteLength);
    this.#held.set(bytes, this.#end);
    this.#end += bytes.byteLength;
  }

  /** The next message, or null when more bytes are needed. */
  next(): Message | null {
    if (this.#failure !== null) throw this.#failure;
    for (;;) {
      const heldBytes = this.#end - this.#start;
      if (heldBytes < CONTROL_HEADER_BYTES) return null;
      const view = new DataView(this.#held.buffer, this.#start);
      const number = view.getUint16(0);
      const bodyBytes = view.getUint32(2);
      const type = TYPES_BY_NUMBER.get(number);
      if (bodyBytes > LIMITS.controlMessageBytes) {
        throw this.#fail("limit", `Cannot read message ${number}: it has ${bodyBytes} bytes`);
      }
      if (type === undefined && number < IGNORABLE_BIT) {
        throw this.#fail("protocol", `Cannot read message ${number}: it is of an unknown type`);
      }
      const missingBytes = CONTROL_HEADER_BYTES + bodyBytes - heldBytes;
      if (missingBytes > (this.#allowedBytes ?? Infinity)) {
        throw this.#fail("limit", `Cannot read message ${number}: it will pass what is allowed`);
      }
      if (missingBytes > 0) return null;
      const bodyStart = this.#start + CONTROL_HEADER_BYTES;
      this.#start = bodyStart + bodyBytes;
      if (type !== undefined) {
        this.#lastBytes = CONTROL_HEADER_BYTES + bodyBytes;
        return this.#decode(type, this.#held.subarray(bodyStart, this.#start));
      }
    }
  }

  /** The stream ended: throws unless it ended between two messages and all were taken (I4). */
  finish(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#end > this.#start) {
      throw this.#fail("protocol", "Cannot read control stream: it ended within a message");
    }
  }

  #decode(type: Message["type"], body: Uint8Array): Message {
    try {
      const plain = readPlain(type, body);
      if (plain !== null) return plain;
      return { type, ...codecOf(type).decode(decodeCbor(body)) } as Message;
    } catch (error) {
      if (!(error instanceof SftpxError)) throw error;
      throw this.#fail(error.code, `Cannot read ${type} message: ${error.message.trimStart()}`);
    }
  }

  /** Room for `count` more bytes: what is held moves to the front of an array that fits. */
  #makeRoom(count: number): void {
    if (this.#end + count <= this.#held.byteLength) return;
    const heldBytes = this.#end - this.#start;
    const neededBytes = heldBytes + count;
    // Half empty at least, so that single bytes cost constant time each.
    const target = 2 * neededBytes > this.#held.byteLength
      ? new Uint8Array(2 * neededBytes)
      : this.#held;
    target.set(this.#held.subarray(this.#start, this.#end));
    this.#held = target;
    this.#start = 0;
    this.#end = heldBytes;
  }

  #fail(code: SftpxError["code"], message: string): SftpxError {
    this.#failure = new SftpxError(code, message, { remote: true });
    this.#held = new Uint8Array(0);
    return this.#failure;
  }
}

function encodeBody(message: Message): Uint8Array {
  try {
    return writePlain(message) ?? encodeCbor(codecOf(message.type).encode(message));
  } catch (error) {
    if (!(error instanceof SftpxError)) throw error;
    const text = `Cannot encode ${message.type} message: ${error.message.trimStart()}`;
    if (error.code === "bad_name") throw new SftpxError("bad_name", text, { cause: error });
    throw new RangeError(text, { cause: error });
  }
}

/** Two messages that say the same as one, or null. */
function splitMessage(message: Message): readonly [Message, Message] | null {
  if (message.type === "entries" && message.entries.length > 1) {
    const middle = message.entries.length >> 1;
    return [
      {
        ...message,
        entries: message.entries.slice(0, middle),
        sources: message.sources.slice(0, middle),
      },
      {
        ...message,
        first: message.first + middle,
        entries: message.entries.slice(middle),
        sources: message.sources.slice(middle),
      },
    ];
  }
  if (message.type === "listing" && message.entries.length > 1) {
    const middle = message.entries.length >> 1;
    return [
      { ...message, entries: message.entries.slice(0, middle), omissions: [], last: false },
      { ...message, entries: message.entries.slice(middle) },
    ];
  }
  return null;
}

/** The table holds a codec for each type's own body; the compiler cannot follow that by index. */
function codecOf(type: Message["type"]): Codec<object> {
  return MESSAGE_CODECS[type] as Codec<object>;
}

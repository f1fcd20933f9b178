// One end of real sessions, written down: what it said, what travelled on its lanes, and what it had
// heard by then. The script of a peer that lies begins as one that does not.

import type { Connection, ControlStream, Transport } from "../../src/transport/transport.ts";
import { type CborValue, decodeCbor } from "../../src/wire/cbor.ts";
import { CONTROL_HEADER_BYTES, ControlDecoder, encodeMessage } from "../../src/wire/control.ts";
import { type Message, MESSAGE_NUMBERS } from "../../src/wire/messages.ts";

/** One thing that an end does. */
export type Step =
  /** Says a message: its number, and its body as it stands on the wire. */
  | { readonly kind: "say"; readonly number: number; readonly body: CborValue }
  /** Bytes on the control stream that need be no message. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array }
  /** Bytes on a lane of its own. */
  | { readonly kind: "lane"; readonly lane: number; readonly bytes: Uint8Array }
  /** Waits for a message, or until the other end's lanes carried so much. */
  | { readonly kind: "hear"; readonly type: Message["type"] }
  | { readonly kind: "take"; readonly bytes: number }
  /** Leaves without a word. */
  | { readonly kind: "cut" };

/** What belongs to the handshake is never recorded: it is done anew each time. */
const HANDSHAKE: ReadonlySet<string> = new Set(["hello", "auth", "welcome", "join", "joined"]);
/** What may come at any time, and nobody waits for. */
const ASIDE: ReadonlySet<string> = new Set(["ping", "pong", "stored", "durable"]);

/** What one end did, in order. */
export class Recording {
  readonly steps: Step[] = [];
  readonly #said = decoder();
  readonly #heard = decoder();
  #lanes = 0;
  #takenBytes = 0;

  said(bytes: Uint8Array): void {
    for (const message of messagesIn(this.#said, bytes)) {
      if (message.type !== "ping" && message.type !== "pong") this.steps.push(say(message));
    }
  }

  heard(bytes: Uint8Array): void {
    for (const { type } of messagesIn(this.#heard, bytes)) {
      if (!ASIDE.has(type)) this.steps.push({ kind: "hear", type });
    }
  }

  lane(): number {
    return this.#lanes++;
  }

  sent(lane: number, bytes: Uint8Array): void {
    this.steps.push({ kind: "lane", lane, bytes: bytes.slice() });
  }

  took(bytes: number): void {
    this.#takenBytes += bytes;
    const last = this.steps.at(-1);
    if (last?.kind === "take") this.steps.pop();
    this.steps.push({ kind: "take", bytes: this.#takenBytes });
  }
}

/** A message as a step. */
export function say(message: Message): Step {
  const body = decodeCbor(encodeMessage(message).subarray(CONTROL_HEADER_BYTES));
  return { kind: "say", number: MESSAGE_NUMBERS[message.type], body };
}

/** A transport whose first connection is written down at one of its ends: the first of each recording. */
export function tapped(
  transport: Transport,
  end: "client" | "server",
  current: () => Recording,
): Transport {
  const begun = new Set<Recording>();
  const once = (connection: Connection): Connection => {
    const recording = current();
    if (begun.has(recording)) return connection;
    begun.add(recording);
    return tappedConnection(connection, recording);
  };
  return {
    name: transport.name,
    addsToRuntimeRoots: transport.addsToRuntimeRoots,
    unavailable: () => transport.unavailable(),
    connect: async (options) => {
      const connection = await transport.connect(options);
      return end === "client" ? once(connection) : connection;
    },
    listen: async (options) => {
      const listener = await transport.listen(options);
      if (end === "client") return listener;
      return {
        address: listener.address,
        accept: async () => {
          const connection = await listener.accept();
          return connection === null ? null : once(connection);
        },
        close: () => listener.close(),
      };
    },
  };
}

function tappedConnection(connection: Connection, recording: Recording): Connection {
  const { stack, remoteAddress, protocol, closed } = connection;
  return {
    stack,
    remoteAddress,
    protocol,
    closed,
    openControl: async () => tappedControl(await connection.openControl(), recording),
    acceptControl: async () => tappedControl(await connection.acceptControl(), recording),
    openLane: async () => {
      const lane = await connection.openLane();
      const number = recording.lane();
      return {
        write: (bytes) => {
          recording.sent(number, bytes);
          return lane.write(bytes);
        },
        close: () => lane.close(),
        abort: () => lane.abort(),
      };
    },
    acceptLane: async () => {
      const lane = await connection.acceptLane();
      if (lane === null) return null;
      return {
        read: async (into) => {
          const read = await lane.read(into);
          if (read !== null) recording.took(read.byteLength);
          return read;
        },
        cancel: () => lane.cancel(),
      };
    },
    stats: () => connection.stats(),
    close: (code, reason) => connection.close(code, reason),
  };
}

function tappedControl(stream: ControlStream, recording: Recording): ControlStream {
  return {
    write: (bytes) => {
      recording.said(bytes);
      return stream.write(bytes);
    },
    read: async (into) => {
      const read = await stream.read(into);
      if (read !== null) recording.heard(read);
      return read;
    },
    close: () => stream.close(),
    abort: () => stream.abort(),
    cancel: () => stream.cancel(),
  };
}

function decoder(): ControlDecoder {
  const made = new ControlDecoder();
  made.lift();
  return made;
}

function messagesIn(decoder: ControlDecoder, bytes: Uint8Array): Message[] {
  decoder.push(bytes);
  const messages: Message[] = [];
  for (let next = decoder.next(); next !== null; next = decoder.next()) {
    if (!HANDSHAKE.has(next.type)) messages.push(next);
  }
  return messages;
}

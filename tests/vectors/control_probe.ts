// How tests speak to the control decoder: bodies taken apart and put together by hand, and the two
// ways a peer's bytes may end.

import assert from "node:assert/strict";
import { concatBytes } from "../../src/base/bytes.ts";
import { SftpxError } from "../../src/base/errors.ts";
import { type CborValue, decodeCbor } from "../../src/wire/cbor.ts";
import { CONTROL_HEADER_BYTES, ControlDecoder, encodeMessage } from "../../src/wire/control.ts";
import type { Message } from "../../src/wire/messages.ts";
import { SAMPLE_MESSAGES } from "./messages.ts";

export function sample(name: string): Message {
  const message = SAMPLE_MESSAGES[name];
  assert.ok(message !== undefined, name);
  return message;
}

export function lifted(): ControlDecoder {
  const decoder = new ControlDecoder();
  decoder.lift();
  return decoder;
}

export function drain(decoder: ControlDecoder): Message[] {
  const messages: Message[] = [];
  for (let message = decoder.next(); message !== null; message = decoder.next()) {
    messages.push(message);
  }
  return messages;
}

export function decodeOne(bytes: Uint8Array): Message {
  const decoder = lifted();
  decoder.push(bytes);
  const message = decoder.next();
  decoder.finish();
  assert.ok(message !== null);
  return message;
}

/** Whether it gave messages; otherwise it must have been the peer's fault. */
export function expectMessageOrFault(bytes: Uint8Array): boolean {
  const decoder = lifted();
  try {
    decoder.push(bytes);
    drain(decoder);
    decoder.finish();
    return true;
  } catch (error) {
    assert.ok(error instanceof SftpxError, String(error));
    assert.equal(error.remote, true);
    return false;
  }
}

export function assertFault(act: () => unknown, code: SftpxError["code"], what = ""): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof SftpxError, `${what}: ${error}`);
    assert.equal(error.code, code, `${what}: ${error.message}`);
    assert.equal(error.remote, true);
    return true;
  }, what);
}

export function frameBody(number: number, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(CONTROL_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint16(0, number);
  view.setUint32(2, body.byteLength);
  return concatBytes([header, body]);
}

/** The map on the wire. */
export function bodyMap(message: Message): Record<string, CborValue> {
  const body = decodeCbor(encodeMessage(message).subarray(CONTROL_HEADER_BYTES));
  return { ...(body as Record<string, CborValue>) };
}

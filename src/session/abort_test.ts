import assert from "node:assert/strict";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import type { Connection } from "../transport/transport.ts";
import type { Message } from "../wire/messages.ts";
import { sayAbort } from "./abort.ts";
import type { ControlChannel } from "./control_channel.ts";
import type { TransferChannel } from "./hub.ts";
import { sayRefusal } from "./strangers.ts";

/** What a peer is told of a failure, by a transfer that ends and at the door. */
async function toldOf(error: SftpxError): Promise<readonly (readonly [string, string])[]> {
  const said: Message[] = [];
  const send = (message: Message) => void said.push(message);
  sayAbort({ transfer: 1, send } as unknown as TransferChannel, error);
  const control = { send, flushed: () => Promise.resolve(), close: () => Promise.resolve() };
  const connection = { closed: Promise.resolve() } as unknown as Connection;
  await sayRefusal(control as unknown as ControlChannel, connection, error);
  return said.map((message) => {
    assert.ok(message.type === "abort" || message.type === "refuse");
    return [message.code, message.message];
  });
}

Deno.test("a peer hears why a transfer ends", async () => {
  const error = new SftpxError("refused", "Cannot pull: the grant does not let you");
  assert.deepEqual(await toldOf(error), Array(2).fill(["refused", error.message]));
});

Deno.test("a peer hears nothing of what a runtime says of this machine", async () => {
  const told = "Cannot go on: the peer's own program failed";
  const foreign = toSftpxError(new Error("ENOENT: no such file, open '/home/me/x'"));
  assert.deepEqual(await toldOf(foreign), Array(2).fill(["internal", told]));
  const worker = new SftpxError("worker", "Cannot use the store: at file:///home/me/x.ts:1:1");
  assert.deepEqual(await toldOf(worker), Array(2).fill(["worker", told]));
});

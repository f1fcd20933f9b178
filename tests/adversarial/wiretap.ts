// Somebody in the middle: passes a client's control stream on to a server, keeps every byte of it, and
// changes or repeats what an attack wants. Over the memory transport, which pins nothing: what still
// holds there does not rest on TLS.

import { ControlChannel } from "../../src/session/control_channel.ts";
import type { Connection, HostPort, Transport } from "../../src/transport/transport.ts";
import { encodeMessage } from "../../src/wire/control.ts";
import type { Message } from "../../src/wire/messages.ts";

export interface Tampering {
  /** What is passed on in place of a client's message. */
  readonly fromClient?: (message: Message) => Message | null;
  readonly fromServer?: (message: Message) => Message | null;
}

/** What one control stream carried on to the server, message by message. */
export class Middle implements AsyncDisposable {
  readonly address: HostPort;
  /** What the client said, as it said it. */
  readonly heard: Message[] = [];
  readonly #listener: { close(): void };
  readonly #work: Promise<void>;
  readonly #connections: Connection[] = [];

  private constructor(
    transport: Transport,
    { listener, to, tampering }: {
      readonly listener: Awaited<ReturnType<Transport["listen"]>>;
      readonly to: HostPort;
      readonly tampering: Tampering;
    },
  ) {
    this.#listener = listener;
    this.address = listener.address;
    this.#work = this.#run(transport, { listener, to, tampering });
  }

  static async open(
    transport: Transport,
    { to, ...tampering }: Tampering & { readonly to: HostPort },
  ): Promise<Middle> {
    const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
    return new Middle(transport, { listener: await transport.listen(at), to, tampering });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close("none", "");
    await this.#work;
  }

  async #run(
    transport: Transport,
    { listener, to, tampering }: {
      readonly listener: Awaited<ReturnType<Transport["listen"]>>;
      readonly to: HostPort;
      readonly tampering: Tampering;
    },
  ): Promise<void> {
    const client = await listener.accept();
    if (client === null) return;
    const server = await transport.connect({ ...to, anchorPem: "" });
    this.#connections.push(client, server);
    const near = new ControlChannel(await client.acceptControl());
    const far = new ControlChannel(await server.openControl());
    const pass = async (from: ControlChannel, into: ControlChannel, change: Change) => {
      for (;;) {
        const message = await from.receive();
        if (message === null) return await into.close();
        if (from === near) this.heard.push(message);
        const passed = change(message);
        if (passed !== null) into.send(passed);
      }
    };
    const same: Change = (message) => message;
    await Promise.allSettled([
      pass(near, far, tampering.fromClient ?? same).catch(() => server.close("none", "")),
      pass(far, near, tampering.fromServer ?? same).catch(() => client.close("none", "")),
    ]);
    client.close("none", "");
    server.close("none", "");
  }
}

type Change = (message: Message) => Message | null;

/** What a server answers to these messages of a new connection; null once it left without a word. */
export async function answerTo(
  transport: Transport,
  to: HostPort,
  messages: readonly Message[],
): Promise<readonly Message[]> {
  const connection = await transport.connect({ ...to, anchorPem: "" });
  try {
    const stream = await connection.openControl();
    for (const message of messages) await stream.write(encodeMessage(message)).catch(() => {});
    const channel = new ControlChannel(stream);
    const answers: Message[] = [];
    for (;;) {
      const message = await channel.receive().catch(() => null);
      if (message === null) return answers;
      answers.push(message);
      if (message.type === "refuse") return answers;
    }
  } finally {
    connection.close("none", "");
    await connection.closed;
  }
}

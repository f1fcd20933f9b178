// A server over real QUIC that says to each client what a test wants it to say.

import { ControlChannel } from "../../src/session/control_channel.ts";
import { serverHandshake } from "../../src/session/handshake.ts";
import { chooseTransport } from "../../src/session/transports.ts";
import type { Connection, Listener } from "../../src/transport/transport.ts";
import { issueLeaf } from "../../src/trust/certificate.ts";
import { generateIdentity, type Identity } from "../../src/trust/identity.ts";
import { RawPeer } from "../session/raw_peer.ts";
import { SHOUT, type Shout } from "./corpus/shouts.ts";

export class ShoutingServer implements AsyncDisposable {
  /** Names and pins it. */
  readonly url: string;
  readonly #listener: Listener;
  readonly #work: Promise<void>;

  private constructor(listener: Listener, identity: Identity, shout: Shout) {
    this.#listener = listener;
    this.url = `sftpx://${identity.name}@127.0.0.1:${listener.address.port}/tree`;
    this.#work = this.#run(identity, shout);
  }

  static async open(shout: Shout): Promise<ShoutingServer> {
    const identity = await generateIdentity();
    const leaf = await issueLeaf(identity, { nowMs: Date.now() });
    const at = { hostname: "127.0.0.1", port: 0, ...leaf };
    const transport = await chooseTransport({ quic: "auto" });
    return new ShoutingServer(await transport.listen(at), identity, shout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#work;
  }

  async #run(identity: Identity, shout: Shout): Promise<void> {
    const talks: Promise<void>[] = [];
    for (;;) {
      const connection = await this.#listener.accept();
      if (connection === null) break;
      talks.push(
        talk(connection, { identity, shout }).catch(() => {}).finally(() => {
          connection.close("none", SHOUT);
        }),
      );
    }
    await Promise.all(talks);
  }
}

async function talk(
  connection: Connection,
  { identity, shout }: { readonly identity: Identity; readonly shout: Shout },
): Promise<void> {
  const stream = await connection.acceptControl();
  const channel = new ControlChannel(stream);
  const grant = { read: true, write: true, writeOnce: false, root: "" };
  const handshaken = await serverHandshake(channel, {
    identity,
    agent: SHOUT,
    admit: async () => {
      if (shout.refuses !== undefined) {
        channel.send({ type: "refuse", ...shout.refuses });
        await connection.closed;
      }
      return { session: 1, key: new Uint8Array(32), admitted: { grant, by: "ticket" } };
    },
    sessionOf: () => null,
  });
  if (handshaken.kind !== "session") return;
  const peer = handshaken.clientIdentity;
  const raw = new RawPeer({ connection, channel, stream, identity, peer });
  await shout.say(raw);
  // What was said last is heard: an honest client leaves first.
  await raw.take("bye");
}

// A client behind a NAT whose port changes while bytes are under way: the server follows.

import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { overQuiche } from "../../../tests/quiche_addon.ts";
import { anchorPem, issueLeaf } from "../../trust/certificate.ts";
import { generateIdentity } from "../../trust/identity.ts";
import { loadQuiche } from "./binding.ts";
import { quicheTransport } from "./quiche.ts";

const HERE = "127.0.0.1";
const PIECE_BYTES = 64 * 1024;

/** A NAT: what it forwards comes from a port that can change; what comes to an old port is lost. */
class Nat {
  readonly #front = createSocket("udp4");
  readonly #serverPort: number;
  readonly #old: Socket[] = [];
  #back: Socket | null = null;
  #clientPort = 0;

  constructor(serverPort: number) {
    this.#serverPort = serverPort;
  }

  get port(): number {
    return this.#front.address().port;
  }

  async open(): Promise<void> {
    await bind(this.#front);
    await this.rebind();
    this.#front.on("message", (bytes, from) => {
      this.#clientPort = from.port;
      this.#back?.send(bytes, this.#serverPort, HERE);
    });
  }

  async rebind(): Promise<void> {
    const back = createSocket("udp4");
    await bind(back);
    if (this.#back !== null) this.#old.push(this.#back);
    this.#back = back;
    back.on("message", (bytes) => {
      if (back === this.#back) this.#front.send(bytes, this.#clientPort, HERE);
    });
  }

  close(): void {
    for (const socket of [this.#front, this.#back, ...this.#old]) socket?.close();
  }
}

function bind(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.bind(0, HERE, () => resolve()));
}

for (const direction of ["up", "down"] as const) {
  Deno.test(
    overQuiche(`a client whose port changes again and again goes on, bytes going ${direction}`),
    async () => {
      const transport = quicheTransport(await loadQuiche(), { packetBytes: 1350 });
      const identity = await generateIdentity();
      const leaf = await issueLeaf(identity, { nowMs: Date.now() });
      const listener = await transport.listen({ hostname: HERE, port: 0, ...leaf });
      const nat = new Nat(listener.address.port);
      await nat.open();
      const to = { hostname: HERE, port: nat.port, anchorPem: anchorPem(identity.publicKey) };
      const [client, server] = await Promise.all([transport.connect(to), listener.accept()]);
      assert.ok(server !== null);
      const [from, target] = direction === "up" ? [client, server] : [server, client];
      const lane = await from.openLane();
      // A lane shows once it carries bytes.
      await lane.write(new Uint8Array(PIECE_BYTES).fill(0));
      const far = await target.acceptLane();
      assert.ok(far !== null);
      for (let round = 1; round <= 6; round++) {
        await nat.rebind();
        const writing = lane.write(new Uint8Array(PIECE_BYTES).fill(round));
        let left = PIECE_BYTES;
        while (left > 0) {
          const got = await far.read(new Uint8Array(left));
          assert.ok(got !== null && got.every((byte) => byte === round - 1));
          left -= got.byteLength;
        }
        await writing;
      }
      client.close("none", "");
      await Promise.all([client.closed, server.closed]);
      listener.close();
      // Its socket is given back by then as well.
      assert.equal(await listener.accept(), null);
      nat.close();
    },
  );
}

// A server over real QUIC that is not who the client expects: it shakes hands with whoever comes, with
// the certificate it was given, and keeps every byte that reaches it on any stream.

import { issueLeaf } from "../../src/trust/certificate.ts";
import type { Identity } from "../../src/trust/identity.ts";

export class QuicTrap implements AsyncDisposable {
  /** Connections whose handshake the client finished. */
  connections = 0;
  /** Bytes of the client's, over all streams. */
  readonly heard: Uint8Array[] = [];
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #work: Promise<void>;

  private constructor(endpoint: Deno.QuicEndpoint, work: (trap: QuicTrap) => Promise<void>) {
    this.#endpoint = endpoint;
    this.#work = work(this);
  }

  /** `claim` is what it says of itself on a claim connection. */
  static async open(
    identity: Identity,
    { protocols = ["sftpx/1", "sftpx-claim/1"], claim = identity.publicKey }: {
      readonly protocols?: readonly string[];
      readonly claim?: Uint8Array;
    } = {},
  ): Promise<QuicTrap> {
    const { certificatePem, keyPem } = await issueLeaf(identity, { nowMs: Date.now() });
    const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
    const listener = endpoint.listen({
      cert: certificatePem,
      key: keyPem,
      alpnProtocols: [...protocols],
      maxConcurrentBidirectionalStreams: 4,
    });
    return new QuicTrap(endpoint, async (trap) => {
      const talks: Promise<void>[] = [];
      for (;;) {
        const incoming = await listener.incoming().catch(() => null);
        if (incoming === null) break;
        const shaking = Promise.resolve().then(() => incoming.accept());
        talks.push(shaking.then((conn) => trap.#talk(conn, claim)).catch(() => {}));
      }
      await Promise.all(talks);
    });
  }

  get port(): number {
    return this.#endpoint.addr.port;
  }

  /** How many bytes it got to see. */
  get heardBytes(): number {
    return this.heard.reduce((sum, bytes) => sum + bytes.byteLength, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endpoint.close();
    await this.#work;
  }

  async #talk(conn: Deno.QuicConn, claim: Uint8Array): Promise<void> {
    this.connections++;
    if (conn.protocol === "sftpx-claim/1") {
      const lane = (await conn.createUnidirectionalStream()).getWriter();
      await lane.write(claim.slice());
      await lane.close();
    }
    const streams = conn.incomingBidirectionalStreams as ReadableStream<
      Deno.QuicBidirectionalStream
    >;
    const reading: Promise<void>[] = [];
    const reader = streams.getReader();
    for (;;) {
      const next = await reader.read().catch(() => null);
      if (next === null || next.done) break;
      reading.push(this.#read(next.value.readable as ReadableStream<Uint8Array>));
    }
    await Promise.all(reading);
    await conn.closed.catch(() => {});
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    for (;;) {
      const next = await reader.read().catch(() => null);
      if (next === null || next.done) return;
      this.heard.push(next.value.slice());
    }
  }
}

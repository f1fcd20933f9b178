// The same stretch of network for TCP: what is connected to it is led to one server. While it is shut it
// hangs up on whoever comes; it cuts what runs, and counts what came.

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export class TcpRelay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;
  /** Leads nobody anywhere. */
  isShut = false;

  private constructor(server: Server, aimPort: () => number) {
    this.#server = server;
    server.on("connection", (near) => {
      if (this.isShut) return void near.on("error", () => {}).destroy();
      this.#connections++;
      const far = connect(aimPort(), "127.0.0.1");
      this.#lead(near, far);
      this.#lead(far, near);
    });
  }

  /** Opens this port of 127.0.0.1, 0 for any; throws where another program has it. */
  static async open(port: number, aimPort: () => number): Promise<TcpRelay> {
    const server = createServer();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new TcpRelay(server, aimPort);
  }

  get port(): number {
    return (this.#server.address() as { readonly port: number }).port;
  }

  /** How many were led so far. */
  get connections(): number {
    return this.#connections;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #lead(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }
}

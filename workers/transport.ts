// A transport's thread: Deno's QUIC, and the connections over it. Its messages are in transport/thread; it
// ends when it is ended, and never by itself.

import { workerPort } from "../src/runtime/runtime.ts";
import { denoQuicTransport } from "../src/transport/deno_quic.ts";
import { Host } from "../src/transport/thread/host.ts";
import type { FromHost, ToHost } from "../src/transport/thread/messages.ts";

const port = workerPort<ToHost, FromHost>();
let host: Host | null = null;

port.receive((message) => {
  switch (message.kind) {
    case "init": {
      const { arrivals } = message;
      const transport = denoQuicTransport(arrivals === undefined ? {} : { arrivals });
      host = new Host(transport, (reply, transfer) => port.post(reply, transfer));
      return;
    }
    case "ask":
      host?.ask(message.ask, message.what);
      return;
    case "word":
      return host?.take(message.what);
  }
});

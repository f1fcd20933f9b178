// A transport whose server's connections a test sees, to break or to count them.

import type { Connection, Transport } from "../../src/transport/transport.ts";

/** The same stack, whose server's connections are handed over as they come. */
export function watched(transport: Transport, onCame: (connection: Connection) => void): Transport {
  return {
    ...transport,
    listen: async (options) => {
      const listener = await transport.listen(options);
      return {
        address: listener.address,
        accept: async () => {
          const connection = await listener.accept();
          if (connection !== null) onCame(connection);
          return connection;
        },
        close: () => listener.close(),
      };
    },
  };
}

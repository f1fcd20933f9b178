// The QUIC stacks that a test of this process runs over, and their pairs: what is said of QUIC is said of
// each, as client and as server.

import { denoQuicTransport } from "../src/transport/deno_quic.ts";
import { loadQuicheTransport } from "../src/transport/quiche/quiche.ts";
import type { Transport } from "../src/transport/transport.ts";
import { QUICHE_RUNS } from "./quiche_addon.ts";

/** A client's stack and its server's. */
export interface QuicPair {
  readonly name: string;
  readonly client: Transport;
  readonly server: Transport;
}

/**
 * Every stack that can be here, with another silence after which it takes a connection for lost if one is
 * named. This process has read its roots long ago, the e2e suite and root_store_test see to them.
 */
export async function quicStacks(
  options: { readonly idleMs?: number } = {},
): Promise<readonly Transport[]> {
  const quiche = QUICHE_RUNS ? [await loadQuicheTransport(options)] : [];
  const all = [denoQuicTransport(options), ...quiche];
  return all.map((transport) => ({ ...transport, addsToRuntimeRoots: false }));
}

/** Every stack with itself and with every other one. */
export async function quicPairs(): Promise<readonly QuicPair[]> {
  const stacks = await quicStacks();
  return stacks.flatMap((client) =>
    stacks.map((server) => ({
      name: client === server ? client.name : `${client.name} to ${server.name}`,
      client,
      server,
    }))
  );
}

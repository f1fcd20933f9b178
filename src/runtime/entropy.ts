// The runtime's first random bytes for TLS and QUIC. Deno's cryptography gathers its seed from the jitter of
// the processor's clock, once a process: 23 ms of work, on the program's thread where nothing asked for it
// before the first handshake. Asked for early, another thread does it while this one loads modules.

import { isDeno } from "./runtime.ts";

let gathering: Promise<void> | null = null;

/** Begins to gather, once; never rejects, and nothing need wait for it. Bun's is there at once. */
export function gatherEntropy(): Promise<void> {
  return gathering ??= isDeno() ? makeKey().catch(() => {}) : Promise.resolve();
}

/** Of the keys the runtime makes on another thread, what costs next to nothing but the seed. */
async function makeKey(): Promise<void> {
  await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
}

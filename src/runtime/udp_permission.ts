// Whether a UDP socket may be bound, and whether it may send somewhere: Deno's grants, asked before.

import { granted } from "./runtime.ts";

/**
 * Deno's `node:dgram` throws where nobody can catch it, and foreign functions ask nobody: what is not
 * granted outright is refused before.
 */
export function requireNet(hostname: string, port: number): void {
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  if (granted({ name: "net", host })) return;
  const text = `Requires net access to "${host}", run again with the --allow-net flag`;
  throw Object.assign(new Error(text), { name: "NotCapable" });
}

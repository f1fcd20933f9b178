// From a remote place as written to a server that can be proved: where it is, which identity it must
// have, and the ticket if there is one. A ticket, the URL or a pin says it without a question.

import { equalBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { mayReadEnv } from "../runtime/runtime.ts";
import type { Remote } from "../session/options.ts";
import { identityName, parseIdentityName } from "../trust/identity.ts";
import { decodeTicket } from "../trust/ticket.ts";
import { readTrustFile } from "../trust/trust_file.ts";
import type { Environment } from "./home.ts";
import { shown } from "./shown.ts";
import type { HostPort, RemoteTarget } from "./target.ts";

/** What `resolveRemote` may look at. */
export interface RemoteLookup {
  /** From `--ticket-file`. */
  readonly ticketFile: string | null;
  readonly env: Environment;
  /** From `--pin`: 52 base32 characters. */
  readonly pin: string | null;
  /** Asked only where nothing else says who the server is; rejects where nobody does. */
  readonly identityOf: (host: HostPort) => Promise<Uint8Array>;
}

/** Finds address, identity and ticket of a remote place. */
export async function resolveRemote(target: RemoteTarget, lookup: RemoteLookup): Promise<Remote> {
  if (lookup.ticketFile !== null && target.kind !== "environment") {
    throw new SftpxError("usage", 'Cannot use "--ticket-file": DEST or SRC is not @ or @/PATH');
  }
  const pin = lookup.pin === null ? null : parseIdentityName(lookup.pin);
  switch (target.kind) {
    case "ticket":
      return ticketRemote(target.text, target.path, pin);
    case "environment":
      return ticketRemote(await namedTicket(lookup), target.path, pin);
    case "url": {
      const { hostname, port, path } = target;
      const named = target.identity === null ? null : parseIdentityName(target.identity);
      if (named !== null) checkPin(named, pin, "the URL");
      const identity = named ?? pin ?? await lookup.identityOf({ hostname, port });
      return { addresses: [{ hostname, port }], identity, ticket: null, path };
    }
  }
}

function ticketRemote(text: string, path: string, pin: Uint8Array | null): Remote {
  const { identity, secret, addresses } = decodeTicket(text);
  checkPin(identity, pin, "the ticket");
  return { addresses, identity, ticket: secret, path };
}

async function namedTicket({ ticketFile, env }: RemoteLookup): Promise<string> {
  if (ticketFile !== null) {
    const text = await readTrustFile(ticketFile, { what: "ticket file", secret: false });
    if (text !== null && text.trim() !== "") return text.trim();
    const state = text === null ? "there is no file" : "it is empty";
    throw new SftpxError("usage", `Cannot load ticket file "${shown(ticketFile)}": ${state}`);
  }
  const text = env("SFTPX_TICKET")?.trim();
  if (text) return text;
  const found = mayReadEnv("SFTPX_TICKET")
    ? "neither --ticket-file nor SFTPX_TICKET is set"
    : "there is no --ticket-file, and SFTPX_TICKET needs --allow-env=SFTPX_TICKET";
  throw new SftpxError("usage", `Cannot use "@": ${found}`);
}

function checkPin(identity: Uint8Array, pin: Uint8Array | null, source: string): void {
  if (pin === null || equalBytes(identity, pin)) return;
  throw new SftpxError(
    "identity_mismatch",
    `Cannot connect: ${source} names the identity ${identityName(identity)}, ` +
      `and --pin ${identityName(pin)}`,
  );
}

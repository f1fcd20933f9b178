// The way to the servers a command names: who they are, how they may be believed, and what the session
// needs to get there.

import type { Remote, SessionEvent, SessionOptions } from "../session/options.ts";
import { unusedThreads } from "../session/network_threads.ts";
import { chooseTransport } from "../session/transports.ts";
import { wantedOf } from "../transport/transport.ts";
import type { TransferChoices } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { type FirstContact, firstContact } from "./first_contact.ts";
import { identityFile } from "./home.ts";
import { resolveRemote } from "./remote.ts";
import type { RemoteTarget } from "./target.ts";

/** Servers that may be reached. */
export interface Reach {
  /** As many as were named, in their order. */
  readonly remotes: readonly Remote[];
  /** What to run the session under: it explains what goes wrong. */
  readonly contact: FirstContact;
  readonly session: SessionOptions;
}

/** Finds out who the servers are, asking a person if need be. `onEvent` is told the session's events. */
export async function reach(
  targets: readonly RemoteTarget[],
  { choices, context, onEvent }: {
    readonly choices: TransferChoices;
    readonly context: CommandContext;
    readonly onEvent: SessionOptions["onEvent"];
  },
): Promise<Reach> {
  const contact = firstContact(choices, context);
  const { ticketFile, pin } = choices;
  const lookup = { ticketFile, pin, env: context.env, identityOf: contact.identityOf };
  const remotes: Remote[] = [];
  for (const target of targets) remotes.push(await resolveRemote(target, lookup));
  const told = (event: SessionEvent) => {
    contact.event(event);
    onEvent(event);
  };
  return { remotes, contact, session: await sessionOptions(choices, { context, onEvent: told }) };
}

/** The one server that may be reached. */
export type ReachedOne = Omit<Reach, "remotes"> & { readonly remote: Remote };

/** {@linkcode reach} for one server, by a command that is no transfer: what it tells on the way. */
export async function reachOne(
  target: RemoteTarget,
  { choices, context }: { readonly choices: TransferChoices; readonly context: CommandContext },
): Promise<ReachedOne> {
  const { terminal, json } = context;
  const onEvent = (event: SessionEvent) => {
    if (event.kind === "notice") terminal.warning(event.message);
    if (event.kind !== "connected") return;
    terminal.detail(`connected to ${event.address} over ${event.transport}`);
    json?.event(event);
  };
  const { remotes, ...way } = await reach([target], { choices, context, onEvent });
  return { ...way, remote: remotes[0]! };
}

/** What a session takes of the choices. */
export async function sessionOptions(
  choices: TransferChoices,
  { context, onEvent }: { context: CommandContext; onEvent: SessionOptions["onEvent"] },
): Promise<SessionOptions> {
  const { connections, congestion, rateBytesPerSecond, timeoutMs } = choices;
  const transport = await chooseTransport(choices, {
    onNotice: (message) => context.terminal.detail(message),
  });
  const unused = unusedThreads(choices.networkThreads, transport);
  if (unused !== null) context.terminal.warning(unused);
  return {
    transport,
    identityPath: identityFile(choices.identityPath, context.env),
    connections,
    congestion,
    ...wantedOf(choices),
    ...(rateBytesPerSecond === undefined ? {} : { rateBytesPerSecond }),
    timeoutMs,
    onEvent,
    signal: context.signal,
  };
}

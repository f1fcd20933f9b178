// `sftpx ticket create|list|revoke|prune`: tickets made, listed and ended without a server's help; a running
// `serve` of the same user sees them at once, because both look into the same book. A ticket itself is
// printed once, on stdout, when it is made (I9); the book holds no more than its hash.

import { resolve } from "node:path";
import { ticketAddresses } from "../session/advertise.ts";
import { accessOf, grantOfAccess } from "../trust/grant.ts";
import { loadIdentity } from "../trust/identity.ts";
import { encodeTicket } from "../trust/ticket.ts";
import { TicketBook, ticketBookPath } from "../trust/ticket_book.ts";
import type { TicketAction, TicketCommand } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { expiryMs } from "./expiry.ts";
import { boundedGrant, boundsText } from "./grant_text.ts";
import { identityFile } from "./home.ts";
import type { TicketLine } from "./json_line.ts";
import { shellWord } from "./shell_word.ts";
import { shown } from "./shown.ts";
import { DEFAULT_PORT, formatHostPort, type HostPort } from "./target.ts";
import { canonicalRoot, checkScope } from "./ticket_scope.ts";
import { formatCount } from "./units.ts";
import { localTime } from "./ui/listing.ts";
import { tableLines } from "./ui/table.ts";

type TicketInfo = ReturnType<TicketBook["list"]>[number];
type Create = Extract<TicketAction, { kind: "create" }>;

const HEAD = ["ID", "PATH", "ACCESS", "USES LEFT", "UNTIL", "STATE"] as const;
/** Digits of an id that are shown: `revoke` takes as few as name one ticket. */
const ID_DIGITS = 12;
const ACCESS_TEXT = {
  read: "read",
  write: "write",
  "write-once": "write, never replace",
  "append-only": "write, only add",
  "read,write-once": "read and write, never replace",
  "read,append-only": "read and write, only add",
  both: "read and write",
} as const;

/** Runs the command. */
export async function runTicket(command: TicketCommand, context: CommandContext): Promise<number> {
  const { action } = command;
  const identityPath = identityFile(command.identityPath, context.env);
  switch (action.kind) {
    case "create":
      return await createTicket(action, { identityPath, context });
    case "list":
      return await listTickets(action.root, { identityPath, context });
    case "revoke":
      return revokeTicket(action.id, { identityPath, context });
    case "prune":
      return await pruneTickets(action.root, { identityPath, context });
  }
}

interface Place {
  readonly identityPath: string;
  readonly context: CommandContext;
}

async function createTicket(action: Create, { identityPath, context }: Place): Promise<number> {
  const root = await canonicalRoot(action.root);
  const path = await checkScope(root, action);
  const identity = await loadIdentity(identityPath, { create: true });
  using book = TicketBook.open(ticketBookPath(identityPath));
  const nowMs = context.nowMs();
  const addresses = addressesOf(action.advertise, { book, root, context });
  const expiresMs = expiryMs(action.expires, nowMs);
  const { id, secret } = book.mint({
    root,
    grant: boundedGrant(action, path),
    uses: action.uses,
    expiresMs,
    nowMs,
    standing: true,
  });
  const ticket = writtenTicket({ identity: identity.publicKey, secret, addresses }, () => {
    book.revoke(id);
  });
  const made = book.list({ root, nowMs }).find((info) => info.id === id);
  const { json, stdout, terminal } = context;
  if (json !== null) {
    if (made !== undefined) json.tell("ticket", { ...fieldsOf(made), ticket });
    json.tell("end", { ok: true, count: 1, failed: 0 });
    return 0;
  }
  stdout.write(`${ticket}\n`);
  for (const line of madeLines(action, { id, root, path, expiresMs, addresses })) {
    terminal.line(line);
  }
  return 0;
}

/** A ticket that cannot be written down is nobody's: it does not stay in the book. */
function writtenTicket(
  ticket: Parameters<typeof encodeTicket>[0],
  takeBack: () => void,
): string {
  try {
    return encodeTicket(ticket);
  } catch (error) {
    takeBack();
    throw error;
  }
}

async function listTickets(
  given: string | null,
  { identityPath, context: { json, stdout, terminal, nowMs } }: Place,
): Promise<number> {
  const root = given === null ? null : await canonicalRoot(given);
  using book = TicketBook.open(ticketBookPath(identityPath));
  const found = book.list({ root, nowMs: nowMs() });
  if (json !== null) {
    for (const info of found) json.tell("ticket", fieldsOf(info));
    json.tell("end", { ok: true, count: found.length, failed: 0 });
    return 0;
  }
  if (found.length === 0) {
    terminal.line(root === null ? "no tickets" : `no tickets for ${shown(root)}`);
    return 0;
  }
  const head = root === null ? [...HEAD, "ROOT"] : HEAD;
  const rows = found.map((info) => rowOf(info, { withRoot: root === null }));
  for (const line of tableLines(rows, { head })) stdout.write(`${line}\n`);
  return 0;
}

function revokeTicket(id: string, { identityPath, context }: Place): number {
  using book = TicketBook.open(ticketBookPath(identityPath));
  const revoked = book.revoke(id);
  const { json, terminal } = context;
  json?.tell("ticket", fieldsOf(revoked));
  json?.tell("end", { ok: true, count: 1, failed: 0 });
  terminal.line(`ticket ${revoked.id.slice(0, ID_DIGITS)} opens nothing any more`);
  return 0;
}

/** Those that open nothing any more: what became of them is told nobody after that. */
async function pruneTickets(
  given: string | null,
  { identityPath, context: { json, terminal, nowMs } }: Place,
): Promise<number> {
  const root = given === null ? null : await canonicalRoot(given);
  using book = TicketBook.open(ticketBookPath(identityPath));
  const dead = book.prune({ root, nowMs: nowMs() });
  for (const info of dead) json?.tell("ticket", fieldsOf(info));
  json?.tell("end", { ok: true, count: dead.length, failed: 0 });
  const of = root === null ? "" : ` for ${shown(root)}`;
  const forgotten = dead.length === 1 ? "1 ticket" : `${formatCount(dead.length)} tickets`;
  terminal.line(`${forgotten}${of} forgotten`);
  return 0;
}

/** As given, at the port of the running `serve` of this ROOT; else all that this one tells others. */
function addressesOf(
  given: readonly HostPort[],
  { book, root, context: { terminal } }: {
    book: TicketBook;
    root: string;
    context: CommandContext;
  },
): readonly HostPort[] {
  const running = book.announced(root);
  if (running !== null && given.length === 0) return running.addresses;
  if (running === null && given.every(({ port }) => port === 0)) {
    terminal.warning(
      `nothing serves ${shown(root)} now: the ticket names port ${DEFAULT_PORT}; ` +
        "say --advertise HOST:PORT if it will be another",
    );
  }
  return ticketAddresses({ hostname: "::", port: running?.port ?? DEFAULT_PORT }, given);
}

/** What the ticket is good for, how it is used and how it is ended. */
function madeLines(
  { access, uses, bounds }: Create,
  made: {
    readonly id: string;
    readonly root: string;
    readonly path: string;
    readonly expiresMs: number;
    readonly addresses: readonly HostPort[];
  },
): readonly string[] {
  const { root, path, expiresMs, addresses } = made;
  const id = made.id.slice(0, ID_DIGITS);
  const what = path === "" ? shown(root) : shown(resolve(root, path));
  const times = uses === null ? "any number of transfers" : `${formatCount(uses)} transfers`;
  const where = addresses.map(formatHostPort).join(", ");
  const bound = boundsText(bounds);
  const until = localTime(BigInt(expiresMs) * 1_000_000n);
  const commands = grantOfAccess(access).read ? ["sftpx get TICKET ."] : [];
  if (access !== "read") commands.unshift("sftpx send FILE TICKET");
  return [
    `ticket ${id}: ${ACCESS_TEXT[access]} ${what}, ${bound}${uses === 1 ? "1 transfer" : times}, ` +
    `until ${until}, at ${where}`,
    `  it opens while "sftpx serve ${shellWord(root)}" runs: ${commands.join(", or ")}`,
    `  whoever has it may use it; "sftpx ticket revoke ${id}" ends it`,
  ];
}

/** Bounds in a narrow column. */
function bounded(grant: TicketInfo["grant"]): string {
  const text = boundsText(grant);
  return text === "" ? "" : `, ${text.slice(0, -2)}`;
}

function rowOf(info: TicketInfo, { withRoot }: { withRoot: boolean }): readonly string[] {
  const { id, root, grant, usesLeft, expiresMs, state } = info;
  return [
    id.slice(0, ID_DIGITS),
    grant.root === "" ? "." : shown(grant.root),
    accessOf(grant) + bounded(grant),
    usesLeft === null ? "any" : formatCount(usesLeft),
    localTime(BigInt(Math.trunc(expiresMs)) * 1_000_000n),
    state,
    ...(withRoot ? [shown(root)] : []),
  ];
}

function fieldsOf(info: TicketInfo): TicketLine {
  const { id, root, grant, uses, usesLeft, createdMs, expiresMs, state } = info;
  return {
    id,
    root,
    path: grant.root,
    access: accessOf(grant),
    ...(grant.quotaBytes === undefined ? {} : { quotaBytes: grant.quotaBytes }),
    ...(grant.maxFileBytes === undefined ? {} : { maxFileBytes: grant.maxFileBytes }),
    uses,
    usesLeft,
    created: new Date(createdMs).toISOString(),
    expires: new Date(expiresMs).toISOString(),
    state,
  };
}

// `serve`, `recv`, `clean`, `ticket` and `keys`: what a command means that is about a place served and
// who may connect to it.

import { escapeText } from "../base/text.ts";
import type { Access } from "../trust/grant.ts";
import type {
  CleanCommand,
  GrantBounds,
  KeysAction,
  KeysCommand,
  ServeCommand,
  TicketAction,
  TicketCommand,
} from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { parseExpiry } from "./expiry.ts";
import type { FlagName } from "./flags.ts";
import { atMostNone, atMostOne, exactly, oneOf, rootOf } from "./positionals.ts";
import type { Settings } from "./settings.ts";
import { shown } from "./shown.ts";
import {
  checkIdentity,
  DEFAULT_PORT,
  type HostPort,
  parseHostPort,
  parseRemotePath,
} from "./target.ts";
import { type Meaning, transferChoices } from "./transfer_arguments.ts";
import { parseDuration, parseSize } from "./units.ts";
import { usageError } from "./usage_error.ts";

/** `serve [ROOT]` and `recv [ROOT]`. */
export function serveCommand(meaning: Meaning, positionals: readonly string[]): ServeCommand {
  const { settings } = meaning;
  const command = settings.command === "recv" ? "recv" : "serve";
  const authorizedKeysPath = settings.text("authorized-keys");
  return {
    name: "serve",
    output: settings.output(),
    transfer: transferChoices(meaning, []),
    root: rootOf("serve", atMostOne(command, positionals)),
    listen: parseHostPort(settings.text("listen") ?? "", { fallbackPort: null, allowZero: true }),
    advertise: advertised(settings),
    access: command === "recv" ? "write" : accessOf(settings),
    once: settings.has("once"),
    authorizedKeysPath,
    mintTicket: authorizedKeysPath === null && !settings.has("no-ticket"),
    logFormat: settings.text("log-format") === "json" ? "json" : "text",
    readyFile: settings.text("ready-file"),
  };
}

/** `clean [ROOT]`. */
export function cleanCommand(settings: Settings, positionals: readonly string[]): CleanCommand {
  const olderThan = settings.text("older-than");
  return {
    name: "clean",
    output: settings.output(),
    root: rootOf("clean", atMostOne("clean", positionals)),
    olderThanMs: olderThan === null ? null : parseDuration(olderThan),
    dryRun: settings.has("dry-run"),
  };
}

/** A line of the file of keys stays readable. */
const MAX_COMMENT_CHARS = 200;

/** Flags that say what a new ticket is good for. */
const TICKET_SCOPE: readonly FlagName[] = [
  "path",
  "uses",
  "expires",
  "access",
  "quota",
  "max-file",
  "advertise",
];

/** How long a ticket is good for where nothing is said. */
const TICKET_LIFE = "24h";

/** Flags that say what a key may do. */
const KEY_SCOPE: readonly FlagName[] = ["access", "path", "quota", "max-file", "from", "expires"];

/** `ticket [create] [ROOT]`, `ticket list [ROOT]`, `ticket revoke ID`, `ticket prune [ROOT]`. */
export function ticketCommand(settings: Settings, positionals: readonly string[]): TicketCommand {
  return {
    name: "ticket",
    output: settings.output(),
    identityPath: settings.text("identity"),
    action: ticketAction(settings, positionals),
  };
}

function ticketAction(settings: Settings, positionals: readonly string[]): TicketAction {
  const [word, ...rest] = positionals;
  switch (word) {
    case "list":
    case "prune":
      settings.refuse(TICKET_SCOPE, `ticket ${word}`);
      return { kind: word, root: atMostOne(`ticket ${word}`, rest) };
    case "revoke": {
      settings.refuse(TICKET_SCOPE, "ticket revoke");
      const [id] = exactly("ticket revoke", rest, ["ID"]);
      if (!/^[0-9a-z]{1,64}$/i.test(id)) {
        throw usageError(`revoke "${shown(id)}"`, "it is no ID that `sftpx ticket list` shows");
      }
      return { kind: "revoke", id: id.toLowerCase() };
    }
    case "create":
      return creation(settings, atMostOne("ticket create", rest));
    default:
      // ROOT may be left out, but with more behind it the first word was meant as what to do.
      if (word !== undefined && rest.length > 0) oneOf("ticket", word, COMMANDS.ticket.words);
      return creation(settings, word ?? null);
  }
}

function creation(settings: Settings, root: string | null): TicketAction {
  const path = settings.text("path");
  const uses = settings.text("uses");
  return {
    kind: "create",
    root: rootOf("ticket", root),
    path: path === null ? "" : parseRemotePath(path),
    access: accessOf(settings),
    bounds: boundsOf(settings),
    uses: uses === null ? null : Number(uses),
    expires: parseExpiry(settings.text("expires") ?? TICKET_LIFE),
    advertise: advertised(settings),
  };
}

/** `keys [list]`, `keys authorize IDENTITY [COMMENT...]` and so on. */
export function keysCommand(settings: Settings, positionals: readonly string[]): KeysCommand {
  return {
    name: "keys",
    output: settings.output(),
    action: keysAction(settings, positionals),
    identityPath: settings.text("identity"),
    knownHostsPath: settings.text("known-hosts"),
    authorizedKeysPath: settings.text("authorized-keys"),
  };
}

function keysAction(settings: Settings, positionals: readonly string[]): KeysAction {
  const [word = "list", ...rest] = positionals;
  const kind = oneOf("keys", word, COMMANDS.keys.words);
  const what = `keys ${kind}`;
  if (kind !== "authorize") settings.refuse(KEY_SCOPE, what);
  switch (kind) {
    case "list":
      atMostNone(what, rest);
      return { kind };
    case "authorize": {
      const [identity] = exactly(what, rest.slice(0, 1), ["IDENTITY"]);
      const path = settings.text("path");
      const from = settings.list("from");
      const expires = settings.text("expires");
      return {
        kind,
        identity: checkIdentity(identity),
        access: accessOf(settings),
        path: path === null ? "" : parseRemotePath(path),
        bounds: boundsOf(settings),
        from: from.length === 0 ? null : from,
        expires: expires === null ? null : parseExpiry(expires),
        comment: commentOf(rest.slice(1)),
      };
    }
    case "revoke": {
      const [identity] = exactly(what, rest, ["IDENTITY"]);
      return { kind, identity: checkIdentity(identity) };
    }
    case "trust": {
      const [host, identity] = exactly(what, rest, ["HOST[:PORT]", "IDENTITY"]);
      return { kind, host: hostOf(host), identity: checkIdentity(identity) };
    }
    case "forget": {
      const [host] = exactly(what, rest, ["HOST[:PORT]"]);
      return { kind, host: hostOf(host) };
    }
  }
}

/** A comment ends its line in the file: it holds no line of its own. */
function commentOf(words: readonly string[]): string {
  const comment = words.join(" ").trim();
  if (comment.length > MAX_COMMENT_CHARS || escapeText(comment) !== comment) {
    throw usageError(`use the comment "${shown(comment)}"`, "it is one short line of text");
  }
  return comment;
}

function hostOf(text: string): HostPort {
  return parseHostPort(text, { fallbackPort: DEFAULT_PORT });
}

function boundsOf(settings: Settings): GrantBounds {
  const [quota, maxFile] = [settings.text("quota"), settings.text("max-file")];
  return {
    ...(quota === null ? {} : { quotaBytes: parseSize(quota) }),
    ...(maxFile === null ? {} : { maxFileBytes: parseSize(maxFile) }),
  };
}

function accessOf(settings: Settings): Access {
  return (settings.text("access") ?? "both") as Access;
}

/** Port 0 where none is named: the one that the server listens on. */
function advertised(settings: Settings): readonly HostPort[] {
  return settings.list("advertise").map((text) => parseHostPort(text, { fallbackPort: 0 }));
}

// Paths after a ticket or `@` are taken as they are, those of a URL are decoded. Who pastes one for the
// other is told, where that can be known: nothing is there of that name, or something would be made.

import type { ErrorCode } from "../base/errors.ts";
import type { Command } from "./command.ts";
import { shown } from "./shown.ts";
import type { RemoteTarget } from "./target.ts";

const ENCODED = /%[0-9a-f]{2}/i;

/** The advice for a place that was not found, where it looks encoded. */
export function percentAdvice(command: Command): Partial<Record<ErrorCode, string>> {
  const targets = command.name === "get"
    ? command.sources
    : command.name === "ls"
    ? [command.target]
    : [];
  for (const target of targets) {
    const decoded = decodedPath(target);
    if (decoded === null) continue;
    return {
      source_missing: `After a ticket or "@" a path is taken as it is, write "${shown(decoded)}".`,
    };
  }
  return {};
}

/** A warning where a name that looks encoded is about to be made; null where its source has such a one. */
export function percentWarning(command: Command): string | null {
  if (command.name !== "send" || command.sources.some((source) => ENCODED.test(source))) {
    return null;
  }
  const { destination } = command;
  const decoded = decodedPath(destination);
  if (decoded === null) return null;
  return `"${shown(destination.path)}" is taken as it is, as any path after a ticket or "@": ` +
    `write "${shown(decoded)}" if that is meant`;
}

/** What a path would be if it were decoded; null where it is, or where that changes nothing. */
function decodedPath(target: RemoteTarget): string | null {
  if (target.kind === "url" || !ENCODED.test(target.path)) return null;
  try {
    return decodeURIComponent(target.path);
  } catch {
    return null;
  }
}

// What is said of a command line, a variable or a configuration that means nothing.

import { SftpxError } from "../base/errors.ts";

/**
 * A usage error: what was attempted, what was found. With what the system said of a name as its cause:
 * nothing is wrong with the form then, and nobody is sent to the usage.
 */
export function usageError(attempt: string, state: string, cause?: unknown): SftpxError {
  return new SftpxError("usage", `Cannot ${attempt}: ${state}`, { cause });
}

/** The last part of a message, what was found: for an error that says better what was attempted. */
export function stateOf({ message }: SftpxError): string {
  return message.slice(message.lastIndexOf('": ') + 3);
}

// Every failure sftpx can name: one class, one table from code to exit code, QUIC application code,
// retryability and advice. Only `cli/` turns an error into text on a terminal or an exit.

/** What one error code means to a script, to the peer and to a person. */
export interface ErrorKind {
  /** Process exit code, as the command-line contract lists them. */
  readonly exit: number;
  /** Application error code when a QUIC connection is closed for this reason. */
  readonly quic: number;
  /** Whether the same command may succeed later without anything being mended. */
  readonly retryable: boolean;
  /** One sentence on what to do, or null when the message says it all. */
  readonly advice: string | null;
}

/** Every code; the table below says what each means. */
export type ErrorCode =
  | "failed"
  | "internal"
  | "worker"
  | "usage"
  | "partial"
  | "source_missing"
  | "source_unreadable"
  | "source_changed"
  | "bad_name"
  | "name_collision"
  | "conflict"
  | "unsupported"
  | "io"
  | "busy"
  | "permission"
  | "unreachable"
  | "identity_mismatch"
  | "identity_unknown"
  | "refused"
  | "unauthorized"
  | "protocol"
  | "version"
  | "limit"
  | "integrity"
  | "no_space"
  | "quota"
  | "lost"
  | "terminated"
  | "interrupted";

/** The one table of error codes. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorKind>> = {
  failed: kind(1, 0x01, false, null),
  internal: kind(1, 0x02, false, "This is a defect in sftpx; please report it."),
  worker: kind(1, 0x03, true, null),
  usage: kind(2, 0x04, false, "Run with --help for the usage."),
  partial: kind(3, 0x05, false, null),
  source_missing: kind(1, 0x10, false, null),
  source_unreadable: kind(1, 0x11, false, null),
  source_changed: kind(1, 0x12, true, "Send it again once nothing writes to it."),
  bad_name: kind(1, 0x13, false, "Rename it at the source."),
  name_collision: kind(1, 0x14, false, "Rename one of them at the source."),
  conflict: kind(1, 0x15, false, "Move what stands there out of the way."),
  unsupported: kind(1, 0x16, false, null),
  io: kind(1, 0x17, false, null),
  busy: kind(
    1,
    0x18,
    true,
    "Wait for the other one to end, or let this one wait with a longer --timeout.",
  ),
  permission: kind(1, 0x19, false, null),
  unreachable: kind(10, 0x20, true, "Check the address, and that UDP or TCP reaches the port."),
  identity_mismatch: kind(11, 0x21, false, "Someone may be impersonating the server."),
  identity_unknown: kind(11, 0x22, false, "Pass a ticket, or --pin with the server's identity."),
  refused: kind(12, 0x30, false, "Ask whoever runs the server for a ticket or key that allows it."),
  unauthorized: kind(
    12,
    0x34,
    false,
    "Ask whoever runs the server for a ticket, or to add your key.",
  ),
  protocol: kind(1, 0x31, false, "The two ends do not speak the same protocol."),
  version: kind(1, 0x32, false, "Use the same sftpx version on both ends."),
  limit: kind(1, 0x33, false, null),
  integrity: kind(13, 0x40, false, null),
  no_space: kind(14, 0x41, true, "Free some space and run the same command again: it resumes."),
  quota: kind(14, 0x42, true, "Ask whoever runs the server for more room, or send less."),
  lost: kind(20, 0x50, true, "Run the same command again: it resumes."),
  terminated: kind(20, 0x51, true, "Run the same command again: it resumes."),
  interrupted: kind(130, 0x52, true, "Run the same command again: it resumes."),
};

/** How {@linkcode SftpxError} was caused. */
export interface SftpxErrorOptions {
  /** True when the peer reported it or is at fault. */
  readonly remote?: boolean;
  /** What it was translated from. */
  readonly cause?: unknown;
}

/** The only error class that crosses a room's wall. */
export class SftpxError extends Error {
  /** Always `SftpxError`. */
  override readonly name = "SftpxError";
  /** What went wrong, as the table names it. */
  readonly code: ErrorCode;
  /** The peer reported it or is at fault. */
  readonly remote: boolean;

  /** `message` is the attempted action and the state found. */
  constructor(code: ErrorCode, message: string, options: SftpxErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remote = options.remote ?? false;
  }

  /** Process exit code for this error. */
  get exit(): number {
    return ERROR_TABLE[this.code].exit;
  }
}

/** Whether text (from a peer, say) is a code of the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, text);
}

/** The QUIC application code of an error code, and back. */
export function errorCodeFromQuic(quic: number): ErrorCode | null {
  for (const [code, entry] of Object.entries(ERROR_TABLE)) {
    if (entry.quic === quic) return code as ErrorCode;
  }
  return null;
}

/**
 * The error that a peer names in a refusal or an abort: `otherwise` for a code that is unknown, or that
 * only this end can find. Where a reader would take the words for this end's own, it says whose they are.
 */
export function toldError(
  { code, message }: { readonly code: string; readonly message: string },
  otherwise: ErrorCode,
): SftpxError {
  const told = toldCode(code, otherwise);
  const text = told === "protocol" || told === "version" ? `The peer says: ${message}` : message;
  return new SftpxError(told, text, { remote: true });
}

/** A code that a peer names; `otherwise` for one that is unknown, or that only this end can find. */
export function toldCode(code: string, otherwise: ErrorCode): ErrorCode {
  return isErrorCode(code) && !FOUND_ONLY_HERE.has(code) ? code : otherwise;
}

/** Whom this end talks to is no peer's to say: a script takes exit 11 for a warning. */
const FOUND_ONLY_HERE: ReadonlySet<ErrorCode> = new Set(["identity_mismatch", "identity_unknown"]);

/** Wraps anything thrown; an `SftpxError` passes unchanged. */
export function toSftpxError(thrown: unknown, code: ErrorCode = "internal"): SftpxError {
  if (thrown instanceof SftpxError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SftpxError(code, message, { cause: thrown });
}

function kind(exit: number, quic: number, retryable: boolean, advice: string | null): ErrorKind {
  return { exit, quic, retryable, advice };
}

// What a decoder may do with what it is given: answer, or refuse with an SftpxError. Any other throw is
// a finding.

import { SftpxError } from "../../src/base/errors.ts";

/** A value, or the code of its refusal. */
export type Outcome<T> =
  | { readonly value: T; readonly refused: null }
  | { readonly refused: SftpxError };

/** Runs a decoder; throws whatever it throws that is no SftpxError. */
export function outcomeOf<T>(decode: () => T): Outcome<T> {
  try {
    return { value: decode(), refused: null };
  } catch (thrown) {
    return { refused: refusalOf(thrown) };
  }
}

/** As {@linkcode outcomeOf}. */
export async function outcomeOfAsync<T>(decode: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await decode(), refused: null };
  } catch (thrown) {
    return { refused: refusalOf(thrown) };
  }
}

/** For the tally. */
export function worded(outcome: Outcome<unknown>): string {
  return outcome.refused === null ? "taken" : outcome.refused.code;
}

function refusalOf(thrown: unknown): SftpxError {
  if (!(thrown instanceof SftpxError) || thrown.code === "internal") throw thrown;
  // A message is shown: it may not hold what a peer put there as it came.
  if (/\p{Cc}/u.test(thrown.message)) {
    throw new Error("its message shows controls", { cause: thrown });
  }
  return thrown;
}

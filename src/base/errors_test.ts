import assert from "node:assert/strict";
import {
  ERROR_TABLE,
  type ErrorCode,
  errorCodeFromQuic,
  isErrorCode,
  SftpxError,
  toSftpxError,
} from "./errors.ts";

const CODES = Object.keys(ERROR_TABLE) as ErrorCode[];
/** Exit codes of the command-line contract, success and "nothing to do" aside. */
const CONTRACT_EXITS = new Set([1, 2, 3, 10, 11, 12, 13, 14, 20, 130]);

Deno.test("every error code has a QUIC code of its own", () => {
  const quic = CODES.map((code) => ERROR_TABLE[code].quic);
  assert.equal(new Set(quic).size, CODES.length);
  // 0 is "no error"; below 0x4000 it fits a two-byte QUIC varint.
  for (const number of quic) assert.ok(number > 0 && number < 0x4000, String(number));
});

Deno.test("every error code exits with a code of the contract, and each of those is reached", () => {
  const exits = new Set<number>(CODES.map((code) => ERROR_TABLE[code].exit));
  for (const exit of exits) assert.ok(CONTRACT_EXITS.has(exit), String(exit));
  assert.deepEqual(exits, CONTRACT_EXITS);
});

Deno.test("the exits that scripts branch on belong to their causes", () => {
  const expected: Partial<Record<ErrorCode, number>> = {
    usage: 2,
    partial: 3,
    unreachable: 10,
    identity_mismatch: 11,
    identity_unknown: 11,
    refused: 12,
    unauthorized: 12,
    integrity: 13,
    no_space: 14,
    quota: 14,
    lost: 20,
    terminated: 20,
    interrupted: 130,
  };
  for (const [code, exit] of Object.entries(expected)) {
    assert.equal(new SftpxError(code as ErrorCode, "Cannot x").exit, exit, code);
  }
});

Deno.test("what is lost after it began can be tried again; what is refused cannot", () => {
  for (const code of ["lost", "terminated", "interrupted", "no_space", "busy"] as const) {
    assert.equal(ERROR_TABLE[code].retryable, true, code);
  }
  for (const code of ["refused", "integrity", "identity_mismatch", "protocol"] as const) {
    assert.equal(ERROR_TABLE[code].retryable, false, code);
  }
});

Deno.test("advice is one sentence", () => {
  for (const code of CODES) {
    const { advice } = ERROR_TABLE[code];
    if (advice !== null) assert.match(advice, /^[A-Z].*[.]$/, code);
  }
});

Deno.test("isErrorCode() knows the table and nothing of its prototype", () => {
  for (const code of CODES) assert.equal(isErrorCode(code), true);
  for (const text of ["", "toString", "__proto__", "constructor", "Failed"]) {
    assert.equal(isErrorCode(text), false, text);
  }
});

Deno.test("errorCodeFromQuic() finds each code again and nothing else", () => {
  for (const code of CODES) assert.equal(errorCodeFromQuic(ERROR_TABLE[code].quic), code);
  for (const quic of [0, -1, 0xffff, NaN]) assert.equal(errorCodeFromQuic(quic), null);
});

Deno.test("toSftpxError() passes its own kind and wraps the rest with its cause", () => {
  const own = new SftpxError("io", "Cannot write", { remote: true });
  assert.equal(toSftpxError(own, "lost"), own);
  const cause = new Error("disk on fire");
  const wrapped = toSftpxError(cause, "io");
  assert.equal(wrapped.code, "io");
  assert.equal(wrapped.cause, cause);
  assert.equal(wrapped.message, "disk on fire");
  assert.equal(wrapped.remote, false);
  assert.equal(toSftpxError("text").code, "internal");
  assert.equal(toSftpxError("text").message, "text");
});

Deno.test("SftpxError carries no cause when none was given", () => {
  assert.equal(Object.hasOwn(new SftpxError("failed", "Cannot x"), "cause"), false);
  assert.equal(new SftpxError("failed", "Cannot x").name, "SftpxError");
});

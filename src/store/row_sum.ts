// Sums over the rows of `state.db`. A page that went bad on disk may still read as a row, and a row
// decides what is not sent again: one whose sum is wrong is as if it were not there.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ 0xedb88320 : sum >>> 1;
  return sum;
});

const ENCODER = new TextEncoder();

/** CRC-32 (as in gzip) over values one behind the other, going on from an earlier sum. */
export function rowSum(values: readonly (Uint8Array | string | bigint)[], before = 0): number {
  let sum = ~before;
  for (const value of values) {
    const bytes = bytesOf(value);
    sum = add(sum, lengthOf(bytes));
    sum = add(sum, bytes);
  }
  return ~sum >>> 0;
}

function add(before: number, bytes: Uint8Array): number {
  let sum = before;
  for (const byte of bytes) sum = (TABLE[(sum ^ byte) & 0xff] ?? 0) ^ sum >>> 8;
  return sum;
}

/** Each value with its length before it: no two lists of values are the same bytes. */
function lengthOf(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.byteLength);
  return length;
}

function bytesOf(value: Uint8Array | string | bigint): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return ENCODER.encode(value);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt.asIntN(64, value));
  return bytes;
}

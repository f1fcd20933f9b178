// Sums over the rows of `state.db`. A page that went bad on disk may still read as a row, and a row
// decides what is not sent again: one whose sum is wrong is as if it were not there.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ 0xedb88320 : sum >>> 1;
  return sum;
});

const ENCODER = new TextEncoder();

/** Eight bytes to write a number into: rows come by the ten thousand. */
const NUMBER = new DataView(new ArrayBuffer(8));
const NUMBER_BYTES = new Uint8Array(NUMBER.buffer);

/**
 * CRC-32 (as in gzip) over values one behind the other, going on from an earlier sum. Each has its
 * length before it: no two lists of values are the same bytes.
 */
export function rowSum(values: readonly (Uint8Array | string | bigint)[], before = 0): number {
  let sum = ~before;
  for (const value of values) {
    if (typeof value === "bigint") sum = addNumber(addLength(sum, NUMBER_BYTES.length), value);
    else if (typeof value === "string") sum = addText(sum, value);
    else sum = add(addLength(sum, value.length), value);
  }
  return ~sum >>> 0;
}

/** Its UTF-8 bytes; those of ASCII, as most is, without a call out. */
function addText(before: number, text: string): number {
  let sum = addLength(before, text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) {
      const bytes = ENCODER.encode(text);
      return add(addLength(before, bytes.length), bytes);
    }
    sum = addByte(sum, code);
  }
  return sum;
}

function add(before: number, bytes: Uint8Array): number {
  let sum = before;
  for (let i = 0; i < bytes.length; i++) sum = addByte(sum, bytes[i]!);
  return sum;
}

function addNumber(sum: number, value: bigint): number {
  NUMBER.setBigInt64(0, BigInt.asIntN(64, value));
  return add(sum, NUMBER_BYTES);
}

/** As 32 bits, big-endian. */
function addLength(before: number, length: number): number {
  let sum = before;
  for (let shift = 24; shift >= 0; shift -= 8) sum = addByte(sum, length >>> shift);
  return sum;
}

function addByte(sum: number, byte: number): number {
  return TABLE[(sum ^ byte) & 0xff]! ^ sum >>> 8;
}

// Reads and writes that go on until all is done: the system may do less at a time.

import * as fs from "node:fs";

/** Reads until `into` is full or the file ends; answers how much was read. */
export function readWhole(fd: number, into: Uint8Array, offsetBytes: number): number {
  let done = 0;
  while (done < into.length) {
    const got = fs.readSync(fd, into, done, into.length - done, offsetBytes + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** Writes all of `bytes`. */
export function writeWhole(fd: number, bytes: Uint8Array, offsetBytes: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, offsetBytes + done);
  }
}

// The most a process held in memory while it was watched (Linux: /proc): all of it, and what of it is its
// own, which leaves out the pages of programs and libraries that it shares with every other one.

import { readFileSync } from "node:fs";

export interface Residence {
  /** `VmHWM`: the kernel's own high-water mark. */
  readonly peakBytes: number;
  /** `RssAnon`, the most of several looks. */
  readonly ownBytes: number;
}

/** Ends with its block. */
export interface ResidenceWatch extends Disposable {
  most(): Residence;
}

const LOOK_MS = 50;

export function watchResidence(pid: number): ResidenceWatch {
  let [peakBytes, ownBytes] = [0, 0];
  const look = () => {
    const found = residenceOf(pid);
    peakBytes = Math.max(peakBytes, found.peakBytes);
    ownBytes = Math.max(ownBytes, found.ownBytes);
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    most: () => {
      look();
      return { peakBytes, ownBytes };
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function residenceOf(pid: number): Residence {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const field = (name: string) =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    return { peakBytes: field("VmHWM"), ownBytes: field("RssAnon") };
  } catch {
    return { peakBytes: 0, ownBytes: 0 }; // It has ended.
  }
}

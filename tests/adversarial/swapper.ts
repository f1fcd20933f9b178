// A process that swaps directories for links to another directory, and back, as fast as it can: what a
// user of the same machine may do while files are received. It prints how often once its standard input
// ends. With FFI each swap is one step of the kernel (RENAME_EXCHANGE); without, two renames.

import * as fs from "node:fs";
import process from "node:process";

const RENAMEAT2: Readonly<Record<string, number>> = { x86_64: 316, aarch64: 276 };
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/** Paths of a directory and of a link that trades places with it. */
interface Pair {
  readonly directory: string;
  readonly link: string;
}

function exchanger(): (a: string, b: string) => void {
  const number = RENAMEAT2[Deno.build.arch];
  if (number === undefined || Deno.build.os !== "linux") return exchangeByRenames;
  try {
    const library = Deno.dlopen("libc.so.6", {
      syscall: { parameters: ["i64", "i64", "buffer", "i64", "buffer", "i64"], result: "i32" },
    });
    const encoded = new Map<string, Uint8Array<ArrayBuffer>>();
    const path = (text: string) => {
      const known = encoded.get(text) ?? new TextEncoder().encode(`${text}\0`);
      encoded.set(text, known);
      return known;
    };
    return (a, b) => {
      const [at, flags] = [BigInt(AT_FDCWD), BigInt(RENAME_EXCHANGE)];
      library.symbols.syscall(BigInt(number), at, path(a), at, path(b), flags);
    };
  } catch {
    return exchangeByRenames;
  }
}

function exchangeByRenames(a: string, b: string): void {
  try {
    fs.renameSync(a, `${a}.away`);
    fs.renameSync(b, a);
    fs.renameSync(`${a}.away`, b);
  } catch {
    // Not there yet, or in use: the next round.
  }
}

async function run(pairs: readonly Pair[]): Promise<void> {
  const exchange = exchanger();
  let isOver = false;
  const input = Deno.stdin.read(new Uint8Array(1)).then(() => isOver = true);
  let swaps = 0;
  while (!isOver) {
    for (let round = 0; round < 64; round++) {
      for (const { directory, link } of pairs) {
        exchange(directory, link);
        swaps++;
      }
    }
    // Lets the end be noticed.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await input;
  console.log(swaps);
}

if (import.meta.main) await run(JSON.parse(process.argv[2] ?? "[]") as Pair[]);

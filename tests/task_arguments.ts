// How the programs behind `deno task` begin and end: counts, one line for a wrong argument, and
// `--help`, which is the comment that the program's file opens with.

import { readFile } from "node:fs/promises";
import process from "node:process";

/** Runs the program of the file at `url`. Returns its exit code, 2 for wrong arguments. */
export async function runTask(
  url: string,
  main: (args: string[]) => Promise<number>,
): Promise<number> {
  const args = process.argv.slice(2);
  try {
    if (!args.includes("--help") && !args.includes("-h")) return await main(args);
    console.log(opening(await readFile(new URL(url), "utf8")));
    return 0;
  } catch (error) {
    const isUsage = error instanceof RangeError || error instanceof TypeError;
    console.error(isUsage ? error.message : error);
    return isUsage ? 2 : 1;
  }
}

/** The comment that a source file begins with, without its slashes. */
function opening(source: string): string {
  const lines = source.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines.slice(0, end).map((line) => line.replace(/^\/\/ ?/, "")).join("\n");
}

/** A whole number of an argument. Throws RangeError. */
export function count(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new RangeError(`Cannot take ${name} "${text}": it is no count`);
}

// The suite's share of fuzzing: `SFTPX_FUZZ_SECONDS` for all targets together, split evenly; another
// seed each time, which a failure prints.

import process from "node:process";
import { anySeed, findingLines, fuzz } from "./fuzzing.ts";
import type { Target } from "./target.ts";

const DEFAULT_SECONDS = 25;

/** Declares a test for each target; `share` is of the whole time, for all of these together. */
export function fuzzTests(targets: readonly Target[], { share }: { readonly share: number }): void {
  const seconds = Number(process.env["SFTPX_FUZZ_SECONDS"] ?? DEFAULT_SECONDS);
  const forMs = 1000 * seconds * share / targets.length;
  for (const target of targets) {
    Deno.test(`nothing is found in a while of fuzzing ${target.name}`, async () => {
      const findings = await fuzz(target, { seed: anySeed(), forMs });
      if (findings.failure !== null) throw new Error(findingLines(findings).join("\n"));
    });
  }
}

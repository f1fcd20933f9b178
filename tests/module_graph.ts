// What a module brings with it: the graph that is loaded before its first line runs. What it imports when it
// is needed is not in it.

import { readFileSync } from "node:fs";
import { importsOf } from "../scripts/check_imports.ts";

/** Every module that is loaded with one, and every dependency by name. */
export function graphOf(
  entry: URL,
): { readonly modules: Set<string>; readonly dependencies: Set<string> } {
  const modules = new Set<string>();
  const dependencies = new Set<string>();
  const waiting = [entry];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    if (modules.has(url.href)) continue;
    modules.add(url.href);
    // What is imported when it is needed is not loaded with the rest.
    const text = readFileSync(url, "utf8").replaceAll(/\bimport\(/g, "later(");
    for (const { specifier, typeOnly } of importsOf(text)) {
      if (typeOnly || specifier.startsWith("node:")) continue;
      if (specifier.startsWith(".")) waiting.push(new URL(specifier, url));
      else dependencies.add(specifier);
    }
  }
  return { modules, dependencies };
}

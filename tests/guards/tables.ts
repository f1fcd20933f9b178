// The tables of guards as they stand beside this file, one an area, and what can be said of a row
// without running anything.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Guard } from "./guard.ts";

/** The checkout that this file stands in. */
export const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

/** A guard and the table it stands in. */
export interface TabledGuard extends Guard {
  readonly area: string;
}

/** The guards of all areas, or of one; an unknown area is a RangeError. */
export async function tabledGuards(only: string | null = null): Promise<readonly TabledGuard[]> {
  const areas = await areaNames();
  if (only !== null && !areas.includes(only)) {
    throw new RangeError(`Cannot find area "${only}": there are ${areas.join(", ")}`);
  }
  const wanted = only === null ? areas : [only];
  const tables = await Promise.all(wanted.map(async (area) => {
    const module = await import(new URL(`./${area}.ts`, import.meta.url).href) as {
      readonly GUARDS: readonly Guard[];
    };
    return module.GUARDS.map((guard) => ({ ...guard, area }));
  }));
  return tables.flat();
}

/** Why a row cannot be run, or null. */
export async function rowProblem(guard: Guard): Promise<string | null> {
  const source = await textOf(guard.file);
  if (source === null) return `there is no ${guard.file}`;
  const times = source.split(guard.text).length - 1;
  if (guard.text === "" || times !== 1) return `its text stands ${times} times in ${guard.file}`;
  if (guard.text === guard.without) return "taking it out changes nothing";
  const test = await textOf(guard.test);
  if (test === null) return `there is no ${guard.test}`;
  if (guard.name === undefined || await isNamed(guard.name, guard.test)) return null;
  return `no test in ${guard.test} is named "${guard.name}"`;
}

/** A file of the checkout; null where there is none. */
export async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(join(CHECKOUT, path), "utf8");
  } catch {
    return null;
  }
}

async function areaNames(): Promise<readonly string[]> {
  const areas: string[] = [];
  const directory = fileURLToPath(new URL(".", import.meta.url));
  for (const name of (await readdir(directory)).sort()) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = await readFile(join(directory, name), "utf8");
    if (/^export const GUARDS\b/m.test(text)) areas.push(name.slice(0, -".ts".length));
  }
  return areas;
}

/**
 * Whether a test file, or a file of cases that it imports, writes this name: as it stands, or as a
 * template with something of the name in its gaps.
 */
async function isNamed(name: string, testPath: string): Promise<boolean> {
  const text = await textOf(testPath) ?? "";
  const texts = [text];
  for (const [, specifier = ""] of text.matchAll(/\bfrom "(\.[^"]+)"/g)) {
    texts.push(await textOf(join(testPath, "..", specifier)) ?? "");
  }
  return texts.some((candidate) => writes(candidate, name));
}

function writes(text: string, name: string): boolean {
  const quoted = JSON.stringify(name).slice(1, -1);
  if (text.includes(name) || text.includes(quoted)) return true;
  return [...text.matchAll(/`((?:[^`$\n]|\$\{[^}]*\})*)`/g)].some(([, template = ""]) => {
    const fixed = template.split(/\$\{[^}]*\}/);
    if (fixed.join("").trim() === "") return false;
    return new RegExp(`^${fixed.map(escaped).join(".*")}$`).test(name);
  });
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

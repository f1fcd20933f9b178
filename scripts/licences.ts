// The licences of everything a binary may carry, read out of what is installed. Refuses a package whose
// licence is not one of those allowed here, and one that brings no text of it.

import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** One package, as it is installed. */
export interface Licensed {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** What its licence asks to be kept with every copy. */
  readonly text: string;
}

/** Those that let a binary be passed on as it is, and ask for their text at most. */
const ALLOWED: readonly string[] = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Unlicense",
];

/** What only tests and types need: in no binary, whatever is installed. */
const NOT_INSIDE: readonly string[] = ["ajv", "fast-check"];

/** Packages that name their licence and leave its text out; any further one is refused. */
const TEXT_LEFT_OUT: readonly string[] = ["blake3-jit", "deno-std"];

const TEXT_FILE = /^(?:licen[cs]e|copying|notice|unlicense)/i;

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * All packages that the imports of `root`'s `deno.json` lead to, by name and version. Throws an Error
 * that names every package which may not be passed on.
 */
export function licencesOf(root: string): readonly Licensed[] {
  const { imports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const found = new Map<string, Licensed>();
  const problems: string[] = [];
  const waiting = packageNames(imports).map((name) => ({ name, from: root, owner: "" }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { name, from, owner } = next;
    const directory = installedFrom(from, name);
    if (directory === null) {
      problems.push(`${name}: not installed`);
      continue;
    }
    const json: PackageJson = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    const key = `${json.name}@${json.version}`;
    if (found.has(key)) continue;
    const licence = json.license ?? "";
    const text = textsIn(directory) || owner || plainText(json);
    if (!isAllowed(licence)) problems.push(`${key}: licence "${licence}" is not allowed`);
    if (text === "") problems.push(`${key}: its ${licence} licence has no text`);
    found.set(key, { name: json.name, version: json.version, licence, text });
    for (const dependency of Object.keys(json.dependencies ?? {})) {
      waiting.push({ name: dependency, from: directory, owner: "" });
    }
    for (const optional of Object.keys(json.optionalDependencies ?? {})) {
      // One of another platform; what is here is a part of its owner.
      if (installedFrom(directory, optional) === null) continue;
      waiting.push({ name: optional, from: directory, owner: text });
    }
  }
  if (problems.length > 0) {
    throw new Error(`Cannot pass on what is inside: ${problems.sort().join("; ")}`);
  }
  return [...found.values()].sort((a, b) =>
    compare(a.name, b.name) || compare(a.version, b.version)
  );
}

/** As one text: a table of what is inside, then each licence once, with whom it is of. */
export function thirdPartyText(packages: readonly Licensed[]): string {
  const table = packages.map(({ name, version, licence }) => `${name} ${version}  ${licence}`);
  const texts = new Map<string, string[]>();
  for (const { name, version, text } of packages) {
    texts.set(text, [...texts.get(text) ?? [], `${name} ${version}`]);
  }
  const sections = [...texts].map(([text, names]) => `${RULE}\n${names.join(", ")}\n\n${text}\n`);
  return `${HEADING}\n\n${table.join("\n")}\n\n${LINKED}\n\n${sections.join("\n")}`;
}

const RULE = "-".repeat(72);
const HEADING = "Software inside sftpx, and what it is used under";
/** What the packages' addons, and the runtimes, were linked from; their own texts are not installed. */
const LINKED = `Linked into the addons above, under the licences of their projects:
quiche (BSD-2-Clause) and BoringSSL (Apache-2.0 and ISC) in @matrixai/quic,
Zstandard (BSD-3-Clause) in zstd-napi, BLAKE3 (CC0-1.0 or Apache-2.0) in @napi-rs/blake-hash.

A binary begins with its runtime: Deno (MIT, with V8 under BSD-3-Clause), or Bun (MIT, with
JavaScriptCore under LGPL-2.1, whose sources and means to link anew Bun's project offers).`;

/** Whether an SPDX expression leaves a way that is allowed; one that mixes AND and OR is not read. */
export function isAllowed(expression: string): boolean {
  const plain = expression.replace(/[()]/g, " ").trim();
  const allowed = (one: string) => ALLOWED.includes(one.trim());
  if (!/\sAND\s/.test(plain)) return plain.split(/\sOR\s/).some(allowed);
  return plain.split(/\sAND\s/).every(allowed);
}

function packageNames(imports: Readonly<Record<string, string>>): readonly string[] {
  const names = Object.values(imports).flatMap((target) =>
    /^npm:((?:@[^/]+\/)?[^@/]+)/.exec(target)?.[1] ?? []
  );
  return [...new Set(names)].filter((name) => !NOT_INSIDE.includes(name));
}

/** As a module there would find it. */
function installedFrom(from: string, name: string): string | null {
  for (let at = realpathSync(from);; at = dirname(at)) {
    const directory = join(at, "node_modules", name);
    if (existsSync(directory)) return directory;
    if (dirname(at) === at) return null;
  }
}

function textsIn(directory: string): string {
  const names = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && TEXT_FILE.test(entry.name))
    .map((entry) => entry.name)
    .sort(compare);
  const texts = names.map((name) => readFileSync(join(directory, name), "utf8"));
  return texts.map((text) => text.replaceAll("\r\n", "\n").trim()).join("\n\n");
}

function plainText({ name, license, author }: PackageJson): string {
  if (license !== "MIT" || !TEXT_LEFT_OUT.includes(name)) return "";
  const holder = typeof author === "object" ? author.name : author ?? `the authors of ${name}`;
  return `MIT License\n\nCopyright (c) ${holder}\n\n${MIT}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const MIT =
  `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

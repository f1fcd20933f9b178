// The configuration file: what it may say, read under a bound and checked as a whole, so that a mistake
// in it is told by the first command after it was made, with its line. Keys are the names of flags;
// `[host.NAME]` names a server. Paths in it count from the directory it is in.

import { devNull } from "node:os";
import { basename, dirname, resolve } from "node:path";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { diskTrouble, isNotCapable, osCode } from "../base/os_error.ts";
import { escapeText } from "../base/text.ts";
import { env, mayRead } from "../runtime/runtime.ts";
import { readTrustFile } from "../trust/trust_file.ts";
import { type Form, valueHint } from "./config_hint.ts";
import { jsonKeyLines, type KeyLines, tomlKeyLines } from "./config_lines.ts";
import type { FlagSpec } from "./flag_spec.ts";
import type { FlagName } from "./flags.ts";
import { ALL_FLAGS, filtersOf, type Given, type Layer, type Origin } from "./layer.ts";
import { homeDirectory } from "./home.ts";
import { hintOf } from "./nearest.ts";
import { checkGiven } from "./settings.ts";
import { shown } from "./shown.ts";
import { parseTarget, type UrlTarget } from "./target.ts";
import { stateOf } from "./usage_error.ts";

/** What a configuration file says. */
export interface Configuration {
  readonly path: string;
  /** Whether there is such a file. */
  readonly isPresent: boolean;
  /** The keys at the top. */
  readonly layer: Layer;
  readonly hosts: ReadonlyMap<string, HostSection>;
}

/** One `[host.NAME]`. */
export interface HostSection {
  readonly name: string;
  /** As written. */
  readonly url: string;
  readonly target: UrlTarget;
  readonly origin: Origin;
  /** The flags it sets. */
  readonly layer: Layer;
}

/** Nothing said. */
const EMPTY_LAYER: Layer = { values: new Map(), filters: [] };

/** Name of the table of hosts. */
const HOST = "host";
/** Key of a host's place. */
const URL_KEY = "url";

/**
 * Reads the file. Without one it is empty, unless it was `named`: then that is an error. So it is for a
 * file that this run may not read.
 */
export async function loadConfiguration(
  path: string,
  { named }: { named: boolean },
): Promise<Configuration> {
  const absent = { path, isPresent: false, layer: EMPTY_LAYER, hosts: new Map() };
  if (path === devNull) return absent;
  if (!mayRead(path)) {
    if (!named) return absent;
    throw new SftpxError(
      "permission",
      `Cannot load configuration "${shown(path)}": this run may not read it, ` +
        `add --allow-read=${shown(path)}`,
    );
  }
  const text = await readSettings(path);
  if (text !== null) return parseConfiguration(text, path);
  if (!named) return absent;
  throw new SftpxError("usage", `Cannot load configuration "${shown(path)}": there is no file`);
}

/** The text, or null. A file that cannot be one of settings is a slip; what the system denies is none. */
async function readSettings(path: string): Promise<string | null> {
  try {
    return await readTrustFile(path, { what: "configuration", secret: false });
  } catch (thrown) {
    const { message, cause } = toSftpxError(thrown);
    const isDenied = isNotCapable(cause) || ["EACCES", "EPERM"].includes(osCode(cause));
    if (isDenied || diskTrouble(osCode(cause)) !== null) throw thrown;
    throw new SftpxError("usage", message, { cause: thrown });
  }
}

/** Reads a file's text: JSON where the path ends in `.json`, else TOML. */
export async function parseConfiguration(text: string, path: string): Promise<Configuration> {
  const { tree, lines } = formOf(path) === "json"
    ? readJson(text, path)
    : await readToml(text, path);
  return new ConfigReader(path, lines).read(tree);
}

function formOf(path: string): Form {
  return path.toLowerCase().endsWith(".json") ? "json" : "toml";
}

interface ReadText {
  readonly tree: unknown;
  readonly lines: KeyLines;
}

/** The parser is loaded only where there is something to parse. */
async function readToml(text: string, path: string): Promise<ReadText> {
  const { parseToml, TextProblem } = await import("./toml.ts");
  try {
    return { tree: parseToml(text), lines: tomlKeyLines(text) };
  } catch (thrown) {
    if (thrown instanceof TextProblem) throw badConfig(path, thrown.line, thrown.message);
    throw thrown;
  }
}

function readJson(text: string, path: string): ReadText {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const line = Number(/\bline (\d+)/.exec(message)?.[1] ?? 0);
    throw badConfig(path, line, `it is no JSON, ${message}`);
  }
  const lines = jsonKeyLines(text, (key, line) => {
    throw badConfig(path, line, `"${shown(key)}" stands there twice`);
  });
  return { tree, lines };
}

/** From a tree of values to layers. */
class ConfigReader {
  readonly #path: string;
  readonly #lines: KeyLines;

  constructor(path: string, lines: KeyLines) {
    this.#path = path;
    this.#lines = lines;
  }

  get #form(): Form {
    return formOf(this.#path);
  }

  read(tree: unknown): Configuration {
    if (!isTable(tree)) throw badConfig(this.#path, 1, "it is no object");
    const hosts = new Map<string, HostSection>();
    for (const [name, section] of Object.entries(this.#hostTables(tree[HOST]))) {
      hosts.set(name, this.#host(name, section));
    }
    const keys = Object.keys(tree).filter((key) => key !== HOST);
    const layer = this.#layer(tree, keys, []);
    return { path: this.#path, isPresent: true, layer, hosts };
  }

  #hostTables(value: unknown): Readonly<Record<string, unknown>> {
    if (value === undefined) return {};
    if (isTable(value)) return value;
    throw this.#bad([HOST], `"${HOST}" is no table, write [${HOST}.NAME]`);
  }

  #host(name: string, section: unknown): HostSection {
    const at = [HOST, name];
    if (!isTable(section)) {
      throw this.#bad(at, `"${HOST}.${shown(name)}" is no table, write [${HOST}.NAME]`);
    }
    const url = section[URL_KEY];
    if (typeof url !== "string") {
      const what = url === undefined ? "is missing" : "is no string";
      throw this.#bad([...at, URL_KEY], `"${URL_KEY}" of [${HOST}.${shown(name)}] ${what}`);
    }
    this.#checkName(name, at);
    const target = this.#target(url, [...at, URL_KEY], `"${URL_KEY} = ${shown(url)}"`);
    const keys = Object.keys(section).filter((key) => key !== URL_KEY);
    const layer = this.#layer(section, keys, at);
    return { name, url, target, origin: this.#origin([...at, URL_KEY]), layer };
  }

  /** A name is what stands in a URL in the place of a host. */
  #checkName(name: string, at: readonly string[]): void {
    const what = `the name of [${HOST}.${shown(name)}]`;
    if (this.#target(`sftpx://${name}`, at, what).hostname === name) return;
    throw this.#bad(at, `${what} is no host name`);
  }

  #target(text: string, at: readonly string[], what: string): UrlTarget {
    try {
      const target = parseTarget(text);
      if (target.kind === "url") return target;
    } catch (thrown) {
      if (thrown instanceof SftpxError) throw this.#bad(at, `${what}: ${stateOf(thrown)}`);
      throw thrown;
    }
    throw this.#bad(at, `${what}: write sftpx://[IDENTITY@]HOST[:PORT]/PATH`);
  }

  #layer(
    table: Readonly<Record<string, unknown>>,
    keys: readonly string[],
    at: readonly string[],
  ): Layer {
    const values = new Map<FlagName, Given>();
    for (const key of keys) {
      const path = [...at, key];
      const flag = this.#flag(key, path);
      const texts = this.#texts(flag, table[key], path);
      const given = { texts, origin: this.#origin(path) };
      checkGiven(flag, given);
      values.set(flag.name, given);
    }
    return { values, filters: filtersOf(values) };
  }

  #flag(key: string, path: readonly string[]): FlagSpec & { readonly name: FlagName } {
    const inHost = path.length > 1;
    const allowed = ALL_FLAGS.filter((flag) => isAllowed(flag, inHost));
    const flag = allowed.find(({ name }) => name === key);
    if (flag !== undefined) return flag;
    const elsewhere = ALL_FLAGS.find(({ name }) => name === key);
    if (elsewhere !== undefined) {
      throw this.#bad(path, `"${key}" cannot stand here: ${whyNot(elsewhere, inHost)}`);
    }
    const hint = hintOf(key, [...allowed.map(({ name }) => name), inHost ? URL_KEY : HOST]);
    throw this.#bad(path, `no flag is named "${shown(key)}"${hint}`);
  }

  #texts(flag: FlagSpec, value: unknown, path: readonly string[]): readonly string[] {
    if (flag.list === true && Array.isArray(value)) {
      return value.map((item: unknown) => this.#text(flag, item, path));
    }
    return [this.#text(flag, value, path)];
  }

  #text(flag: FlagSpec, value: unknown, path: readonly string[]): string {
    const { kind } = flag.value;
    if (kind === "boolean") {
      if (typeof value === "boolean") return String(value);
      const hint = valueHint(flag, value, this.#form);
      throw this.#bad(path, `"${flag.name}" is neither true nor false${hint}`);
    }
    if (kind === "count" && typeof value === "number") return String(value);
    if (typeof value !== "string") {
      const wanted = kind === "count"
        ? "number"
        : flag.list === true
        ? "list of strings"
        : "string";
      throw this.#bad(path, `"${flag.name}" is no ${wanted}${valueHint(flag, value, this.#form)}`);
    }
    if (value === "") throw this.#bad(path, `"${flag.name}" is empty`);
    return kind === "path" || kind === "directory" ? this.#place(value, path) : value;
  }

  /** A path as it is meant: from the file's own directory, `~/` from home. */
  #place(text: string, path: readonly string[]): string {
    if (text === "-") throw this.#bad(path, `"-" is for the command line`);
    if (text.startsWith("~/")) return resolve(homeDirectory(env), text.slice(2));
    return resolve(dirname(this.#path), text);
  }

  #origin(path: readonly string[]): Origin {
    const file = basename(this.#path);
    return { kind: "file", path: this.#path, file, line: this.#lines.of(path) };
  }

  #bad(path: readonly string[], state: string): SftpxError {
    return badConfig(this.#path, this.#lines.of(path), state);
  }
}

function isAllowed(flag: FlagSpec, inHost: boolean): boolean {
  if (flag.configured === "nowhere") return false;
  return inHost ? flag.commands.includes("send") : flag.configured !== "host";
}

function whyNot(flag: FlagSpec, inHost: boolean): string {
  if (flag.configured === "nowhere") return "it is for the command line";
  if (!inHost) return `it goes into a [${HOST}.NAME]`;
  return `it is no flag of a transfer but of ${flag.commands.join(", ")}`;
}

function badConfig(path: string, line: number, state: string): SftpxError {
  const where = line > 0 ? ` line ${line}` : "";
  // A parser quotes the text as it is.
  const text = `Cannot load configuration "${shown(path)}"${where}: ${escapeText(state)}`;
  return new SftpxError("usage", text);
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

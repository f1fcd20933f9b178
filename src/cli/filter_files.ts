// Files of patterns and of paths, as rsync reads them, bounded. A pattern file has a rule a line; `#` or
// `;` begin a comment, `+ ` and `- ` before a pattern say what it does whatever flag named the file. A
// file with a NUL is a list separated by NULs, and has no comments. `-` is stdin.

import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { concatBytes, decodeUtf8 } from "../base/bytes.ts";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { filterProblem, type FilterRule, filtersProblem } from "../base/filter.ts";
import { LIMITS } from "../base/limits.ts";
import { listedPaths } from "../session/listed_paths.ts";
import type { FilterChoice } from "./command.ts";
import { namedError } from "./named_error.ts";
import { shown } from "./shown.ts";
import { stateOf, usageError } from "./usage_error.ts";

/** Where `-` is read from, and when to stop. */
export interface ReadListOptions {
  /** This process's own by default. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** Name of stdin among files. */
const STDIN = "-";

/** The rules of the choices, in their order, those of files in the place of their flag. */
export async function loadFilters(
  choices: readonly FilterChoice[],
  options: ReadListOptions = {},
): Promise<FilterRule[]> {
  const rules: FilterRule[] = [];
  for (const choice of choices) {
    const added = choice.kind === "rule" ? [choice] : await loadPatternFile(choice, options);
    for (const { include, pattern } of added) rules.push({ include, pattern });
  }
  const problem = filtersProblem(rules);
  if (problem !== null) throw new SftpxError("usage", `Cannot use the filters: ${problem}`);
  return rules;
}

/**
 * The paths of a list as they stand in it; what they mean below a source is the session's to say, and
 * one that it refuses is told with its line. `maxPaths` is for a list that travels in one message.
 */
export async function loadFileList(
  path: string,
  { maxPaths = Infinity, ...options }: ReadListOptions & { readonly maxPaths?: number } = {},
): Promise<string[]> {
  const list = await loadList(path, {
    ...options,
    what: "file list",
    maxBytes: LIMITS.fileListBytes,
  });
  const items = itemsOf(list);
  for (const { text, where } of items) {
    try {
      listedPaths([text]);
    } catch (thrown) {
      const state = stateOf(toSftpxError(thrown));
      throw badItem(path, where, `"${shown(text)}" cannot be used, ${state}`);
    }
  }
  const texts = items.map(({ text }) => text);
  if ((listedPaths(texts)?.length ?? 0) <= maxPaths) return texts;
  throw usageError(
    `use ${listName(path)}`,
    `${maxPaths} paths are the most that one get asks for; split the list`,
  );
}

async function loadPatternFile(
  { path, include }: Extract<FilterChoice, { kind: "file" }>,
  options: ReadListOptions,
): Promise<FilterRule[]> {
  const list = await loadList(path, {
    ...options,
    what: "pattern file",
    maxBytes: LIMITS.trustFileBytes,
  });
  return itemsOf(list).map(({ text, where }) => {
    const sign = /^([+-]) /.exec(text)?.[1];
    const pattern = sign === undefined ? text : text.slice(2);
    // rsync forgets all rules there: nobody who reads the list from the top expects it.
    const problem = pattern === "!" ? '"!" is not known here' : filterProblem(pattern);
    if (problem !== null) {
      throw badItem(path, where, `"${shown(pattern)}" cannot be used, ${problem}`);
    }
    return { include: sign === undefined ? include : sign === "+", pattern };
  });
}

interface List {
  readonly text: string;
  readonly isSeparatedByNul: boolean;
}

/** One item and where it stands: `line 3`, or `item 3` where there are no lines. */
interface Item {
  readonly text: string;
  readonly where: string;
}

function itemsOf({ text, isSeparatedByNul }: List): readonly Item[] {
  const parts = text.split(isSeparatedByNul ? "\0" : "\n");
  return parts.flatMap((part, index) => {
    if (isSeparatedByNul) return part === "" ? [] : [{ text: part, where: `item ${index + 1}` }];
    const line = part.endsWith("\r") ? part.slice(0, -1) : part;
    if (line.trim() === "" || /^[#;]/.test(line)) return [];
    return [{ text: line, where: `line ${index + 1}` }];
  });
}

async function loadList(
  path: string,
  options: ReadListOptions & { readonly what: string; readonly maxBytes: number },
): Promise<List> {
  const { what } = options;
  const bytes = path === STDIN
    ? await readAll(options.stdin ?? process.stdin, options)
    : await readFile(path, options);
  try {
    const text = decodeUtf8(bytes).replace(/^\ufeff/, "");
    return { text, isSeparatedByNul: text.includes("\0") };
  } catch (thrown) {
    throw new SftpxError("usage", `Cannot load ${what} "${shown(path)}": it is no UTF-8`, {
      cause: thrown,
    });
  }
}

async function readFile(
  path: string,
  options: Parameters<typeof readAll>[1],
): Promise<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = await open(path);
    return await readAll(chunksOf(file), options);
  } catch (thrown) {
    throw namedError(thrown, `load ${options.what} "${shown(path)}"`, { scope: resolve(path) });
  } finally {
    await file?.close();
  }
}

/** Read by hand: a stream of the file would close it a second time. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

const READ_BYTES = 64 * 1024;

/** All of a stream, up to its bound; a stop does not wait for who writes it. */
async function readAll(
  stream: AsyncIterable<Uint8Array>,
  { what, maxBytes, signal }: ReadListOptions & { what: string; maxBytes: number },
): Promise<Uint8Array> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  const stop = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", stop);
  const chunks: Uint8Array[] = [];
  const source = stream[Symbol.asyncIterator]();
  let filled = 0;
  try {
    for (;;) {
      const next = await Promise.race([source.next(), aborted.promise]);
      if (next.done === true) return concatBytes(chunks);
      filled += next.value.byteLength;
      if (filled > maxBytes) {
        throw new SftpxError("limit", `Cannot load ${what}: ${maxBytes} bytes are the most`);
      }
      chunks.push(next.value);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    if (signal?.aborted !== true) await source.return?.();
  }
}

function badItem(path: string, where: string, state: string): SftpxError {
  return usageError(`use ${listName(path)} ${where}`, state);
}

function listName(path: string): string {
  return path === STDIN ? "stdin" : `"${shown(path)}"`;
}

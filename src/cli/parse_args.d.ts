// Types of `@std/cli/parse-args`, whose mirror on npm carries none: the part that is used.

export interface ParseOptions {
  readonly boolean?: readonly string[];
  readonly string?: readonly string[];
  readonly collect?: readonly string[];
  readonly alias?: Readonly<Record<string, string>>;
  readonly "--"?: boolean;
  /** Called for what no other option names, and for positional arguments without `key`. */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

export declare function parseArgs(
  args: string[],
  options?: ParseOptions,
): { _: string[]; "--"?: string[]; [name: string]: unknown };

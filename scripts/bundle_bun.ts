// Run by Bun, by scripts/compile_bun.ts: bundles the tool into a binary, as the job on its standard
// input says. Refuses what it cannot resolve; prints nothing where all went well.

import { readFileSync } from "node:fs";
import process from "node:process";

/** What is to be bundled; all paths are absolute. */
export interface BundleJob {
  /** The first one is run, the others are workers. */
  readonly entrypoints: readonly string[];
  readonly outfile: string;
  readonly target: string;
  /** What the bundle is put into; without it the runtime for the target is fetched. */
  readonly executablePath: string | null;
  /** Specifiers that `deno.json` maps, with the file each one is. */
  readonly mapped: Readonly<Record<string, string>>;
  /** Files whose text is replaced. */
  readonly replaced: Readonly<Record<string, string>>;
}

interface Plugin {
  readonly name: string;
  setup(build: PluginBuild): void;
}

interface PluginBuild {
  onResolve(
    options: { filter: RegExp },
    callback: (args: { path: string }) => { path: string } | undefined,
  ): void;
  onLoad(
    options: { filter: RegExp },
    callback: (args: { path: string }) => { contents: string; loader: "js" } | undefined,
  ): void;
}

/** What of Bun is used here. */
interface BunGlobal {
  build(options: Readonly<Record<string, unknown>>): Promise<{
    readonly success: boolean;
    readonly logs: readonly unknown[];
  }>;
}

/** Makes the binary; answers the problems. */
async function bundle(job: BundleJob): Promise<readonly string[]> {
  const { Bun } = globalThis as unknown as { readonly Bun: BunGlobal };
  try {
    const { success, logs } = await Bun.build({
      entrypoints: job.entrypoints,
      target: "bun",
      // What a command does not need is not read: `--version` takes less than half the time.
      splitting: true,
      minify: { whitespace: true, syntax: true, identifiers: false },
      compile: {
        target: job.target,
        outfile: job.outfile,
        ...job.executablePath === null ? {} : { executablePath: job.executablePath },
        // A file that lies about where it is run must change nothing.
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
      plugins: [substitution(job)],
    });
    return success ? [] : logs.map(String);
  } catch (error) {
    const errors = error instanceof AggregateError ? error.errors : [error];
    return errors.map(String);
  }
}

function substitution({ mapped, replaced }: BundleJob): Plugin {
  return {
    name: "substitution",
    setup(build) {
      build.onResolve({ filter: oneOf(Object.keys(mapped)) }, ({ path }) => {
        const file = mapped[path];
        return file === undefined ? undefined : { path: file };
      });
      build.onLoad({ filter: oneOf(Object.keys(replaced)) }, ({ path }) => {
        const contents = replaced[path];
        return contents === undefined ? undefined : { contents, loader: "js" };
      });
    },
  };
}

/** Matches these texts whole and no other; nothing where there are none. */
function oneOf(texts: readonly string[]): RegExp {
  const escaped = texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^(?:${escaped.join("|") || "(?!)"})$`);
}

if (import.meta.main) {
  bundle(JSON.parse(readFileSync(0, "utf8"))).then((problems) => {
    for (const problem of problems) console.error(problem);
    process.exitCode = problems.length === 0 ? 0 : 1;
  });
}

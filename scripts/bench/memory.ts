// `bench memory`: the most that both ends of a transfer held in memory, for one file, a file far larger,
// and a great many small ones, one way and the other. Neither size nor number of files is to matter (I8).

import { parseArgs } from "@std/cli/parse-args";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { refuseUnknown } from "./arguments.ts";
import { writeFile } from "./file_content.ts";
import { type Child, median, printTable, spawnDeno } from "./process.ts";
import { type Residence, watchResidence } from "./residence.ts";

const USAGE = `Usage: deno task bench memory [options] [-- FLAGS]
  --shapes LIST     of file, large and small (default all)
  --directions LIST of push and pull (default both)
  --bytes N         size of the one file (default 1073741824)
  --large-bytes N   size of the large one, a hole (default 8589934592)
  --files N         how many small ones (default 200000)
  --file-bytes N    size of each (default 512)
  --transport NAME  auto, quic or tcp (default auto)
  --repeat N        runs of each, the median counts (default 1)
  --dir PATH        where sources and copies go (default: the system's temporary directory)
  --json            one JSON object a line`;

const MAIN = new URL("../../mod.ts", import.meta.url);
const MiB = 2 ** 20;
/** What issue and ARCHITECTURE promise of a process. */
const BOUND_BYTES = 300 * MiB;
const PER_DIRECTORY = 500;

interface Scene {
  readonly work: string;
  readonly source: string;
  readonly transport: string;
  readonly more: readonly string[];
}

interface Sample {
  readonly seconds: number;
  readonly client: Residence;
  readonly server: Residence;
}

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: [
      "shapes",
      "directions",
      "bytes",
      "large-bytes",
      "files",
      "file-bytes",
      "transport",
      "repeat",
      "dir",
    ],
    boolean: ["json", "help"],
    default: {
      shapes: "file,large,small",
      directions: "push,pull",
      bytes: String(2 ** 30),
      "large-bytes": String(2 ** 33),
      files: "200000",
      "file-bytes": "512",
      transport: "auto",
      repeat: "1",
    },
    "--": true,
  });
  if (flags.help) return console.log(USAGE);
  const work = mkdtempSync(join(flags.dir ?? tmpdir(), "sftpx-bench-"));
  const rows: Record<string, string | number>[] = [];
  try {
    for (const shape of flags.shapes.split(",")) {
      const source = join(work, "source");
      writeSource(source, {
        shape,
        bytes: Number(shape === "large" ? flags["large-bytes"] : flags.bytes),
        files: Number(flags.files),
        fileBytes: Number(flags["file-bytes"]),
      });
      for (const direction of flags.directions.split(",")) {
        const samples: Sample[] = [];
        for (let round = 0; round < Number(flags.repeat); round++) {
          const scene = { work, source, transport: flags.transport, more: flags["--"] ?? [] };
          samples.push(await transfer(direction, scene));
        }
        rows.push(rowOf({ shape, direction }, samples));
      }
      rmSync(source, { recursive: true });
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (flags.json) { for (const row of rows) console.log(JSON.stringify(row)); }
  else printTable(rows);
}

function rowOf(
  what: Readonly<Record<"shape" | "direction", string>>,
  samples: readonly Sample[],
): Record<string, string | number> {
  const of = (pick: (sample: Sample) => number) => Math.round(median(samples.map(pick)) / MiB);
  const peak = Math.max(of(({ client }) => client.peakBytes), of(({ server }) => server.peakBytes));
  return {
    ...what,
    seconds: median(samples.map(({ seconds }) => seconds)).toFixed(1),
    "client MiB": of(({ client }) => client.peakBytes),
    "its own": of(({ client }) => client.ownBytes),
    "server MiB": of(({ server }) => server.peakBytes),
    "its own ": of(({ server }) => server.ownBytes),
    bound: peak * MiB <= BOUND_BYTES ? "met" : "MISSED",
  };
}

function writeSource(
  root: string,
  { shape, bytes, files, fileBytes }: {
    readonly shape: string;
    readonly bytes: number;
    readonly files: number;
    readonly fileBytes: number;
  },
): void {
  mkdirSync(root);
  switch (shape) {
    case "file":
      return writeFile(join(root, "file"), { bytes, zeros: false });
    case "large": {
      const fd = openSync(join(root, "file"), "w");
      ftruncateSync(fd, bytes);
      return closeSync(fd);
    }
    case "small":
      for (let index = 0; index < files; index++) {
        const directory = join(root, `directory-${Math.floor(index / PER_DIRECTORY)}`);
        if (index % PER_DIRECTORY === 0) mkdirSync(directory);
        const bytes = new Uint8Array(fileBytes);
        crypto.getRandomValues(bytes);
        writeFileSync(join(directory, `file-${index}`), bytes);
      }
      return;
    default:
      throw new TypeError(`no shape ${JSON.stringify(shape)}: file, large or small`);
  }
}

async function transfer(direction: string, scene: Scene): Promise<Sample> {
  const { work, source, transport, more } = scene;
  const copies = mkdtempSync(join(work, "copies-"));
  using _ = { [Symbol.dispose]: () => rmSync(copies, { recursive: true }) };
  const isPush = direction === "push";
  const served = isPush ? copies : source;
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Child =>
    spawnDeno(MAIN, {
      args: [...args, "--json", "--transport", transport],
      env: { SFTPX_HOME: join(work, "home"), ...env },
    });
  await using server = start(["serve", served, "--listen", "127.0.0.1:0"]);
  const { ticket } = JSON.parse(await server.line());
  server.drain();
  const words = isPush ? ["send", `${source}/`, "@"] : ["get", "@", `${copies}/`];
  const startMs = performance.now();
  await using client = start([...words, ...more], { SFTPX_TICKET: ticket });
  using clientWatch = watchResidence(client.pid);
  using serverWatch = watchResidence(server.pid);
  for (;;) {
    const event = JSON.parse(await client.line());
    if (event.event !== "summary") continue;
    const seconds = (performance.now() - startMs) / 1000;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    return { seconds, client: clientWatch.most(), server: serverWatch.most() };
  }
}

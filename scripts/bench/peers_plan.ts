// What `bench peers` measures: paths, shapes, tools, and every cell of them that says something. Pure:
// the same options give the same plan, so that a run can be taken up again.

/** Where both ends stand. */
export interface PathSpec {
  readonly name: PathName;
  readonly rttMs: number;
  readonly lossPercent: number;
  /** Zero where nothing bounds it but the machine. */
  readonly megabitsPerSecond: number;
}

export type PathName = "loopback" | "lan" | "20ms" | "50ms" | "50ms-1%" | "80ms" | "200ms";

/** The paths of the emulator lose packets in each direction. */
export const PATHS: Readonly<Record<PathName, PathSpec>> = {
  "loopback": { name: "loopback", rttMs: 0, lossPercent: 0, megabitsPerSecond: 0 },
  "lan": { name: "lan", rttMs: 1, lossPercent: 0, megabitsPerSecond: 100 },
  "20ms": { name: "20ms", rttMs: 20, lossPercent: 0, megabitsPerSecond: 400 },
  "50ms": { name: "50ms", rttMs: 50, lossPercent: 0.1, megabitsPerSecond: 400 },
  "50ms-1%": { name: "50ms-1%", rttMs: 50, lossPercent: 1, megabitsPerSecond: 400 },
  "80ms": { name: "80ms", rttMs: 80, lossPercent: 0, megabitsPerSecond: 400 },
  "200ms": { name: "200ms", rttMs: 200, lossPercent: 0.1, megabitsPerSecond: 100 },
};

/** What is sent: one file of noise or of text, many small files, packages as a project has them. */
export type Shape = "random" | "text" | "small" | "modules";

export const SHAPES: readonly Shape[] = ["random", "text", "small", "modules"];

export type Tool =
  | "sftpx"
  | "sftpx quic"
  | "sftpx tcp"
  | "scp"
  | "scp aes128-gcm"
  | "scp -C"
  | "rsync"
  | "rsync --fsync"
  | "rsync -z"
  | "rsync --zc=zstd"
  | "rsyncd"
  | "rclone"
  | "tar"
  | "raw QUIC"
  | "raw TLS"
  | "raw disk";

/** What TCP does in a cell, both ends. */
export type TcpCongestion = "cubic" | "bbr";

/** Buffers of UDP sockets: as the kernel comes, or as the README advises. */
export type Sysctls = "stock" | "documented";

/** One measurement, repeated. */
export interface Cell {
  readonly path: PathName;
  readonly shape: Shape;
  readonly tool: Tool;
  readonly congestion: TcpCongestion;
  readonly sysctls: Sysctls;
  /** Runs at once again, over what it has just copied. */
  readonly isRunTwice: boolean;
}

/** What the plan is cut down to; null takes all. */
export interface PlanFilter {
  /** Only what a bar asks for, and the loopback. */
  readonly isQuick: boolean;
  readonly paths: readonly string[] | null;
  readonly shapes: readonly string[] | null;
  readonly tools: readonly string[] | null;
}

export const EVERYTHING: PlanFilter = { isQuick: false, paths: null, shapes: null, tools: null };

/** By name, and as the saved samples name it. */
export function cellKey({ path, shape, tool, congestion, sysctls }: Cell): string {
  return [path, shape, tool, congestion, sysctls].join("/");
}

/** How often a cell of a path is measured. */
export function repeatsOf(path: PathName, { isQuick }: { readonly isQuick: boolean }): number {
  if (path === "loopback") return isQuick ? 2 : 5;
  return isQuick ? 1 : 3;
}

/** All cells, in the order they are measured in. */
export function planCells(filter: PlanFilter = EVERYTHING): readonly Cell[] {
  return Object.values(PATHS).flatMap(({ name }) => cellsOf(name)).filter((cell) =>
    (!filter.isQuick || isInQuick(cell)) && isTaken(filter.paths, cell.path) &&
    isTaken(filter.shapes, cell.shape) &&
    isTaken(filter.tools, cell.tool)
  );
}

/** Names in a filter that no cell of any plan answers to. */
export function unknownNames(filter: PlanFilter): readonly string[] {
  return namesWithout(filter, planCells());
}

/** Names in a filter that are known, but have no cell beside all else that it asks for. */
export function idleNames(filter: PlanFilter): readonly string[] {
  return namesWithout(filter, planCells(filter));
}

function namesWithout(
  { paths, shapes, tools }: PlanFilter,
  cells: readonly Cell[],
): readonly string[] {
  const strange = (wanted: readonly string[] | null, nameOf: (cell: Cell) => string) =>
    (wanted ?? []).filter((name) => !cells.some((cell) => isTaken([name], nameOf(cell))));
  return [
    ...strange(paths, ({ path }) => path),
    ...strange(shapes, ({ shape }) => shape),
    ...strange(tools, ({ tool }) => tool),
  ];
}

/** A tool is also taken by the name of its family: `sftpx` takes all of sftpx's, `raw` both pipes. */
function isTaken(wanted: readonly string[] | null, name: string): boolean {
  return wanted === null || wanted.includes(name) || wanted.includes(name.split(" ")[0] ?? "");
}

function isInQuick({ path, shape, tool }: Cell): boolean {
  switch (path) {
    case "loopback":
    case "lan":
      return true;
    case "20ms":
    case "200ms":
      return false;
    case "50ms":
    case "50ms-1%":
      return shape === "random" && (tool === "sftpx" || tool === "scp");
    case "80ms":
      return tool === "sftpx" || tool.startsWith("rsync");
  }
}

function cellsOf(path: PathName): Cell[] {
  switch (path) {
    case "loopback":
      return [
        ...cells({ path, shape: "random" }, LOOPBACK_RANDOM),
        ...cells({ path, shape: "text" }, LOOPBACK_TEXT),
        ...cells({ path, shape: "small" }, TREES),
        ...cells({ path, shape: "modules" }, TREES),
      ];
    case "lan":
      // Where the link is the bound and nothing else, compression is what counts.
      return cells({ path, shape: "text" }, LONG_TEXT);
    case "80ms":
      return [...smallCells(path), ...moduleCells(path)];
    case "50ms":
    case "50ms-1%":
      return [
        ...longCells(path),
        ...cells({ path, shape: "random", sysctls: "documented" }, ["sftpx"]),
      ];
    case "20ms":
    case "200ms":
      return longCells(path);
  }
}

function longCells(path: PathName): Cell[] {
  return [
    ...cells({ path, shape: "random" }, ["sftpx", ...LONG_PEERS]),
    ...cells({ path, shape: "random", congestion: "bbr" }, LONG_PEERS),
    ...cells({ path, shape: "text" }, LONG_TEXT),
    ...cells({ path, shape: "text", congestion: "bbr" }, ["rsync --zc=zstd"]),
    ...smallCells(path),
    ...moduleCells(path),
  ];
}

function smallCells(path: PathName): Cell[] {
  return [
    ...cells({ path, shape: "small" }, path === "80ms" ? TREES : STREAMS),
    ...cells({ path, shape: "small", congestion: "bbr" }, ["rsync"]),
  ];
}

function moduleCells(path: PathName): Cell[] {
  return [
    ...cells({ path, shape: "modules" }, ["sftpx", "rsync"]),
    ...cells({ path, shape: "modules", congestion: "bbr" }, ["rsync"]),
  ];
}

const COMPRESSORS = ["scp -C", "rsync -z", "rsync --zc=zstd"] as const;
const LOOPBACK_RANDOM = [
  "raw QUIC",
  "raw TLS",
  "raw disk",
  "sftpx",
  "sftpx quic",
  "sftpx tcp",
  "scp",
  "scp aes128-gcm",
  "rsync",
  "rsyncd",
  "rclone",
  "tar",
] as const;
const LOOPBACK_TEXT = [
  "sftpx",
  "scp",
  "scp aes128-gcm",
  "rsync",
  "rsyncd",
  ...COMPRESSORS,
] as const;
const TREES = ["sftpx", "scp", "rsync", "rsync --fsync", "rsyncd", "rclone", "tar"] as const;
/** Those that bring a tree in one go; what waiting for each file costs, one long path shows. */
const STREAMS = ["sftpx", "rsync", "rsyncd", "tar"] as const;
/** A cipher bounds nobody there. */
const LONG_PEERS = ["scp", "rsync", "rsyncd", "rclone", "tar"] as const;
/** Without compression, text is as fast as noise. */
const LONG_TEXT = ["sftpx", "scp", ...COMPRESSORS] as const;
/** Tools that leave alone what they find unchanged. */
const NOTICING: ReadonlySet<Tool> = new Set(["sftpx", "rsync", "rsyncd", "rclone"]);

type Where = Pick<Cell, "path" | "shape"> & Partial<Pick<Cell, "congestion" | "sysctls">>;

function cells(
  { path, shape, congestion = "cubic", sysctls = "stock" }: Where,
  tools: readonly Tool[],
): Cell[] {
  const isTree = shape === "small" || shape === "modules";
  return tools.map((tool) => ({
    path,
    shape,
    tool,
    congestion,
    sysctls,
    isRunTwice: isTree && NOTICING.has(tool),
  }));
}

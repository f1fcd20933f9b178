// A transfer that takes its seconds, so that something can be done in the midst of it: held back by a
// limit and not by work, so that it takes as long on any machine and leaves the processor to others.

const CHUNKS = ["--chunk-size", "256KiB"] as const;

/** Flags of a client: three seconds for 10 MiB. */
export const SLOWLY: readonly string[] = [
  ...["--bwlimit", "3MB/s", "--compress", "none"],
  ...CHUNKS,
];

/** The same for one that is stopped on its way: there is more of it left, however late a busy machine does that. */
export const STOPPED: readonly string[] = [
  ...["--bwlimit", "1MB/s", "--compress", "none"],
  ...CHUNKS,
];

/** As long for as much prose, with something to say of compression at its end. */
export const SLOWLY_COMPRESSED: readonly string[] = [
  ...["--bwlimit", "500kB/s", "--compress", "zstd:1"],
  ...CHUNKS,
];

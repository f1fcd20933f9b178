// How every script runs tests: as the task `test` does.

/** Flags of `deno test`. */
export const TEST_FLAGS: readonly string[] = [
  "-A",
  "--parallel",
  "--sanitize-ops",
  "--sanitize-resources",
];

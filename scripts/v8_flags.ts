// What V8 is told wherever this checkout starts sftpx by Deno, and in a compiled binary. By itself it
// lets the garbage of each thread grow to what a machine has room for, and small files make garbage; so
// its young generation stays small and its old one is collected once it grew by half (I8). deno.json and
// scripts/sftpx say the same, which a test compares.

export const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=2,--single-threaded-gc,--heap-growing-percent=50";

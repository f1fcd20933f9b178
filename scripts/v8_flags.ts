// What V8 is told wherever this checkout starts sftpx by Deno, and in a compiled binary. By itself it
// lets the garbage of each thread grow to what a machine has room for, and small files make garbage; so
// its young generation stays small, and its old one is collected early and in one go: marked bit by bit,
// garbage would go on growing meanwhile (I8). What lies outside its heap it then takes no notice of, so
// buffers are given back by who had them (`BufferPool`). deno.json and scripts/sftpx say the same, which
// a test compares.

export const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=2,--single-threaded-gc,--memory-saver-mode,--no-incremental-marking";

// The real program with two things added for `bench resume`: it says when the first new chunk crossed
// the wire (progress lines come at most five a second), and where SFTPX_BENCH_JOB is set its store
// writes a half-done state and dies of it. Nothing it does to a transfer is different.

import { main, WORKERS } from "../../mod.ts";

/** Environment variable that holds a `StateJob`. */
const JOB = "SFTPX_BENCH_JOB";

/** A moment of the program, told between its JSON lines. */
export interface Mark {
  readonly event: "mark";
  /** `program`: the runtime is up and the program loaded; `chunk`: its first payload on the wire. */
  readonly mark: "program" | "chunk";
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

function mark(what: Mark["mark"]): void {
  const atMs = performance.timeOrigin + performance.now();
  console.log(JSON.stringify({ event: "mark", mark: what, atMs } satisfies Mark));
}

/** The program loads this module anyhow, later: nothing is awaited for it. */
async function watchFrames(): Promise<void> {
  const { Progress } = await import("../../src/session/progress.ts");
  const { addFrame } = Progress.prototype;
  let isTold = false;
  Progress.prototype.addFrame = function (this, records, path) {
    if (!isTold && records.some((record) => record.storedBytes > 0)) {
      isTold = true;
      mark("chunk");
    }
    addFrame.call(this, records, path);
  };
}

if (import.meta.main) {
  if (Deno.env.has(JOB)) {
    Object.assign(WORKERS, { store: new URL("./resume_worker.ts", import.meta.url) });
  }
  const [command] = Deno.args;
  if (command === "send" || command === "get") {
    mark("program");
    watchFrames();
  }
  main(Deno.args).then((code) => Deno.exit(code));
}

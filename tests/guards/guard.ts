// What a guard is and how it is taken out: the tables beside this file name every guard that
// SECURITY speaks of, and `deno task guards` shows that its test fails without it.

/** One guard, the change that takes it out, and the test that must then fail. */
export interface Guard {
  /** What it refuses, as the end of "sftpx refuses ...". */
  readonly refuses: string;
  /** Source file that holds it, from the repository's root. */
  readonly file: string;
  /** Its text in that file, exactly once. */
  readonly text: string;
  /** What stands there once it is taken out; the file still parses. */
  readonly without: string;
  /** Test file that fails then, from the repository's root. */
  readonly test: string;
  /** Name of the test that fails, or a part of it; of all in the file where it is absent. */
  readonly name?: string;
  /** Without it the test may also never end: the runner ends it after a while. */
  readonly hangs?: true;
}

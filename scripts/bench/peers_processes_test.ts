import assert from "node:assert/strict";
import { Processes, TooSlow } from "./peers_processes.ts";

const isLinux = Deno.build.os === "linux";
const PARENT = ["sh", "-c", "sleep 600 & echo begun; wait"];

Deno.test({
  name: "a run that takes longer than it may is ended with all it started",
  ignore: !isLinux,
  async fn() {
    await using processes = new Processes();
    await using started = processes.start(PARENT);
    assert.equal(await started.line(), "begun");
    await assert.rejects(started.succeeded(0.01), TooSlow);
    // Its child holds the same stdout, which ends with the last of them.
    await assert.rejects(started.line(), /sh ended/);
  },
});

Deno.test({
  name: "a tool that fails is told with its code and its words",
  ignore: !isLinux,
  async fn() {
    await using processes = new Processes();
    await assert.rejects(
      processes.run(["sh", "-c", "echo no such place >&2; exit 7"], { limitSeconds: 600 }),
      /Cannot run sh: it ended with 7: no such place/,
    );
  },
});

Deno.test({
  name: "one that ends before it said anything is an error with its words",
  ignore: !isLinux,
  async fn() {
    await using processes = new Processes();
    await using started = processes.start(["sh", "-c", "echo busy >&2"]);
    await assert.rejects(started.line(), /sh ended: busy/);
  },
});

Deno.test({
  name: "when the benchmark ends, everything it started ends, and nothing starts after it",
  ignore: !isLinux,
  async fn() {
    const processes = new Processes();
    await using started = processes.start(PARENT);
    assert.equal(await started.line(), "begun");
    await processes[Symbol.asyncDispose]();
    await assert.rejects(started.line(), /sh ended/);
    assert.throws(() => processes.start(["true"]), /the benchmark is ending/);
  },
});

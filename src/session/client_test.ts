import assert from "node:assert/strict";
import { graphOf } from "../../tests/module_graph.ts";

/** What runs a transfer of each direction, and nothing else needs. */
const RUNS = [
  "session/send_run.ts",
  "session/receive_run.ts",
  "session/plan_send_run.ts",
  "session/plan_receive_run.ts",
  "engine/sender.ts",
  "engine/receiver.ts",
];

Deno.test("a client is on its way to its server before it has loaded what runs a transfer", () => {
  assert.deepEqual(loadedWith("./client.ts"), []);
});

Deno.test("a push loads nothing of a pull, nor a pull of a push, and a plan comes by itself", () => {
  assert.deepEqual(loadedWith("./send_run.ts"), ["session/send_run.ts", "engine/sender.ts"]);
  const loaded = loadedWith("./pull_take.ts");
  assert.ok(!loaded.includes("session/send_run.ts") && !loaded.includes("engine/sender.ts"));
});

function loadedWith(entry: string): readonly string[] {
  const { modules } = graphOf(new URL(entry, import.meta.url));
  assert.ok(modules.size > 10, entry);
  return RUNS.filter((run) => [...modules].some((href) => href.endsWith(`/src/${run}`)));
}

import assert from "node:assert/strict";
import { memoryTransport } from "../transport/memory.ts";
import type { Transport, Wanted } from "../transport/transport.ts";
import { chooseTransport, type Stacks, transports } from "./transports.ts";

/** One that can be used, or says why not; `asked` are the names of those that were loaded. */
function stack(
  name: string,
  { asked, unavailable }: {
    asked: string[];
    unavailable: (wanted: Wanted) => string | null;
  },
): () => Transport {
  return () => {
    asked.push(name);
    return {
      ...memoryTransport(),
      name,
      unavailable: (wanted: Wanted = {}) => unavailable(wanted),
    };
  };
}

function scene(
  { own = () => null, npm = () => null }: {
    own?: (wanted: Wanted) => string | null;
    npm?: (wanted: Wanted) => string | null;
  } = {},
): { readonly stacks: Stacks; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const deno = stack("deno-quic", { asked, unavailable: own });
  const quiche = stack("quiche", { asked, unavailable: npm });
  return { stacks: { auto: [deno, quiche], deno: [deno], npm: [quiche] }, asked };
}

Deno.test("auto takes the runtime's own QUIC where it is there, and loads nothing else", async () => {
  const { stacks, asked } = scene();
  assert.equal((await chooseTransport({ quic: "auto" }, stacks)).name, "deno-quic");
  assert.deepEqual(asked, ["deno-quic"]);
});

Deno.test("auto falls to quiche where the runtime's own is not there", async () => {
  const { stacks } = scene({ own: () => "QUIC is switched off" });
  assert.equal((await chooseTransport({ quic: "auto" }, stacks)).name, "quiche");
});

Deno.test("auto takes the stack that can do what is wanted", async () => {
  const { stacks } = scene({
    own: ({ congestion, windowBytes }) =>
      congestion === "reno" || windowBytes !== undefined ? "it cannot" : null,
  });
  const chosen = async (wanted: Wanted) =>
    (await chooseTransport({ quic: "auto", ...wanted }, stacks)).name;
  assert.equal(await chosen({ congestion: "bbr" }), "deno-quic");
  assert.equal(await chosen({ congestion: "reno" }), "quiche");
  assert.equal(await chosen({ windowBytes: 1 << 20 }), "quiche");
});

Deno.test("a stack that was named is taken, and nothing stands in for it", async () => {
  const { stacks, asked } = scene({ own: () => "off", npm: () => "not installed" });
  await assert.rejects(chooseTransport({ quic: "npm" }, stacks), {
    code: "unsupported",
    message: "Cannot use QUIC: quiche: not installed",
  });
  await assert.rejects(chooseTransport({ quic: "deno" }, stacks), {
    code: "unsupported",
    message: "Cannot use QUIC: deno-quic: off",
  });
  assert.deepEqual(asked, ["quiche", "deno-quic"]);
  const usable = scene();
  assert.equal((await chooseTransport({ quic: "npm" }, usable.stacks)).name, "quiche");
  assert.deepEqual(usable.asked, ["quiche"]);
});

Deno.test("where none works, each says why", async () => {
  const { stacks } = scene({ own: () => "add --unstable-net", npm: () => "add --allow-ffi" });
  await assert.rejects(chooseTransport({ quic: "auto" }, stacks), {
    code: "unsupported",
    message: "Cannot use QUIC: deno-quic: add --unstable-net; quiche: add --allow-ffi",
  });
});

Deno.test("Deno's own QUIC says what it cannot do, and what can", async () => {
  const chosen = async (wanted: Wanted) =>
    (await chooseTransport({ quic: "deno", ...wanted })).name;
  for (const congestion of ["auto", "cubic", "bbr"] as const) {
    assert.equal(await chosen({ congestion }), "deno-quic");
  }
  await assert.rejects(chosen({ congestion: "reno" }), {
    code: "unsupported",
    message: /deno-quic: it has no reno.*--quic npm/,
  });
  await assert.rejects(chosen({ windowBytes: 1 << 20 }), {
    code: "unsupported",
    message: /deno-quic: its windows cannot be set.*--quic npm/,
  });
});

Deno.test("every transport has a name of its own", async () => {
  const names = (await transports()).map(({ name }) => name);
  assert.deepEqual(names, ["deno-quic", "quiche"]);
});

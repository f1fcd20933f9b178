import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { memoryTransport } from "../transport/memory.ts";
import type { Transport, Wanted } from "../transport/transport.ts";
import {
  type ChooseOptions,
  chooseTransport,
  type Stacks,
  type TransportChoice,
  transports,
} from "./transports.ts";

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
  { own = () => null, npm = () => null, tls = () => null }: {
    own?: (wanted: Wanted) => string | null;
    npm?: (wanted: Wanted) => string | null;
    tls?: (wanted: Wanted) => string | null;
  } = {},
): { readonly stacks: Stacks; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const deno = stack("deno-quic", { asked, unavailable: own });
  const quiche = stack("quiche", { asked, unavailable: npm });
  const tcp = [stack("tls", { asked, unavailable: tls })];
  return { stacks: { auto: [deno, quiche], deno: [deno], npm: [quiche], tcp }, asked };
}

Deno.test("auto takes the runtime's own QUIC where it is there, and loads nothing else", async () => {
  const { stacks, asked } = scene();
  assert.equal(
    (await chooseTransport({ transport: "quic", quic: "auto" }, { stacks })).name,
    "deno-quic",
  );
  assert.deepEqual(asked, ["deno-quic"]);
});

Deno.test("auto falls to quiche where the runtime's own is not there", async () => {
  const { stacks } = scene({ own: () => "QUIC is switched off" });
  assert.equal(
    (await chooseTransport({ transport: "quic", quic: "auto" }, { stacks })).name,
    "quiche",
  );
});

Deno.test("auto takes the stack that can do what is wanted", async () => {
  const { stacks } = scene({
    own: ({ congestion, windowBytes }) =>
      congestion === "reno" || windowBytes !== undefined ? "it cannot" : null,
  });
  const chosen = async (wanted: Wanted) =>
    (await chooseTransport({ transport: "quic", quic: "auto", ...wanted }, { stacks })).name;
  assert.equal(await chosen({ congestion: "bbr" }), "deno-quic");
  assert.equal(await chosen({ congestion: "reno" }), "quiche");
  assert.equal(await chosen({ windowBytes: 1 << 20 }), "quiche");
});

Deno.test("a client whose runtime's roots stay takes the QUIC that does without them", async () => {
  const ofDeno = (load: () => unknown) => () => ({
    ...load() as Transport,
    addsToRuntimeRoots: true,
  });
  const stacksOf = (npm: string | null): Stacks => {
    const { stacks: { auto: [own, quiche], tcp } } = scene({ npm: () => npm });
    assert.ok(own !== undefined && quiche !== undefined);
    const deno = ofDeno(own);
    return { auto: [deno, quiche], deno: [deno], npm: [quiche], tcp: tcp.map(ofDeno) };
  };
  const emptyRoots = () => {
    throw new SftpxError("unsupported", "they stay");
  };
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const named = async (choice: TransportChoice, more: ChooseOptions = {}) => {
    const how = { stacks: stacksOf(null), emptyRoots, onNotice, ...more };
    return (await chooseTransport(choice, how)).name;
  };
  assert.equal(await named({ quic: "auto", transport: "quic" }), "quiche");
  assert.deepEqual(notices, []);
  assert.equal(await named({ quic: "auto" }), "quiche");
  assert.deepEqual(notices, ["there is no TLS over TCP (they stay): QUIC is all there is"]);
  // Not for one that only listens, or that could empty them, or were it let, or has no other.
  assert.equal(await named({ quic: "auto" }, { isServer: true }), "auto");
  const quic = { quic: "auto", transport: "quic" } as const;
  assert.equal(await named(quic, { emptyRoots: () => {} }), "deno-quic");
  const unpermitted = () => {
    throw new SftpxError("permission", "they may not be emptied");
  };
  assert.equal(await named(quic, { emptyRoots: unpermitted }), "deno-quic");
  assert.equal(await named(quic, { stacks: stacksOf("not installed") }), "deno-quic");
  assert.equal(await named({ quic: "deno", transport: "quic" }), "deno-quic");
});

Deno.test("a stack that was named is taken, and nothing stands in for it", async () => {
  const { stacks, asked } = scene({ own: () => "off", npm: () => "not installed" });
  await assert.rejects(chooseTransport({ transport: "quic", quic: "npm" }, { stacks }), {
    code: "unsupported",
    message: "Cannot use QUIC: quiche: not installed",
  });
  await assert.rejects(chooseTransport({ transport: "quic", quic: "deno" }, { stacks }), {
    code: "unsupported",
    message: "Cannot use QUIC: deno-quic: off",
  });
  assert.deepEqual(asked, ["quiche", "deno-quic"]);
  const usable = scene();
  assert.equal(
    (await chooseTransport({ transport: "quic", quic: "npm" }, { stacks: usable.stacks })).name,
    "quiche",
  );
  assert.deepEqual(usable.asked, ["quiche"]);
});

Deno.test("where none works, each says why", async () => {
  const { stacks } = scene({ own: () => "add --unstable-net", npm: () => "add --allow-ffi" });
  await assert.rejects(chooseTransport({ transport: "quic", quic: "auto" }, { stacks }), {
    code: "unsupported",
    message: "Cannot use QUIC: deno-quic: add --unstable-net; quiche: add --allow-ffi",
  });
});

Deno.test("Deno's own QUIC says what it cannot do, and what can", async () => {
  const chosen = async (wanted: Wanted) =>
    (await chooseTransport({ transport: "quic", quic: "deno", ...wanted })).name;
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
  assert.deepEqual(names, ["deno-quic", "quiche", "tls"]);
});

Deno.test("where both work they are raced, by a client and by a server", async () => {
  const { stacks } = scene();
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  for (const isServer of [false, true]) {
    const chosen = await chooseTransport({ quic: "auto" }, { stacks, isServer, onNotice });
    assert.equal(chosen.name, "auto");
    assert.deepEqual(chosen.stacks?.map(({ name }) => name), ["deno-quic", "tls"]);
  }
  assert.deepEqual(notices, []);
});

Deno.test("without QUIC TLS over TCP carries all, with one line", async () => {
  const { stacks } = scene({ own: () => "off", npm: () => "not installed" });
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const chosen = await chooseTransport({ quic: "auto" }, { stacks, onNotice });
  assert.equal(chosen.name, "tls");
  assert.deepEqual(notices, [
    "there is no QUIC (deno-quic: off; quiche: not installed): TLS over TCP is all there is",
  ]);
});

Deno.test("without TLS QUIC carries all, with one line", async () => {
  const { stacks } = scene({ tls: () => "it cannot" });
  const notices: string[] = [];
  const onNotice = (message: string) => notices.push(message);
  const chosen = await chooseTransport({ quic: "auto" }, { stacks, onNotice });
  assert.equal(chosen.name, "deno-quic");
  assert.deepEqual(notices, ["there is no TLS over TCP (it cannot): QUIC is all there is"]);
});

Deno.test("a QUIC that was named is not replaced by TLS, and a named transport by nothing", async () => {
  const { stacks } = scene({ own: () => "off", npm: () => "off", tls: () => "gone" });
  await assert.rejects(chooseTransport({ quic: "npm" }, { stacks }), {
    code: "unsupported",
    message: "Cannot use QUIC: quiche: off",
  });
  await assert.rejects(chooseTransport({ transport: "tcp", quic: "auto" }, { stacks }), {
    code: "unsupported",
    message: "Cannot use TLS over TCP: gone",
  });
  await assert.rejects(chooseTransport({ quic: "auto" }, { stacks }), {
    code: "unsupported",
    message: "Cannot use QUIC or TLS over TCP: deno-quic: off; quiche: off; TLS over TCP: gone",
  });
});

Deno.test("--transport tcp loads no QUIC", async () => {
  const { stacks, asked } = scene();
  const chosen = await chooseTransport({ transport: "tcp", quic: "auto" }, { stacks });
  assert.equal(chosen.name, "tls");
  assert.deepEqual(asked, ["tls"]);
});

Deno.test("a congestion control that was named leaves TCP out at a client, and not at a server", async () => {
  const { stacks } = scene({ tls: ({ congestion }) => congestion === "bbr" ? "it cannot" : null });
  const choice = { quic: "auto", congestion: "bbr" } as const;
  assert.equal((await chooseTransport(choice, { stacks })).name, "deno-quic");
  assert.equal((await chooseTransport(choice, { stacks, isServer: true })).name, "auto");
});

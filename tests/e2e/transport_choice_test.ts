// Which QUIC a command speaks: the one it is told, by a flag, a variable or a file, never another in its
// place; one that cannot be had, or cannot do what is asked, is an error before anything is sent.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { overQuiche } from "../quiche_addon.ts";
import { isRunByDeno } from "./command.ts";
import { transferOf } from "./json_output.ts";
import { Scratch, SilentPort } from "./sftpx_process.ts";
import { makeFile } from "./trees.ts";

Deno.test("what a stack cannot do is an error, and nobody is asked for it", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const identity = JSON.parse((await scratch.run(["init", "--json"])).stdout).identity;
  const silent = await SilentPort.open();
  let isKnocked = false;
  silent.knocked.then(() => {
    isKnocked = true;
  });
  try {
    const cases: readonly (readonly [flags: string, env: Record<string, string>, text: RegExp])[] =
      [
        ["--quic npm", { SFTPX_WITHOUT: "quiche" }, /Cannot use QUIC: quiche: .*SFTPX_WITHOUT/],
        ...(isRunByDeno()
          ? [
            ["--quic deno --congestion reno", {}, /Cannot use QUIC: deno-quic: .*no reno/],
            ["--quic deno --window 8MiB", {}, /Cannot use QUIC: deno-quic: .*windows/],
            [
              "--congestion reno",
              { SFTPX_WITHOUT: "quiche" },
              /Cannot use QUIC: deno-quic: .*no reno.*; quiche: /,
            ],
          ] as const
          : [["--quic deno", {}, /Cannot use QUIC: deno-quic: this runtime is not Deno/]] as const),
      ];
    for (const [flags, env, text] of cases) {
      const url = `sftpx://${identity}@127.0.0.1:${silent.port}/x`;
      const line = ["send", "f", url, "--json", ...flags.split(" ")];
      const failed = transferOf(await scratch.run(line, { env }));
      assert.equal(failed.code, 1, flags);
      assert.equal(failed.summary.error?.code, "unsupported", flags);
      assert.match(failed.stderr, text, flags);
    }
    assert.equal(isKnocked, false);
  } finally {
    silent.close();
  }
});

Deno.test(
  overQuiche("a stack is chosen by a flag, a variable, a file, or by what only it can do"),
  async () => {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("f"), "f");
    const server = await scratch.serve("root");
    await fs.writeFile(scratch.path("config.toml"), 'quic = "npm"\nwindow = "8MiB"\n');
    const spoken = async (flags: readonly string[], env: Record<string, string> = {}) => {
      const line = ["send", "f", `${server.ticket}/f`, ...flags];
      const { code, summary, stderr } = await scratch.transfer(line, { env });
      assert.equal(code, 0, stderr);
      return summary["transport"];
    };
    const usual = isRunByDeno() ? "deno-quic" : "quiche";
    assert.equal(await spoken([]), usual);
    assert.equal(await spoken(["--congestion", "bbr"]), usual);
    assert.equal(await spoken(["--quic", "npm"]), "quiche");
    assert.equal(await spoken([], { SFTPX_QUIC: "npm" }), "quiche");
    assert.equal(await spoken(["--config", "config.toml"]), "quiche");
    assert.equal(await spoken(["--congestion", "reno"]), "quiche");
    assert.equal(await spoken(["--window", "1MiB"]), "quiche");
  },
);

Deno.test(overQuiche("--verbose ends with what quiche knows of the path"), async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f".repeat(100_000));
  const server = await scratch.serve("root", ["--quic", "npm", "--verbose"]);
  const line = ["send", "f", server.ticket, "--quic", "npm", "--verbose"];
  const { code, stderr } = await scratch.run(line);
  assert.equal(code, 0, stderr);
  const known = /connection 0 to .* carried .*, round trip .*, [\d.]+% lost, window [\d.]+ /;
  assert.match(stderr, /connected to .* over quiche$/m);
  assert.match(stderr, known);
  const served = await server.stop();
  assert.match(served.stderr, /transport: quiche$/m);
  assert.match(served.stderr, known);
});

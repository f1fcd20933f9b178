// Who asks for the runtime's first random bytes before anybody waits for them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";

const MOD = new URL("../../mod.ts", import.meta.url).href;
const REFUSED = "sftpx://127.0.0.1:1/";

Deno.test("a command that connects asks for entropy while it loads, and no other command does", async () => {
  assert.equal(await asked(["ls", REFUSED, "--pin", "a".repeat(52)]), 1);
  assert.equal(await asked(["--version"]), 0);
  assert.equal(await asked(["send", "--help"]), 0);
});

/** How often a command line asks. */
async function asked(args: readonly string[]): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), "sftpx-entropy-"));
  try {
    const script = `
      let times = 0;
      const made = crypto.subtle.generateKey;
      crypto.subtle.generateKey = function (algorithm, ...rest) {
        if (algorithm.name === "ECDSA") times++;
        return made.call(this, algorithm, ...rest);
      };
      const { main } = await import(${JSON.stringify(MOD)});
      await main(${JSON.stringify(args)});
      console.log("asked", times);
    `;
    const env = { ...process.env, SFTPX_HOME: home, DENO_NO_UPDATE_CHECK: "1" };
    const { stdout } = await promisify(execFile)(Deno.execPath(), ["eval", script], { env });
    return Number(/^asked (\d+)$/m.exec(stdout)?.[1]);
  } finally {
    await rm(home, { recursive: true });
  }
}

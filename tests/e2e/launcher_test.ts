// `scripts/sftpx`, used as README says: from anywhere, through a link, with the permission set of the
// checkout. Other tests allow everything, and would not miss a permission.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { delimiter, dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isRunByDeno } from "./command.ts";
import { Scratch } from "./sftpx_process.ts";
import { bunProgram } from "./stacks.ts";

const LAUNCHER = fileURLToPath(new URL("../../scripts/sftpx", import.meta.url));
/** Without DENO_NO_UPDATE_CHECK: the launcher has to set it. */
const ENV = {
  DENO_NO_UPDATE_CHECK: undefined,
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
};

Deno.test({
  name: "the launcher runs the checkout from anywhere, with no more permissions than it needs",
  ignore: process.platform === "win32" || !isRunByDeno(),
  fn: async () => {
    await using scratch = await Scratch.open();
    await fs.symlink(LAUNCHER, scratch.path("sftpx"));
    await fs.writeFile(scratch.path("a"), "a");
    const options = { command: [scratch.path("sftpx")], env: ENV };
    const server = await scratch.serve("root", [], options);
    const steps = [
      { args: ["send", "a", server.url("")], code: 12, said: /not authorized/ },
      { args: ["send", "a", server.ticket], code: 0, said: /1 file, 1 B sent/ },
      { args: ["ls", "--long", server.ticket], code: 0, said: /1 B .* a\n/ },
      { args: ["get", "--dry-run", `${server.ticket}/a`, "."], code: 0, said: /unchanged|compare/ },
      { args: ["status", "root"], code: 0, said: /nothing to resume/ },
      { args: ["ticket", "list"], code: 0, said: /valid/ },
      { args: ["keys"], code: 0, said: /own/ },
    ];
    for (const { args, code, said } of steps) {
      const ended = await scratch.run(args, options);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stdout + ended.stderr, said);
    }
    const { code } = await server.stop();
    assert.equal(code, 0);
    const { code: status, stderr } = await scratch.run(["status", "root"], options);
    assert.equal(status, 0, stderr);
  },
});

const BUN = bunProgram();

Deno.test({
  name: "the launcher takes Bun where there is no Deno, and nothing of the directory it stands in" +
    (BUN === null ? " (needs Bun: in PATH or named by SFTPX_BUN)" : ""),
  ignore: process.platform === "win32" || BUN === null || !isRunByDeno(),
  fn: async () => {
    await using scratch = await Scratch.open();
    await fs.mkdir(scratch.path("bin"));
    await fs.symlink(BUN ?? "", scratch.path("bin/bun"));
    for (const name of ["sh", "dirname", "realpath"]) {
      await fs.symlink(await fs.realpath(`/bin/${name}`), scratch.path("bin", name));
    }
    await fs.writeFile(scratch.path("hostile.ts"), `console.error("hostile");`);
    await fs.writeFile(scratch.path("bunfig.toml"), `preload = ["./hostile.ts"]\n`);
    await fs.writeFile(scratch.path(".env"), "SFTPX_TICKET=hostile\nSFTPX_QUIET=true\n");
    await fs.symlink(LAUNCHER, scratch.path("sftpx"));
    const options = { command: [scratch.path("sftpx")], env: { PATH: scratch.path("bin") } };
    const version = await scratch.run(["--version", "--verbose"], options);
    assert.match(version.stdout, /runtime +bun/);
    const sent = await scratch.run(["send", "hostile.ts", "@"], options);
    assert.match(sent.stderr, /neither --ticket-file nor SFTPX_TICKET is set/);
    assert.equal(/hostile/.test(version.stderr + sent.stderr), false);
  },
});

Deno.test({
  name: "the launcher says what to run where the packages for Bun are not installed",
  ignore: process.platform === "win32" || !isRunByDeno(),
  fn: async () => {
    await using scratch = await Scratch.open();
    for (const name of ["checkout/scripts", "bin"]) {
      await fs.mkdir(scratch.path(name), { recursive: true });
    }
    for (const name of ["sh", "dirname", "realpath"]) {
      await fs.symlink(await fs.realpath(`/bin/${name}`), scratch.path("bin", name));
    }
    await fs.copyFile(LAUNCHER, scratch.path("checkout/scripts/sftpx"));
    const command = [scratch.path("checkout/scripts/sftpx")];
    const { code, stderr } = await scratch.run(["--version"], {
      command,
      env: { PATH: scratch.path("bin") },
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /packages are not installed; run `npx .* install`/);
  },
});

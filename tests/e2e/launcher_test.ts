// `scripts/sftpx`, used as README says: from anywhere, through a link, with the permission set of the
// checkout. Other tests allow everything, and would not miss a permission.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { delimiter, dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isRunByDeno } from "./command.ts";
import { Scratch } from "./sftpx_process.ts";

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

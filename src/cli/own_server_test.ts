import assert from "node:assert/strict";
import { childEnvironment } from "./own_server.ts";

Deno.test("a server of our own is not told its user's ticket or settings", () => {
  const variables = {
    PATH: "/bin",
    SFTPX_TICKET: "sftpx1secret",
    SFTPX_HOME: "/h",
    SFTPX_JSON: "1",
  };
  assert.deepEqual(childEnvironment(variables), { PATH: "/bin" });
  assert.deepEqual(childEnvironment({ SFTPX_WITHOUT: "zstd-napi" }), {
    SFTPX_WITHOUT: "zstd-napi",
  });
});

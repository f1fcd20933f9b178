import assert from "node:assert/strict";
import { resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { identityFile, knownHostsFile, nowhere, userFiles } from "./home.ts";

function env(variables: Record<string, string>) {
  return (name: string) => variables[name];
}

Deno.test("userFiles() prefers SFTPX_HOME, then XDG_CONFIG_HOME, then HOME", () => {
  const all = { SFTPX_HOME: "/s", XDG_CONFIG_HOME: "/x", HOME: "/h" };
  assert.deepEqual(userFiles(env(all)), {
    directory: "/s",
    identity: "/s/identity",
    knownHosts: "/s/known_hosts",
    authorizedKeys: "/s/authorized_keys",
    configuration: "/s/config.toml",
  });
  assert.equal(userFiles(env({ ...all, SFTPX_HOME: "" })).directory, "/x/sftpx");
  assert.equal(userFiles(env({ HOME: "/h" })).directory, "/h/.config/sftpx");
});

Deno.test("userFiles() makes a relative SFTPX_HOME absolute and ignores a relative XDG_CONFIG_HOME", () => {
  assert.equal(userFiles(env({ SFTPX_HOME: "s" })).directory, resolve("s"));
  assert.equal(userFiles(env({ XDG_CONFIG_HOME: "x", HOME: "/h" })).directory, "/h/.config/sftpx");
});

Deno.test("userFiles() asks the system where HOME is not set", () => {
  // Whatever the answer is on this machine, it is absolute or a usage error.
  try {
    assert.match(userFiles(env({})).directory, /\.config.sftpx$/);
  } catch (error) {
    assert.ok(error instanceof SftpxError && error.code === "usage");
  }
});

Deno.test("without a home the flag is named that lets it be looked for", () => {
  const found = (mayLook: boolean) => {
    try {
      nowhere(mayLook);
    } catch (error) {
      return error instanceof SftpxError ? [error.code, error.message] : [];
    }
  };
  const [code, text] = found(false) ?? [];
  assert.equal(code, "permission");
  assert.match(text ?? "", /--allow-env/);
  const [other, plain] = found(true) ?? [];
  assert.equal(other, "usage");
  assert.match(plain ?? "", /set SFTPX_HOME/);
  assert.doesNotMatch(plain ?? "", /--allow/);
});

Deno.test("identityFile() and knownHostsFile() take what was named, made absolute", () => {
  const home = env({ SFTPX_HOME: "/s" });
  assert.equal(identityFile(null, home), "/s/identity");
  assert.equal(identityFile("i", home), resolve("i"));
  assert.equal(knownHostsFile(null, home), "/s/known_hosts");
  assert.equal(knownHostsFile("/k", home), "/k");
});

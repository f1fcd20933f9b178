import assert from "node:assert/strict";
import { printedBy } from "../../../tests/own_process.ts";
import { overQuiche } from "../../../tests/quiche_addon.ts";
import { loadProblem, loadQuiche } from "./binding.ts";
import { loadQuicheTransport } from "./quiche.ts";

Deno.test(overQuiche("the addon loads"), async () => {
  const loaded = await loadQuiche();
  assert.equal(typeof loaded, "object", String(loaded));
  assert.equal((await loadQuicheTransport()).unavailable(), null);
});

Deno.test("the transport is there when the addon is, and says the same of why not", async () => {
  const loaded = await loadQuiche();
  const told = (await loadQuicheTransport()).unavailable();
  assert.equal(told, typeof loaded === "string" ? loaded : null);
  assert.ok(told === null || /\S/.test(told));
});

Deno.test("a package that is missing is not the platform's fault, and noexec has a way out", () => {
  const missing = "Cannot find package '@matrixai/quic' from '/x/binding.ts'";
  assert.match(loadProblem(missing), /not installed: run `deno install`/);
  const none = "Cannot find module '@matrixai/quic-linux-arm64'";
  assert.equal(loadProblem(none), `its addon does not load on this platform (${none})`);
  const noexec = "/tmp/a.node: failed to map segment from shared object";
  assert.match(loadProblem(noexec), /\(\/tmp\/a\.node: .*\).*set TMPDIR to another one$/);
});

Deno.test("SFTPX_WITHOUT=quiche leaves it out, and every use says so", () => {
  const url = JSON.stringify(new URL("./quiche.ts", import.meta.url).href);
  const script = `const { loadQuicheTransport } = await import(${url});
    const transport = await loadQuicheTransport();
    const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
    const to = { hostname: "127.0.0.1", port: 9, anchorPem: "" };
    const uses = [transport.listen(at), transport.connect(to)];
    const told = (await Promise.allSettled(uses)).map(({ reason }) => reason);
    console.log(JSON.stringify({
      reason: transport.unavailable(),
      told: told.map((error) => [error?.code, error?.message]),
    }));`;
  const { reason, told } = JSON.parse(printedBy(script, { SFTPX_WITHOUT: "other,quiche" }));
  assert.match(reason, /SFTPX_WITHOUT=quiche/);
  for (const [code, message] of told) {
    assert.equal(code, "unsupported");
    assert.match(message, /SFTPX_WITHOUT/);
  }
  assert.equal(told.length, 2);
});

for (
  const [flags, told] of [
    [["--allow-read", "--allow-sys", "--allow-env"], /--allow-ffi/],
    [["--allow-ffi", "--allow-sys", "--allow-env"], /--allow-read/],
  ] as const
) {
  Deno.test(`with ${flags.join(" ")} alone nothing prompts, and ${told.source} is named`, async () => {
    const url = new URL("./binding.ts", import.meta.url).href;
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const script = `const { loadQuiche } = await import(${JSON.stringify(url)});
      console.log(await loadQuiche());`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--config", config, ...flags, "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1", SFTPX_WITHOUT: "" },
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(script));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.match(new TextDecoder().decode(stdout), told);
  });
}

// There is no switch that turns the checks off: not on the command line, not in a file of settings, not
// in the environment.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { variableOf } from "../../src/cli/flag_spec.ts";
import { FLAGS } from "../../src/cli/flags.ts";

/** Words under which such switches go. */
const BLANKET =
  /insecure|unsafe|unverif|no-?verif|skip-?(verif|check|auth|tls|cert)|trust-?(all|any|unknown|on-first)|accept-?(new|any|all|unknown)|ignore|no-?(tls|auth|check|pin|confirm)|allow-?any|force|yes$|disable|strict-?host/i;

const SOURCES = fileURLToPath(new URL("../../src/", import.meta.url));

Deno.test("no flag, and no variable or setting of one, turns the checks off", () => {
  for (const flag of FLAGS) {
    for (const name of [flag.name, variableOf(flag) ?? ""]) {
      assert.ok(!BLANKET.test(name.replaceAll("_", "-")), name);
    }
    const { value } = flag;
    for (const choice of value.kind === "choice" ? value.choices : []) {
      assert.ok(!BLANKET.test(choice), `--${flag.name} ${choice}`);
      assert.ok(
        !/^(none|off|no|any|all|plain|clear)$/.test(choice) || flag.name === "compress",
        choice,
      );
    }
  }
});

Deno.test("what says who the server is takes a value, and none that means anybody", () => {
  for (const name of ["pin", "known-hosts", "ticket-file", "identity"]) {
    const flag = FLAGS.find((flag) => flag.name === name);
    assert.ok(flag !== undefined && flag.value.kind !== "boolean", name);
    assert.notEqual(flag.value.kind, "choice", name);
  }
});

Deno.test("the sources read no variable that is not known to leave the checks alone", async () => {
  // What each is for: homes and locations, the ticket, which codecs to do without, how a terminal is;
  // the runtime's roots are only ever emptied.
  const known =
    /^(SFTPX_(HOME|TICKET|WITHOUT|CONFIG)|XDG_(CONFIG|CACHE)_HOME|HOME|USERPROFILE|NO_COLOR|FORCE_COLOR|TERM|COLORTERM|CI|COLUMNS|LANG|LC_ALL|LC_CTYPE|NOTIFY_SOCKET|WATCHDOG_(USEC|PID)|DENO_(CERT|TLS_CA_STORE|NO_UPDATE_CHECK)|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|TMPDIR|SHELL|APPDATA)$/;
  const read = /\benv(?:\.get\(\s*"|\.|\[\s*")([A-Z][A-Z0-9_]+)/g;
  for (const path of await readdir(SOURCES, { recursive: true })) {
    if (!path.endsWith(".ts") || path.endsWith("_test.ts")) continue;
    for (const [, name = ""] of (await readFile(`${SOURCES}${path}`, "utf8")).matchAll(read)) {
      assert.match(name, known, path);
    }
  }
});

Deno.test("no source asks the runtime to believe any certificate", async () => {
  for (const path of await readdir(SOURCES, { recursive: true })) {
    if (!path.endsWith(".ts") || path.endsWith("_test.ts")) continue;
    const text = await readFile(`${SOURCES}${path}`, "utf8");
    assert.doesNotMatch(
      text,
      /rejectUnauthorized|NODE_TLS_REJECT|unsafely|checkServerIdentity/,
      path,
    );
  }
});

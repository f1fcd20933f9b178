import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { COMMAND_NAMES, COMMANDS } from "./commands.ts";
import { checkValue, parseChunkSize } from "./flag_values.ts";
import { acceptsFlag, type FlagSpec, variableOf } from "./flag_spec.ts";
import { findFlag, FLAGS } from "./flags.ts";

const TABLE: readonly FlagSpec[] = FLAGS;

Deno.test("FLAGS has no name and no letter twice", () => {
  const names = TABLE.map((flag) => flag.name);
  assert.equal(new Set(names).size, names.length);
  const letters = TABLE.flatMap((flag) => flag.short ?? []);
  assert.equal(new Set(letters).size, letters.length);
  for (const letter of letters) assert.equal(letter.length, 1);
});

Deno.test("FLAGS gives a letter to boolean flags only", () => {
  for (const flag of TABLE) {
    if (flag.short !== undefined) assert.equal(flag.value.kind, "boolean", flag.name);
  }
});

Deno.test("FLAGS has defaults that its own checks accept", () => {
  for (const flag of TABLE) {
    if (flag.fallback !== undefined) {
      assert.doesNotThrow(() => checkValue(flag, flag.fallback ?? ""));
    }
  }
  assert.equal(parseChunkSize(findFlag("chunk-size")?.fallback ?? ""), LIMITS.defaultChunkBytes);
});

Deno.test("FLAGS holds every common flag of the contract, accepted by every command", () => {
  const contract = "json quiet verbose dry-run chunk-size compress workers depth checksum atomic " +
    "transport quic congestion connections lanes bwlimit timeout identity known-hosts pin ticket-file";
  for (const name of contract.split(" ")) {
    const flag = findFlag(name);
    assert.ok(flag !== null, name);
    for (const command of COMMAND_NAMES) {
      assert.ok(acceptsFlag(command, flag), `${command} ${name}`);
    }
  }
});

Deno.test("FLAGS holds every flag of serve in the contract", () => {
  for (const name of ["listen", "advertise", "once", "access", "authorized-keys", "no-ticket"]) {
    const flag = findFlag(name);
    assert.ok(flag !== null && acceptsFlag("serve", flag), name);
    assert.ok(!acceptsFlag("send", flag), name);
  }
});

Deno.test("FLAGS gives each flag a variable of its own, and none that means something else", () => {
  const variables = TABLE.map(variableOf).filter((name) => name !== null);
  assert.equal(new Set(variables).size, variables.length);
  for (
    const taken of ["SFTPX_TICKET", "SFTPX_HOME", "SFTPX_WITHOUT", "SFTPX_VERSION", "SFTPX_CMD"]
  ) {
    assert.ok(!variables.includes(taken), taken);
  }
  assert.ok(variables.includes("SFTPX_CHUNK_SIZE"));
});

Deno.test("FLAGS takes what says how to talk, what to do and what to ask from no configuration", () => {
  for (const name of ["json", "help", "version", "config", "dry-run", "files-from", "path"]) {
    assert.equal(findFlag(name)?.configured, "nowhere", name);
  }
  assert.equal(findFlag("delete")?.configured, "host");
});

Deno.test("FLAGS marks what may come in several, filters all of them", () => {
  const lists = TABLE.filter(({ list }) => list === true).map(({ name }) => name);
  assert.deepEqual(lists, [
    "advertise",
    "from",
    "include",
    "exclude",
    "include-from",
    "exclude-from",
  ]);
  const filters = TABLE.filter(({ filter }) => filter === true).map(({ name }) => name);
  assert.deepEqual(filters, lists.slice(2));
});

Deno.test("COMMANDS holds every command of the contract", () => {
  const contract = "serve recv send get ls status init ticket keys bench demo";
  for (const name of contract.split(" ")) assert.ok(name in COMMANDS, name);
});

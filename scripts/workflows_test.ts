import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { PLATFORMS } from "./binary_platform.ts";

const WORKFLOWS = new URL("../.github/workflows/", import.meta.url);
const TEXTS = new Map(
  readdirSync(WORKFLOWS).map((name) => [name, readFileSync(new URL(name, WORKFLOWS), "utf8")]),
);
const CI = readFileSync(new URL("../.ci/run", import.meta.url), "utf8");

Deno.test("workflows use the versions that .ci/run brings", () => {
  for (const [variable, pattern] of [["deno_version", "deno"], ["bun_version", "bun"]] as const) {
    const version = new RegExp(`^${variable}=(\\S+)$`, "m").exec(CI)?.[1];
    assert.ok(version !== undefined, variable);
    const named = new RegExp(`^ *${pattern}[-_]version: (\\d\\S*)$`, "gim");
    const found = [...TEXTS.values()].flatMap((text) => [...text.matchAll(named)]);
    assert.ok(found.length > 0, variable);
    for (const match of found) assert.equal(match[1], version, match[0]);
  }
});

Deno.test("workflows may read, and only the job that publishes may write", () => {
  for (const [name, text] of TEXTS) {
    assert.match(text, /^permissions:\n {2}contents: read$/m, name);
    const writing = text.split(/^ {2}(?=\w+:$)/m).filter((job) => /: write\b/.test(job));
    assert.deepEqual(
      writing.map((job) => job.split(":")[0]),
      name === "release.yml" ? ["publish"] : [],
    );
    for (const job of writing) assert.doesNotMatch(job, /\b(?:deno|bun|npm|checkout)\b/);
  }
});

Deno.test("every action is pinned to a version, and no secret is named", () => {
  for (const [name, text] of TEXTS) {
    const used = [...text.matchAll(/\buses: (\S+)/g)].map((match) => match[1] ?? "");
    assert.ok(used.length > 0, name);
    for (const action of used) assert.match(action, /^(\.\/|[\w.-]+\/[\w.-]+@v\d)/, name);
    assert.doesNotMatch(text, /\bsecrets\./, name);
  }
});

Deno.test("what a tag brings in is never part of a script", () => {
  for (const [name, text] of TEXTS) {
    for (const [, script] of text.matchAll(/\brun: \|\n((?: {10}.*\n)+)/g)) {
      assert.doesNotMatch(script ?? "", /\$\{\{/, name);
    }
    for (const line of text.split("\n").filter((one) => /\brun:/.test(one))) {
      assert.doesNotMatch(
        line.replaceAll("${{ matrix.platform }}", ""),
        /\$\{\{/,
        `${name}: ${line}`,
      );
    }
  }
});

Deno.test("a release has a binary for every platform", () => {
  const named = [...(TEXTS.get("release.yml") ?? "").matchAll(/platform: ([\w-]+),/g)];
  assert.deepEqual(named.map((match) => match[1]), PLATFORMS.map((platform) => platform.name));
});

Deno.test("the Bun that a release is made of is the one that its platform's binary names", () => {
  const text = TEXTS.get("release.yml") ?? "";
  const named = [...text.matchAll(/platform: ([\w-]+),.* bun: ([\w-]+) /g)];
  assert.ok(named.length > 0);
  for (const [, name, bun] of named) {
    const target = PLATFORMS.find((platform) => platform.name === name)?.bunTarget;
    assert.equal(`bun-${bun}`, target?.replace("arm64", "aarch64"));
  }
});

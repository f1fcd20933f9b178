// What people and files say under fuzz: places, quantities, configurations and filter patterns.

import assert from "node:assert/strict";
import { isIP } from "node:net";
import { parseAddress, sourceOf } from "../../src/base/address.ts";
import { Filter, filterProblem, filtersProblem } from "../../src/base/filter.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { pathProblem } from "../../src/base/path.ts";
import { parseConfiguration } from "../../src/cli/config_file.ts";
import { parseChunkSize, parseCompression } from "../../src/cli/flag_values.ts";
import {
  formatHostPort,
  parseHostPort,
  parseRemotePath,
  parseTarget,
} from "../../src/cli/target.ts";
import { parseDuration, parseRate, parseSize } from "../../src/cli/units.ts";
import { listedPaths } from "../../src/session/listed_paths.ts";
import { parseHost } from "../../src/trust/host.ts";
import { formatAddress } from "../../src/transport/addresses.ts";
import { mutatedText, smallerText } from "./mutation.ts";
import { outcomeOf, outcomeOfAsync, worded } from "./outcome.ts";
import { PATTERN_PIECES, slowMatches } from "./slow_filter.ts";
import { type Target, textTarget, valueTarget } from "./target.ts";

const IDENTITY = "a".repeat(52);
const TARGETS = [
  `sftpx://${IDENTITY}@example.org:4443/a%20b/c`,
  "sftpx://[2001:db8::1%25eth0]:1/",
  "sftpx://host",
  "sftpx1abcdefgh234567/a/b",
  "@/x/./y/",
  "@",
  "C:\\dir\\file",
  "./dir/file",
];
const TOML = [
  'timeout = "10s"\nlanes = 4\n[host.a]\nurl = "sftpx://h/x"\nfilter = ["- *.o", "+ *"]\n',
  '# c\n[host.\'a b\']\nurl = "sftpx://h"\n[[x]]\ny = {a = 1, b = [1, 2]}\nz = """\nq"""\n',
  'a.b.c = 1979-05-27T07:32:00Z\n"k\\u0041" = 0x1F\n',
];
const JSONS = [
  '{"timeout": "10s", "host": {"a": {"url": "sftpx://h/x"}}, "lanes": 4}',
  '{"a": [1, {"b": null}], "a": "\\u0000\\"", "c": 1e5}',
  "[]",
];
const TOKENS = [
  "host",
  "url",
  "timeout",
  "exclude",
  "include",
  "= [",
  '"""',
  "'''",
  "\\u0000",
  "[host.",
  "true",
];
const ADDRESSES = [
  "[::ffff:192.0.2.1]:9",
  "192.0.2.1:9",
  "[2001:db8:1:2::3]:4",
  "[fe80::1%eth0]:5",
  "[::]:0",
  "::1",
  "1:2:3:4:5:6:1.2.3.4",
];

export const TEXT_TARGETS: readonly Target[] = [
  textTarget("target", {
    seeds: TARGETS,
    words: ["sftpx://", "sftpx1", "@", "%2f", "%c3%a9", "]:", "[", IDENTITY],
    check: (text) => {
      const outcome = outcomeOf(() => parseTarget(text));
      if (outcome.refused !== null) return worded(outcome);
      const target = outcome.value;
      if (target.kind === "local") return "local";
      const path = target.path.replace(/\/$/, "");
      assert.ok(path === "" || pathProblem(path) === null, "a path that climbs");
      if (target.kind !== "url") return target.kind;
      const { hostname, port } = target;
      assert.ok(port > 0 && port <= 0xffff);
      const written = formatHostPort({ hostname, port });
      assert.deepEqual(parseHostPort(written, { fallbackPort: null }), { hostname, port });
      return "url";
    },
  }),
  textTarget("host-port", {
    seeds: ["example.org:1", "[::1]:443", "0.0.0.0:0", "h"],
    check: (text) => {
      const read = () => parseHostPort(text, { fallbackPort: 7, allowZero: true });
      const outcome = outcomeOf(read);
      if (outcome.refused === null) {
        const again = parseHostPort(formatHostPort(outcome.value), {
          fallbackPort: null,
          allowZero: true,
        });
        assert.deepEqual(again, outcome.value);
      }
      return worded(outcome);
    },
  }),
  textTarget("remote-path", {
    seeds: ["a/b/", "/a", "..", "é/x"],
    check: (text) => {
      const outcome = outcomeOf(() => parseRemotePath(text));
      if (outcome.refused === null && outcome.value !== "") {
        assert.equal(pathProblem(outcome.value), null);
      }
      outcomeOf(() => listedPaths([text, `${text}/x`]));
      return worded(outcome);
    },
  }),
  textTarget("quantity", {
    seeds: [
      "64KiB",
      "1.5 MB",
      "10MB/s",
      "100Mbit/s",
      "3s",
      "24h",
      "zstd:19",
      "99999999999999999999TiB",
    ],
    words: ["KiB", "/s", "e9", ".", "zstd:", "-", "ms"],
    check: (text) => {
      const outcomes = [parseSize, parseRate, parseDuration].map((parse) =>
        outcomeOf(() => parse(text))
      );
      outcomeOf(() => parseChunkSize(text, "use it"));
      outcomeOf(() => parseCompression(text, "use it"));
      for (const outcome of outcomes) {
        if (outcome.refused !== null) continue;
        assert.ok(Number.isFinite(outcome.value) && outcome.value >= 0, String(outcome.value));
      }
      return outcomes.some(({ refused }) => refused === null) ? "taken" : "usage";
    },
  }),
  configurationTarget("toml", { seeds: TOML, path: "c.toml" }),
  configurationTarget("json", { seeds: JSONS, path: "c.json" }),
  textTarget("address", {
    seeds: ADDRESSES,
    words: ["::", "ffff:", "64:ff9b::", "]", "[", "%", ".", "0", "1.2.3.4"],
    check: (text) => {
      formatAddress(text, 1);
      const source = sourceOf(text);
      const address = parseAddress(text);
      if (address === null) return "refused";
      assert.ok(source.length < 50, "a source without an end");
      // Whatever is taken for an address is one to the runtime too, and the same one.
      const bare = text.replace(/^\[(.*)\](:\d+)?$/s, "$1").replace(/%.*$/s, "");
      const plain = isIP(bare) === 0 ? bare.replace(/:\d+$/, "") : bare;
      assert.notEqual(isIP(plain), 0, "no address");
      const host = parseHost(plain);
      assert.ok(host !== null && host.kind !== "name");
      assert.deepEqual(address.bytes, host.bytes.slice(-address.bytes.byteLength));
      return `IPv${address.family}`;
    },
  }),
  valueTarget({
    name: "filter",
    make: (random) => {
      const some = <T>(list: readonly T[], most: number) =>
        Array.from({ length: 1 + random.below(most) }, () => random.pick(list)).join("");
      const names = Array.from({ length: 1 + random.below(4) }, () => some([..."ab*é"], 3));
      return {
        pattern: some(PATTERN_PIECES, 7),
        path: names.join("/"),
        isDirectory: random.chance(0.3),
      };
    },
    show: (value) => JSON.stringify(value),
    check: ({ pattern, path, isDirectory }) => {
      if (filterProblem(pattern) !== null) return "refused";
      const isExcluded = new Filter([{ include: false, pattern }]).excludes(path, isDirectory);
      assert.equal(isExcluded, slowMatches(pattern, path, isDirectory));
      return isExcluded ? "matched" : "not matched";
    },
  }),
  valueTarget({
    name: "filter-rules",
    make: (random) => ({
      rules: Array.from({ length: 1 + random.below(30) }, () => ({
        include: random.chance(0.3),
        pattern: mutatedText(
          random,
          ["*.o", "/a/**/b", "[a-z]*?x", "dir/***", "a*b*c*d*e"],
          PATTERN_PIECES,
        )
          .slice(0, 5000),
      })),
      path: mutatedText(random, ["a/b/c", "x".repeat(255)]).slice(0, LIMITS.pathBytes),
    }),
    show: (value) => JSON.stringify(value),
    smaller: function* ({ rules, path }) {
      for (let at = 0; at < rules.length; at++) yield { rules: rules.toSpliced(at, 1), path };
      for (const smaller of smallerText(path)) yield { rules, path: smaller };
    },
    check: ({ rules, path }) => {
      const good = rules.filter(({ pattern }) => filterProblem(pattern) === null);
      if (filtersProblem(good) !== null) return "too many";
      const filter = new Filter(good);
      return filter.excludes(path, true) || filter.excludes(path, false)
        ? "matched"
        : "not matched";
    },
  }),
];

function configurationTarget(
  name: string,
  { seeds, path }: { readonly seeds: readonly string[]; readonly path: string },
): Target {
  return textTarget(name, {
    seeds,
    words: TOKENS,
    check: async (text) => worded(await outcomeOfAsync(() => parseConfiguration(text, path))),
  });
}

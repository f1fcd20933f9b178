import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { parseCommand } from "./arguments.ts";
import type { BenchCommand, Command, KeysCommand, TicketCommand } from "./command.ts";

const IDENTITY = "a".repeat(51) + "q";

function parsed<Name extends Command["name"]>(name: Name, args: string) {
  const command = parseCommand(args.split(" "));
  assert.equal(command.name, name);
  return command as Extract<Command, { name: Name }>;
}

function fails(args: string, text: RegExp): void {
  assert.throws(() => parseCommand(args.split(" ")), (error: unknown) => {
    assert.ok(error instanceof SftpxError && error.code === "usage", `${args}: ${error}`);
    assert.match(error.message, text, args);
    return true;
  }, args);
}

function actionOf(args: string): TicketCommand["action"] | KeysCommand["action"] {
  return args.startsWith("ticket") ? parsed("ticket", args).action : parsed("keys", args).action;
}

Deno.test("ls takes one remote place and says how much of it", () => {
  const command = parsed("ls", "ls -lr @/photos --exclude *.tmp");
  assert.deepEqual(command.target, { kind: "environment", path: "photos" });
  assert.deepEqual([command.long, command.recursive], [true, true]);
  assert.deepEqual(command.filters, [{ kind: "rule", include: false, pattern: "*.tmp" }]);
  const plain = parsed("ls", "ls sftpx://h");
  assert.deepEqual([plain.long, plain.recursive, plain.filters], [false, false, []]);
  fails("ls", /Cannot run "ls": URL is missing/);
  fails("ls @ @", /one argument too many/);
  fails("ls photos", /Cannot list "photos": URL is not remote/);
  fails("ls @ --delete", /Cannot use "--delete" with "ls"/);
});

Deno.test("status takes a directory, the current one by default", () => {
  assert.equal(parsed("status", "status").root, ".");
  assert.equal(parsed("status", "status in").root, "in");
  fails("status a b", /too many/);
});

Deno.test("ticket makes one unless told otherwise", () => {
  const plain = {
    kind: "create",
    root: ".",
    path: "",
    access: "both",
    bounds: {},
    uses: null,
    expires: { kind: "after", ms: 86_400_000 },
    advertise: [],
  };
  assert.deepEqual(actionOf("ticket"), plain);
  assert.deepEqual(actionOf("ticket create"), plain);
  assert.deepEqual(actionOf("ticket srv"), { ...plain, root: "srv" });
  assert.deepEqual(actionOf("ticket create list"), { ...plain, root: "list" });
  assert.deepEqual(
    actionOf(
      "ticket srv --path /a/b/ --uses 3 --expires 90m --access append-only --advertise h " +
        "--quota 10GB --max-file 1MiB",
    ),
    {
      kind: "create",
      root: "srv",
      path: "a/b",
      access: "append-only",
      bounds: { quotaBytes: 10e9, maxFileBytes: 2 ** 20 },
      uses: 3,
      expires: { kind: "after", ms: 5_400_000 },
      advertise: [{ hostname: "h", port: 0 }],
    },
  );
});

Deno.test("ticket lists and revokes", () => {
  assert.deepEqual(actionOf("ticket list"), { kind: "list", root: null });
  assert.deepEqual(actionOf("ticket list srv"), { kind: "list", root: "srv" });
  assert.deepEqual(actionOf("ticket prune"), { kind: "prune", root: null });
  assert.deepEqual(actionOf("ticket prune srv"), { kind: "prune", root: "srv" });
  assert.deepEqual(actionOf("ticket revoke AB12"), { kind: "revoke", id: "ab12" });
});

Deno.test("ticket refuses what it cannot do", () => {
  fails("ticket lst srv", /Cannot run "ticket lst": .*did you mean "list"/);
  fails("ticket create a b", /Cannot use "b" with "ticket create"/);
  fails("ticket list a b", /too many/);
  fails("ticket revoke", /Cannot run "ticket revoke": ID is missing/);
  fails("ticket revoke a b", /too many/);
  fails("ticket revoke ../x", /it is no ID/);
  fails("ticket list --uses 3", /Cannot use "--uses" with "ticket list"/);
  fails("ticket prune --uses 3", /Cannot use "--uses" with "ticket prune"/);
  fails("ticket list --quota 1GB", /Cannot use "--quota" with "ticket list"/);
  fails("ticket --quota 3", /no unit/);
  fails("ticket revoke ab12 --path x", /Cannot use "--path" with "ticket revoke"/);
  fails("ticket --path ../x", /"--path \.\.\/x": its path cannot be used/);
  fails("ticket --path a/.sftpx", /"--path a\/\.sftpx"/);
  fails("ticket --uses 0", /must be from 1 to/);
  fails("ticket --expires 1000d", /must be from/);
  fails("ticket --expires 3", /no unit/);
  fails("ticket --expires 2031-02-30", /no date/);
  fails("send a @ --uses 3", /Cannot use "--uses" with "send"/);
});

const UNBOUND = { path: "", bounds: {}, from: null, expires: null } as const;

Deno.test("keys reads each of its actions", () => {
  assert.deepEqual(actionOf("keys"), { kind: "list" });
  assert.deepEqual(actionOf("keys list"), { kind: "list" });
  assert.deepEqual(actionOf(`keys authorize ${IDENTITY.toUpperCase()} ci runner --access write`), {
    kind: "authorize",
    identity: IDENTITY,
    access: "write",
    ...UNBOUND,
    comment: "ci runner",
  });
  assert.deepEqual(actionOf(`keys authorize ${IDENTITY}`), {
    kind: "authorize",
    identity: IDENTITY,
    access: "both",
    ...UNBOUND,
    comment: "",
  });
  const bound = `keys authorize ${IDENTITY} --access read --path a/b --quota 1MB --max-file 1KB`;
  assert.deepEqual(actionOf(`${bound} --from 192.0.2.0/24 --from ::1 --expires 2031-12-31`), {
    kind: "authorize",
    identity: IDENTITY,
    access: "read",
    path: "a/b",
    bounds: { quotaBytes: 1e6, maxFileBytes: 1e3 },
    from: ["192.0.2.0/24", "::1"],
    expires: { kind: "at", ms: Date.UTC(2032, 0, 1) },
    comment: "",
  });
  assert.deepEqual(actionOf(`keys revoke ${IDENTITY}`), { kind: "revoke", identity: IDENTITY });
  assert.deepEqual(actionOf(`keys trust h:7 ${IDENTITY}`), {
    kind: "trust",
    host: { hostname: "h", port: 7 },
    identity: IDENTITY,
  });
  assert.deepEqual(actionOf("keys forget [::1]"), {
    kind: "forget",
    host: { hostname: "::1", port: 4443 },
  });
  const command = parsed("keys", "keys --identity i --known-hosts k --authorized-keys a");
  assert.deepEqual(
    [command.identityPath, command.knownHostsPath, command.authorizedKeysPath],
    ["i", "k", "a"],
  );
});

Deno.test("keys refuses what it cannot do", () => {
  fails("keys autorize x", /Cannot run "keys autorize": .*did you mean "authorize"/);
  fails("keys list x", /too many/);
  fails("keys authorize", /Cannot run "keys authorize": IDENTITY is missing/);
  fails("keys authorize x", /not 52 base32/);
  fails("keys revoke", /IDENTITY is missing/);
  fails("keys trust h", /IDENTITY is missing/);
  fails("keys trust", /HOST\[:PORT\] and IDENTITY are missing/);
  fails(`keys trust h:0 ${IDENTITY}`, /port 0/);
  fails(`keys trust h ${IDENTITY} x`, /too many/);
  fails("keys forget", /HOST\[:PORT\] is missing/);
  fails("keys list --access read", /Cannot use "--access" with "keys list"/);
  assert.throws(() => parseCommand(["keys", "authorize", IDENTITY, "a\nb"]), /one short line/);
  assert.throws(() => parseCommand(["keys", "revoke", ""]), /IDENTITY is empty/);
});

Deno.test("bench measures this machine, or what it is told to", () => {
  const of = (args: string): readonly [BenchCommand["benches"], BenchCommand["target"]] => {
    const { benches, target } = parsed("bench", args);
    return [benches, target];
  };
  assert.deepEqual(of("bench"), [["pipe", "hash", "zstd", "disk"], null]);
  assert.deepEqual(of("bench zstd pipe zstd"), [["zstd", "pipe"], null]);
  assert.deepEqual(of("bench @/x"), [[], { kind: "environment", path: "x" }]);
  assert.deepEqual(of("bench @ disk"), [["disk"], { kind: "environment", path: "" }]);
  const command = parsed("bench", "bench --bytes 64MiB --directory d");
  assert.deepEqual([command.bytes, command.directory], [2 ** 26, "d"]);
  assert.equal(parsed("bench", "bench").bytes, 2 ** 28);
  assert.equal(parsed("bench", "bench").directory, null);
  fails("bench dsik", /Cannot bench "dsik": it is none of .* did you mean "disk"/);
  fails("bench @ @/x", /one URL is the most/);
  fails("bench --bytes 1KiB", /must be from 1 MiB/);
});

Deno.test("completions takes one shell", () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    assert.equal(parsed("completions", `completions ${shell}`).shell, shell);
  }
  fails("completions", /bash, zsh or fish is missing/);
  fails("completions bsh", /did you mean "bash"/);
  fails("completions bash zsh", /too many/);
  fails("man x", /too many/);
});

Deno.test("serve takes the flags of a service", () => {
  const command = parsed("serve", "serve --log-format json --ready-file r --access write-once");
  assert.deepEqual(
    [command.logFormat, command.readyFile, command.access],
    ["json", "r", "write-once"],
  );
  const plain = parsed("serve", "recv");
  assert.deepEqual([plain.logFormat, plain.readyFile, plain.access], ["text", null, "write"]);
  fails("serve --log-format xml", /one of text, json/);
});

Deno.test("send and get read what travels, in the order it was written", () => {
  const { copy } = parsed(
    "send",
    "send d @ --exclude a --include-from f --include b --exclude-from - -n --delete --fail-if-unchanged",
  );
  assert.deepEqual(copy, {
    filters: [
      { kind: "rule", include: false, pattern: "a" },
      { kind: "file", include: true, path: "f" },
      { kind: "rule", include: true, pattern: "b" },
      { kind: "file", include: false, path: "-" },
    ],
    filesFrom: null,
    dryRun: true,
    delete: true,
    deleteByDefault: false,
    failIfUnchanged: true,
  });
  fails("send d @ --exclude [a", /Cannot use "--exclude \[a": /);
  fails("get @ d --include /", /Cannot use "--include \/": /);
});

Deno.test("--files-from takes one source", () => {
  const send = parsed("send", "send d @ --files-from f");
  assert.deepEqual([send.copy.filesFrom, send.sources], ["f", ["d"]]);
  assert.deepEqual(parsed("send", "send d/ @ --files-from f").sources, ["d/"]);
  const sourceOf = (text: string) =>
    parsed("get", `get ${text} d --files-from -`).sources.map(({ path }) => path);
  assert.deepEqual(sourceOf("@/x"), ["x"]);
  assert.deepEqual(sourceOf("@"), [""]);
  fails("send a b @ --files-from f", /it takes one SRC, and there are 2/);
});

Deno.test("--files-from and --delete do not go together, nor does stdin twice", () => {
  fails("send d @ --files-from f --delete", /Cannot use "--delete" with "--files-from"/);
  fails("send d @ --files-from - --exclude-from -", /Cannot use "-" twice/);
  fails("send d @ --include-from - --exclude-from -", /Cannot use "-" twice/);
  assert.equal(parsed("send", "send d @ --exclude - --files-from -").copy.filters.length, 1);
});

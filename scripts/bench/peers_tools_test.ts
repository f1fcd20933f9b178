import assert from "node:assert/strict";
import { planCells } from "./peers_plan.ts";
import { hasListener } from "./peers_scene.ts";
import { choiceOf } from "./peers_sftpx.ts";
import {
  absence,
  arrivedAt,
  commandOf,
  type Errand,
  hasFsync,
  hasZstd,
  type Installed,
  isPeer,
  quoted,
  versionOf,
} from "./peers_tools.ts";

const FILE: Errand = {
  source: "/work/random-1",
  isTree: false,
  target: "/work/served/run-0",
  host: "10.77.0.2",
  sshPort: 2222,
  rsyncPort: 8730,
  userKey: "/work/ssh/user",
  user: "me",
};
const TREE: Errand = { ...FILE, source: "/work/small-9", isTree: true };

Deno.test("every peer of the plan has a command line, and none reads the user's own files", () => {
  for (const { tool } of planCells()) {
    if (!isPeer(tool)) continue;
    for (const errand of [FILE, TREE]) {
      const words = commandOf(tool, errand).join(" ");
      if (tool === "rsyncd") {
        assert.match(words, /rsync:\/\/10\.77\.0\.2:8730\/served\/run-0\/copy$/);
      } else assert.match(words, /\/dev\/null/, tool);
      assert.match(words, /10\.77\.0\.2/, tool);
    }
  }
});

Deno.test("a tree's content arrives under the name of the copy, a file as it", () => {
  assert.equal(commandOf("rsync", TREE).at(-2), "/work/small-9/");
  assert.equal(commandOf("rsync", FILE).at(-2), "/work/random-1");
  assert.ok(commandOf("scp", TREE).includes("-r"));
  assert.ok(!commandOf("scp", FILE).includes("-r"));
  assert.equal(arrivedAt("scp", FILE), "/work/served/run-0/copy");
  assert.equal(arrivedAt("tar", FILE), "/work/served/run-0/random-1");
  assert.equal(arrivedAt("tar", TREE), "/work/served/run-0/copy");
});

Deno.test("a variant of a tool differs by its flag", () => {
  assert.ok(commandOf("scp aes128-gcm", FILE).includes("aes128-gcm@openssh.com"));
  assert.ok(commandOf("scp -C", FILE).includes("-C"));
  assert.ok(commandOf("rsync --fsync", TREE).includes("--fsync"));
  assert.ok(commandOf("rsync -z", FILE).includes("-z"));
  assert.ok(commandOf("rsync --zc=zstd", FILE).includes("--zc=zstd"));
});

Deno.test("words for a shell are quoted where they need it", () => {
  assert.equal(quoted("/tmp/a-b_c.d"), "/tmp/a-b_c.d");
  assert.equal(quoted("a b"), "'a b'");
  assert.equal(quoted("it's"), `'it'\\''s'`);
  assert.equal(quoted(""), "''");
});

Deno.test("a tool's version is the number in what it says of itself", () => {
  assert.equal(versionOf("rsync  version 3.5.0  protocol version 32"), "3.5.0");
  assert.equal(versionOf("OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.19 27 Jan 2026"), "9.2p1");
  assert.equal(versionOf("rclone v1.60.1-DEV\n- os/version: debian 12.11"), "1.60.1");
  assert.equal(versionOf("no number"), "unknown");
});

Deno.test("rsync has --fsync from 3.2.4 on, and zstd where it lists it", () => {
  assert.ok(!hasFsync("rsync  version 3.2.3  protocol version 31"));
  assert.ok(hasFsync("rsync  version 3.2.4  protocol version 31"));
  assert.ok(hasFsync("rsync  version 3.5.0  protocol version 32"));
  assert.ok(hasZstd("Compress list:\n    zstd lz4 zlibx zlib none\n"));
  assert.ok(!hasZstd("Compress list:\n    zlibx zlib none\nzstd elsewhere"));
});

Deno.test("a tool that is not installed is left out by its name", () => {
  const bare: Installed = { versions: new Map(), hasFsync: false, hasZstd: false };
  assert.equal(absence("sftpx", bare), null);
  assert.equal(absence("raw TLS", bare), null);
  assert.equal(absence("rclone", bare), "rclone is not installed");
  assert.equal(absence("rsyncd", bare), "rsync is not installed");
  const versions = new Map([["rsync", "3.1.3"], ["ssh", "9.2"]]);
  assert.equal(absence("rsync", { ...bare, versions }), "sshd is not installed");
  versions.set("sshd", "9.2");
  assert.equal(absence("rsync", { ...bare, versions }), null);
  assert.equal(absence("rsync --fsync", { ...bare, versions }), "this rsync has no --fsync");
  assert.equal(absence("rsync --zc=zstd", { ...bare, versions }), "this rsync has no zstd");
});

Deno.test("a socket counts as listening by its port and state", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue",
    "   0: 0100007F:08AE 00000000:0000 0A 00000000:00000000 00:00000000",
    "   1: 0100007F:08AF 0100007F:1F90 01 00000000:00000000 00:00000000",
  ].join("\n");
  assert.ok(hasListener(table, 0x8ae));
  assert.ok(!hasListener(table, 0x8af));
  assert.ok(!hasListener(table, 0x1f90));
});

Deno.test("what a summary tells of its choices is shown, what it does not is left out", () => {
  assert.equal(choiceOf({ transport: "tls" }), "tls");
  assert.equal(
    choiceOf({ transport: "deno-quic", connections: 1, lanes: 8, congestion: "bbr" }),
    "deno-quic, 1 connection, 8 lanes, bbr",
  );
  assert.equal(choiceOf({ connections: null }), "");
});

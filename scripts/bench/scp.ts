// scp as a yardstick: an sshd of our own on a free port, with keys of its own, for one benchmark.

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const SSHD = "/usr/sbin/sshd";
const CIPHERS = { "scp": null, "scp aes128-gcm": "aes128-gcm@openssh.com" } as const;

/** A running sshd and how to copy through it. */
export interface Scp extends AsyncDisposable {
  /** Copies a file with each cipher; answers name and seconds. */
  copy(file: string, to: string): Promise<[name: string, seconds: number][]>;
}

/** Starts sshd in `work`; null where it is not installed. */
export async function startScp(work: string): Promise<Scp | null> {
  if (!existsSync(SSHD)) return null;
  const directory = join(work, "ssh");
  mkdirSync(directory, { mode: 0o700 });
  mkdirSync("/run/sshd", { recursive: true }); // its privilege separation wants it
  const [hostKey, userKey] = [join(directory, "host"), join(directory, "user")];
  for (const key of [hostKey, userKey]) {
    await succeed("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  }
  const port = await freePort();
  const config = join(directory, "sshd_config");
  writeFileSync(
    config,
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${userKey}.pub`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin yes",
      "PasswordAuthentication no",
      "PidFile none",
      "Subsystem sftp internal-sftp",
    ].join("\n"),
  );
  const sshd = new Deno.Command(SSHD, {
    args: ["-D", "-e", "-f", config],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  await listening(sshd.stderr);
  const common = ["-q", "-P", String(port), "-i", userKey];
  const trust = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
  return {
    async copy(file, to) {
      const out: [string, number][] = [];
      for (const [name, cipher] of Object.entries(CIPHERS)) {
        const choice = cipher === null ? [] : ["-c", cipher];
        const startMs = performance.now();
        await succeed("scp", [...common, ...trust, ...choice, file, `127.0.0.1:${to}`]);
        out.push([name, (performance.now() - startMs) / 1000]);
        rmSync(to);
      }
      return out;
    },
    async [Symbol.asyncDispose]() {
      sshd.kill();
      await sshd.status;
    },
  };
}

/** Waits until sshd says that it listens, then lets the rest of its words go. */
async function listening(stderr: ReadableStream<Uint8Array>): Promise<void> {
  let text = "";
  const reader = stderr.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes("Server listening")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Cannot start sshd: ${text}`);
    text += value;
  }
  reader.releaseLock();
}

async function succeed(command: string, args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  if (code === 0) return;
  throw new Error(`Cannot run ${command}: ${new TextDecoder().decode(stderr)}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address!.port : 0));
    });
  });
}

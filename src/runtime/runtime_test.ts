import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  cores,
  env,
  hasFfi,
  mayRead,
  mayReadPackage,
  runtimeVersion,
  selfCommand,
} from "./runtime.ts";

Deno.test("cores() counts at least one", () => {
  assert.ok(Number.isInteger(cores()) && cores() >= 1);
});

Deno.test("runtimeVersion() names the runtime", () => {
  assert.equal(runtimeVersion(), `deno ${Deno.version.deno}`);
});

Deno.test("env() reads a variable that is set and answers undefined for one that is not", () => {
  process.env.SFTPX_RUNTIME_TEST = "on";
  try {
    assert.equal(env("SFTPX_RUNTIME_TEST"), "on");
  } finally {
    delete process.env.SFTPX_RUNTIME_TEST;
  }
  assert.equal(env("SFTPX_RUNTIME_TEST"), undefined);
});

Deno.test("without permission every question is answered no, and nothing throws", () => {
  const url = new URL("./runtime.ts", import.meta.url).href;
  const script = `import {env, hasFfi, mayRead, mayReadPackage} from ${JSON.stringify(url)};
    console.log(JSON.stringify([env("HOME") ?? null, hasFfi(), mayRead("/"),
      mayReadPackage(() => ${JSON.stringify(url)})]));`;
  assert.equal(runBare(script), "[null,false,false,false]");
});

Deno.test("with permission the same questions are answered yes", () => {
  assert.equal(hasFfi(), true);
  assert.equal(mayRead(fileURLToPath(import.meta.url)), true);
  assert.equal(mayReadPackage(() => import.meta.url), true);
  assert.equal(mayReadPackage(() => "node:zlib"), false);
});

Deno.test("a package whose specifier does not resolve may not be read, and nothing throws", () => {
  assert.equal(mayReadPackage(() => import.meta.resolve("no-such-package")), false);
});

Deno.test("selfCommand() starts the entry module again, and a binary without one", () => {
  const [program, ...args] = selfCommand(import.meta.url);
  assert.equal(program, process.execPath);
  assert.equal(args.at(-1), fileURLToPath(import.meta.url));
  for (const inside of ["file:///$bunfs/root/sftpx", "file:///B:/~BUN/root/sftpx.exe"]) {
    assert.deepEqual(selfCommand(inside), [process.execPath], inside);
  }
});

Deno.test("spawnWorker() names the flag where the script may not be read, and starts nothing", () => {
  const url = new URL("./runtime.ts", import.meta.url).href;
  const script = `import {spawnWorker} from ${JSON.stringify(url)};
    try {
      spawnWorker(new URL("file:///worker.ts"), { name: "w" });
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  assert.match(runBare(script), /^permission Cannot start the worker .*--allow-read=\/$/);
});

Deno.test("a worker that is given the network has that, and no files", () => {
  const url = new URL("./runtime.ts", import.meta.url).href;
  const script = `import {spawnWorker} from ${JSON.stringify(url)};
    const access = { read: [], write: [], net: true };
    const worker = spawnWorker(new URL("./asking.ts", import.meta.url), { name: "w", access });
    worker.onmessage = ({ data }) => {
      console.log(JSON.stringify(data));
      worker.terminate();
    };`;
  const asking = `const asked = (what) => Deno.permissions.querySync(what).state === "granted";
    postMessage([
      asked({ name: "net" }), asked({ name: "read", path: "/etc/passwd" }),
      asked({ name: "write", path: "/tmp/x" }), asked({ name: "run" }),
    ]);`;
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const files = { "asking.ts": asking };
  const all = ["--allow-read", "--allow-write", "--allow-run", "--config", config];
  const held = (more: readonly string[]) => runWith(script, { flags: [...all, ...more], files });
  assert.equal(held(["--allow-net"]), "[true,false,false,false]");
  // It gets nothing that its process does not have.
  assert.equal(held([]), "[false,false,false,false]");
});

Deno.test("a worker that is held to its files has no network, programs, variables or addons", () => {
  const url = new URL("./runtime.ts", import.meta.url).href;
  const script = `import {narrowsWorkers, spawnWorker} from ${JSON.stringify(url)};
    const access = { read: ["/tmp"], write: [], env: ["HOME"] };
    const worker = spawnWorker(new URL("./asking.ts", import.meta.url), { name: "w", access });
    worker.onmessage = ({ data }) => {
      console.log(JSON.stringify([narrowsWorkers(), ...data]));
      worker.terminate();
    };`;
  const asking = `const asked = (what) => Deno.permissions.querySync(what).state === "granted";
    postMessage([
      asked({ name: "read", path: "/tmp/x" }), asked({ name: "env", variable: "HOME" }),
      asked({ name: "read", path: "/etc/passwd" }), asked({ name: "write", path: "/tmp/x" }),
      asked({ name: "net" }), asked({ name: "run" }), asked({ name: "ffi" }),
      asked({ name: "env", variable: "PATH" }),
    ]);`;
  const all = ["--allow-read", "--allow-write", "--allow-net", "--allow-env", "--allow-run"];
  const files = { "asking.ts": asking };
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const held = runWith(script, { flags: [...all, "--config", config], files });
  assert.equal(held, "[true,true,true,false,false,false,false,false,false]");
  // Another configuration has not switched it on: the worker has what its process has.
  const other = runWith(script, { flags: [...all, "--no-config", "--unstable-net"], files });
  assert.equal(other, "[false,true,true,true,true,true,true,false,true]");
});

Deno.test("a worker is given nothing that its process does not have", () => {
  const url = new URL("./runtime.ts", import.meta.url).href;
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const script = `import {spawnWorker} from ${JSON.stringify(url)};
    const access = { read: ["/tmp", "/etc"], write: ["/etc"] };
    const worker = spawnWorker(new URL("./asking.ts", import.meta.url), { name: "w", access });
    worker.onmessage = ({ data }) => {
      console.log(JSON.stringify(data));
      worker.terminate();
    };`;
  const asking = `const asked = (what) => Deno.permissions.querySync(what).state === "granted";
    postMessage([asked({ name: "read", path: "/etc/passwd" }), asked({ name: "write", path: "/etc" })]);`;
  const checkout = fileURLToPath(new URL("../..", import.meta.url));
  const flags = ["--config", config, `--allow-read=${checkout},${tmpdir()}`];
  assert.equal(runWith(script, { flags, files: { "asking.ts": asking } }), "[false,false]");
});

// Runs a script in a process of its own, with no permission and no terminal.
function runBare(script: string): string {
  return runWith(script, { flags: ["--no-config"], files: {} });
}

// With these of Deno's flags, and files beside it.
function runWith(
  script: string,
  { flags, files }: {
    readonly flags: readonly string[];
    readonly files: Readonly<Record<string, string>>;
  },
): string {
  const directory = Deno.makeTempDirSync();
  try {
    const path = join(directory, "bare.ts");
    Deno.writeTextFileSync(path, script);
    for (const [name, text] of Object.entries(files)) {
      Deno.writeTextFileSync(join(directory, name), text);
    }
    const output = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--no-prompt", ...flags, path],
      stdin: "null",
    }).outputSync();
    const text = new TextDecoder();
    assert.equal(output.code, 0, text.decode(output.stderr));
    return text.decode(output.stdout).trim();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

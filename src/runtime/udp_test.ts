// One suite for both kinds of UDP sockets, in Deno and, by a child process, in Bun.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import type { UdpOptions, UdpPath, UdpSocket } from "./udp.ts";
import { openDgram } from "./udp_dgram.ts";
import { openKernelUdp } from "./udp_kernel.ts";

type Kind = UdpSocket["kind"];

interface Came {
  readonly bytes: Uint8Array;
  readonly path: UdpPath;
}

/** A socket that keeps what came to it. */
class End implements AsyncDisposable {
  readonly came: Came[] = [];
  #socket: UdpSocket | null = null;
  #wake = () => {};
  /** What is done when the socket is ready; tests put their own here. */
  onReady = () => this.takeAll();

  static async open(kind: Kind, options: Partial<UdpOptions> = {}): Promise<End> {
    const end = new End();
    const open = kind === "kernel" ? openKernelUdp : openDgram;
    const onReady = () => {
      end.onReady();
      end.#wake();
    };
    end.#socket = await open({ hostname: "127.0.0.1", port: 0, ...options, onReady });
    assert.ok(end.#socket !== null);
    return end;
  }

  get socket(): UdpSocket {
    assert.ok(this.#socket !== null);
    return this.#socket;
  }

  takeAll(): void {
    this.socket.receive((bytes, path) => this.came.push({ bytes: bytes.slice(), path }), 10_000);
  }

  /** Waits for so many packets, and takes them out. */
  async packets(count: number): Promise<readonly Came[]> {
    await this.until(() => this.came.length >= count);
    return this.came.splice(0, count);
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** Lays numbered packets and sends them. */
  send(
    sizes: { readonly totalBytes: number; readonly packetBytes: number },
    path: UdpPath,
  ): boolean {
    const { totalBytes, packetBytes } = sizes;
    for (let at = 0, i = 0; at < totalBytes; at += packetBytes, i++) {
      this.socket.outgoing.fill(i, at, Math.min(totalBytes, at + packetBytes));
    }
    return this.socket.send(totalBytes, packetBytes, path);
  }

  to(other: End, host = "127.0.0.1"): UdpPath {
    return this.socket.pathTo({ host, port: other.socket.local.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket?.close();
  }
}

const lengths = (came: readonly Came[]) => came.map(({ bytes }) => bytes.length);

/** What every kind does; also run by Bun. */
export const udpCases: Readonly<Record<string, (kind: Kind) => Promise<void>>> = {
  "carries a batch packet by packet, the last one shorter": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    a.send({ totalBytes: 20 * 1350 + 7, packetBytes: 1350 }, a.to(b));
    a.socket.outgoing.fill(255);
    const came = await b.packets(21);
    assert.deepEqual(lengths(came), [...new Array(20).fill(1350), 7]);
    came.forEach(({ bytes }, i) => assert.ok(bytes.every((byte) => byte === i), `packet ${i}`));
  },
  "carries packets of many sizes, one batch behind the other": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    const path = a.to(b);
    const sizes = [1, 1200, 16_000, 40, 40, 1350, 65_507, 8];
    for (const size of sizes) {
      assert.ok(a.send({ totalBytes: size, packetBytes: size }, path));
    }
    assert.deepEqual(lengths(await b.packets(sizes.length)), sizes);
  },
  "divides a batch that came where a single packet lay before": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    const path = a.to(b);
    for (let round = 0; round < 3; round++) {
      a.send({ totalBytes: 9, packetBytes: 9 }, path);
      assert.deepEqual(lengths(await b.packets(1)), [9]);
      a.send({ totalBytes: 2000, packetBytes: 500 }, path);
      assert.deepEqual(lengths(await b.packets(4)), [500, 500, 500, 500]);
    }
  },
  "lets out what was sent before it is closed": async (kind) => {
    await using b = await End.open(kind);
    const a = await End.open(kind);
    a.send({ totalBytes: 3000, packetBytes: 100 }, a.to(b));
    await a.socket.close();
    assert.equal((await b.packets(30)).length, 30);
  },
  "carries more packets in a batch than the kernel divides at a time": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    a.send({ totalBytes: 200 * 100, packetBytes: 100 }, a.to(b));
    const came = await b.packets(200);
    came.forEach(({ bytes }, i) => assert.deepEqual([bytes.length, bytes[0]], [100, i]));
  },
  "shows the same path object for the same two ends": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    await using c = await End.open(kind);
    for (let i = 0; i < 3; i++) {
      a.send({ totalBytes: 10, packetBytes: 10 }, a.to(b));
      c.send({ totalBytes: 20, packetBytes: 20 }, c.to(b));
    }
    const came = await b.packets(6);
    const paths = (size: number) => came.filter(({ bytes }) => bytes.length === size);
    assert.equal(new Set(paths(10).map(({ path }) => path)).size, 1);
    assert.equal(new Set(came.map(({ path }) => path)).size, 2);
    const [first] = paths(10);
    assert.ok(first !== undefined);
    assert.deepEqual({ ...first.path.remote }, a.socket.local);
    b.send({ totalBytes: 5, packetBytes: 5 }, first.path);
    assert.equal((await a.packets(1))[0]?.path, a.to(b));
  },
  "takes both families where it was bound to every address, and answers them": async (kind) => {
    await using server = await End.open(kind, { hostname: "::" });
    for (const host of ["127.0.0.1", "::1"]) {
      await using client = await End.open(kind, { hostname: host });
      client.send({ totalBytes: 9, packetBytes: 9 }, client.to(server, host));
      const [came] = await server.packets(1);
      assert.equal(came?.path.remote.host, host);
      assert.equal(came.path.remote.port, client.socket.local.port);
      server.send({ totalBytes: 300, packetBytes: 100 }, came.path);
      const answers = await client.packets(3);
      assert.deepEqual(lengths(answers), [100, 100, 100]);
      assert.equal(answers[0]?.path, client.to(server, host));
    }
  },
  "reaches an IPv4 place from a socket of every address": async (kind) => {
    await using client = await End.open(kind, { hostname: "::" });
    await using server = await End.open(kind);
    client.send({ totalBytes: 2700, packetBytes: 1350 }, client.to(server));
    assert.deepEqual(lengths(await server.packets(2)), [1350, 1350]);
  },
  "hands over about as many as asked, and comes again for the rest": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    let turns = 0;
    b.onReady = () => {
      const taken = b.socket.receive(
        (bytes, path) => b.came.push({ bytes: bytes.slice(), path }),
        5,
      );
      assert.ok(taken <= 5);
      turns++;
    };
    a.send({ totalBytes: 3000, packetBytes: 100 }, a.to(b));
    await b.until(() => b.came.length === 30);
    assert.ok(turns >= 6);
  },
  "lets out what taking a packet throws, and goes on with the next": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    let thrown = 0;
    b.onReady = () => {
      assert.throws(() =>
        b.socket.receive((bytes) => {
          if (bytes[0] === 0) throw new Error("no");
        }, 10), /no/);
      thrown++;
      b.onReady = () => b.takeAll();
    };
    a.send({ totalBytes: 30, packetBytes: 10 }, a.to(b));
    const came = await b.packets(2);
    assert.deepEqual([thrown, ...came.map(({ bytes }) => bytes[0])], [1, 1, 2]);
  },
  "hands a packet over once, also the only one, whose taking throws": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    let thrown = 0;
    b.onReady = () => {
      const fail = () => {
        thrown++;
        throw new Error("no");
      };
      assert.throws(() => b.socket.receive(fail, 10), /no/);
      b.onReady = () => b.takeAll();
    };
    a.send({ totalBytes: 10, packetBytes: 10 }, a.to(b));
    await b.until(() => thrown === 1);
    a.send({ totalBytes: 20, packetBytes: 20 }, a.to(b));
    assert.deepEqual(lengths(await b.packets(1)), [20]);
  },
  "loses what cannot go anywhere, and sends on": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    const closed = await End.open(kind);
    const gone = a.to(closed);
    await closed.socket.close();
    for (const path of [gone, a.socket.pathTo({ host: "255.255.255.255", port: 9 })]) {
      assert.ok(a.send({ totalBytes: 2700, packetBytes: 1350 }, path));
    }
    a.send({ totalBytes: 10, packetBytes: 10 }, a.to(b));
    assert.deepEqual(lengths(await b.packets(1)), [10]);
  },
  "tells the system's code where it cannot be bound": async (kind) => {
    await using a = await End.open(kind);
    const { port } = a.socket.local;
    await assert.rejects(End.open(kind, { port }), { code: "EADDRINUSE" });
    await assert.rejects(End.open(kind, { hostname: "192.0.2.1" }), { code: "EADDRNOTAVAIL" });
  },
  "closes while it waits, at once after it was opened, and twice": async (kind) => {
    const a = await End.open(kind);
    await Promise.all([a.socket.close(), a.socket.close()]);
    const b = await End.open(kind);
    const c = await End.open(kind);
    const path = c.to(b);
    c.send({ totalBytes: 10, packetBytes: 10 }, path);
    await b.packets(1);
    await b.socket.close();
    assert.equal(b.socket.receive(() => assert.fail(), 1), 0);
    await c.socket.close();
    assert.ok(c.socket.send(10, 10, path));
  },
  "closes from within taking a packet": async (kind) => {
    await using a = await End.open(kind);
    const b = await End.open(kind);
    let taken = 0;
    let closing: Promise<void> | null = null;
    b.onReady = () => {
      const answered = b.socket.receive(() => {
        taken++;
        closing ??= b.socket.close();
      }, 10);
      assert.equal(answered, taken);
    };
    a.send({ totalBytes: 30, packetBytes: 10 }, a.to(b));
    await b.until(() => closing !== null);
    await closing;
    assert.equal(taken, 1);
  },
  "keeps what it was given while memory is made and dropped": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    const path = a.to(b);
    for (let round = 0; round < 60; round++) {
      const garbage = Array.from({ length: 300 }, (_, i) => new Uint8Array(i * 17).fill(round));
      assert.ok(a.send({ totalBytes: 20 * 700, packetBytes: 700 }, path));
      const came = await b.packets(20);
      came.forEach(({ bytes }, i) => {
        assert.ok(bytes.length === 700 && bytes.every((byte) => byte === i));
      });
      assert.equal(garbage.length, 300);
    }
  },
};

/** Of the kernel's sockets alone. */
export const kernelCases: typeof udpCases = {
  "answers from the address it was asked at": async (kind) => {
    for (const hostname of ["0.0.0.0", "::"]) {
      await using server = await End.open(kind, { hostname });
      await using client = await End.open(kind);
      client.send({ totalBytes: 9, packetBytes: 9 }, client.to(server, "127.0.0.2"));
      const [came] = await server.packets(1);
      assert.equal(came?.path.local.host, "127.0.0.2");
      server.send({ totalBytes: 250, packetBytes: 100 }, came.path);
      const answers = await client.packets(3);
      for (const { path } of answers) assert.equal(path, client.to(server, "127.0.0.2"));
    }
  },
  "sends packet by packet where they are not divided": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    const path = a.to(b);
    (path as unknown as { isDivided: boolean }).isDivided = false;
    a.send({ totalBytes: 200 * 100 + 3, packetBytes: 100 }, path);
    const came = await b.packets(201);
    came.forEach(({ bytes }, i) => assert.equal(bytes[0], i));
    assert.equal(came.at(-1)?.bytes.length, 3);
  },
  "goes on dividing on a way that was closed for a while": async (kind) => {
    await using a = await End.open(kind);
    // Nobody may send there: EACCES.
    const path = a.socket.pathTo({ host: "255.255.255.255", port: 9 });
    assert.ok(a.send({ totalBytes: 2700, packetBytes: 1350 }, path));
    assert.ok((path as unknown as { isDivided: boolean }).isDivided);
  },
  "names an interface that is not there": async (kind) => {
    await using a = await End.open(kind, { hostname: "::" });
    const remote = { host: "fe80::1%sftpx-none", port: 9 };
    assert.throws(() => a.socket.pathTo(remote), { code: "ENODEV" });
  },
};

/** Of `node:dgram`'s alone: what a kernel's buffer would do otherwise. */
export const dgramCases: typeof udpCases = {
  "is full when much is on its way, and tells when it takes more": async (kind) => {
    await using a = await End.open(kind);
    await using b = await End.open(kind);
    const path = a.to(b);
    const sizes = { totalBytes: 64_000, packetBytes: 16_000 };
    let sent = 0;
    while (a.send(sizes, path)) assert.ok(++sent < 1000);
    assert.ok(sent > 0);
    let wasReady = false;
    a.onReady = () => wasReady = true;
    await a.until(() => wasReady);
    assert.ok(a.send(sizes, path));
  },
};

const KINDS: readonly Kind[] = ["kernel", "dgram"];
const hasKernel = process.platform === "linux";

for (const kind of KINDS) {
  const own = kind === "kernel" ? kernelCases : dgramCases;
  for (const [name, run] of Object.entries({ ...udpCases, ...own })) {
    if (typeof Deno === "undefined") continue;
    Deno.test({
      name: `a UDP socket (${kind}) ${name}`,
      ignore: kind === "kernel" && !hasKernel,
      fn: () => run(kind),
    });
  }
}

/** Fills a small send buffer with packets for a neighbour that never answers, until it was given up. */
const FULL_CODE = `
  const { openKernelUdp } = await import(MODULE);
  let isFull = false;
  const onReady = () => {
    if (!isFull) return;
    console.log(socket.send(20_000, 1000, path) ? "took more" : "still full");
    socket.close();
  };
  const options = { hostname: "0.0.0.0", port: 0, sendBufferBytes: 40_000, onReady };
  const socket = await openKernelUdp(options);
  const path = socket.pathTo({ host: "10.9.9.2", port: 9 });
  while (socket.send(20_000, 1000, path));
  isFull = true;
`;
const OWN_NETWORK = "ip link add d0 type veth peer name d1 && ip addr add 10.9.9.1/24 dev d0 && " +
  "ip link set d0 up && ip link set d1 up && " +
  "echo 1 > /proc/sys/net/ipv4/neigh/d0/mcast_solicit";

/** Prints one line a case that failed. */
const BUN_CODE = `
  const { udpCases, kernelCases, dgramCases } = await import(process.argv[1]);
  for (const [kind, own] of [["kernel", kernelCases], ["dgram", dgramCases]]) {
    if (kind === "kernel" && process.platform !== "linux") continue;
    for (const [name, run] of Object.entries({ ...udpCases, ...own })) {
      await run(kind).catch((thrown) => console.log(kind, name, thrown));
    }
  }
  console.log("all run");
`;

if (typeof Deno !== "undefined") {
  const bun = process.env["SFTPX_BUN"] ?? "bun";
  const hasBun = spawnSync(bun, ["--version"]).status === 0;
  Deno.test({
    name: hasBun ? "UDP sockets do the same in Bun" : "UDP sockets do the same in Bun (none found)",
    ignore: !hasBun,
    fn: () => {
      const args = ["-e", BUN_CODE, new URL(import.meta.url).pathname];
      const { stdout, stderr } = spawnSync(bun, args, { encoding: "utf8", timeout: 60_000 });
      assert.equal(stdout.trim(), "all run", stderr);
    },
  });

  const mayOwnNetwork = hasKernel &&
    spawnSync("unshare", ["-rn", "sh", "-c", OWN_NETWORK]).status === 0;
  for (const runtime of hasBun ? ["deno", "bun"] : ["deno"]) {
    Deno.test({
      name: mayOwnNetwork
        ? `a full socket of the kernel's tells when it takes more (${runtime})`
        : `a full socket of the kernel's tells when it takes more (${runtime}; no namespaces)`,
      ignore: !mayOwnNetwork,
      fn: () => {
        const url = new URL("./udp_kernel.ts", import.meta.url);
        const code = FULL_CODE.replace("MODULE", JSON.stringify(url.href));
        const source = `data:text/javascript,${encodeURIComponent(code)}`;
        const command = runtime === "bun"
          ? [bun, "-e", code]
          : [process.execPath, "run", "-A", "--no-check", source];
        const script = `${OWN_NETWORK} && exec "$@"`;
        const args = ["-rn", "sh", "-c", script, "sh", ...command];
        const { stdout, stderr } = spawnSync("unshare", args, {
          encoding: "utf8",
          timeout: 60_000,
        });
        assert.equal(stdout.trim(), "took more", stderr);
      },
    });
  }

  const KERNEL = hasKernel ? "kernel" : "dgram";
  for (
    const [flags, without, expected] of [
      [["--allow-net", "--allow-env", "--allow-ffi"], "", KERNEL],
      [["--allow-net", "--allow-env", "--allow-ffi"], "quiche,sendmsg", "dgram"],
      [["--allow-net", "--allow-env"], "", "dgram"],
      [["--allow-env", "--allow-ffi"], "", "NotCapable"],
      [["--allow-net=127.0.0.1:0", "--allow-ffi"], "", `${KERNEL} NotCapable`],
      [["--allow-net=127.0.0.1:0"], "", "dgram NotCapable"],
    ] as const
  ) {
    const shown = `${flags.join(" ")}${without === "" ? "" : ` without ${without}`}`;
    Deno.test(`openUdp() with ${shown}: ${expected}`, () => {
      const url = new URL("./udp.ts", import.meta.url).href;
      const code = `import { openUdp } from ${JSON.stringify(url)};
        const options = { hostname: "127.0.0.1", port: 0, onReady() {} };
        try {
          const socket = await openUdp(options);
          console.log(socket.kind);
          try {
            socket.pathTo({ host: "192.0.2.1", port: 9 });
          } finally {
            await socket.close();
          }
        } catch (thrown) {
          console.log(thrown.name);
        }`;
      const source = `data:text/javascript,${encodeURIComponent(code)}`;
      const args = ["run", "--no-prompt", "--no-check", ...flags, source];
      const env = { ...process.env, SFTPX_WITHOUT: without };
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
      assert.equal(stdout.trim().split("\n").join(" "), expected, stderr);
    });
  }
}

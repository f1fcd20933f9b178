import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { SftpxError } from "../base/errors.ts";
import { denoQuicTransport } from "../transport/deno_quic.ts";
import { type MemoryTransport, memoryTransport } from "../transport/memory.ts";
import type { Connection, Listener, Transport } from "../transport/transport.ts";
import type { HostPort } from "../transport/transport.ts";
import { type ReachOptions, reachWithin } from "./reach.ts";

const HOW = { protocol: "sftpx/1", anchorPem: "" } as const;

interface Scene {
  readonly network: MemoryTransport;
  readonly listener: Listener;
}

async function scene(): Promise<Scene> {
  const network = memoryTransport();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  return { network, listener: await network.listen(at) };
}

function to(
  transport: Transport,
  addresses: readonly HostPort[],
  more: Partial<ReachOptions> = {},
): ReachOptions {
  const { signal } = new AbortController();
  return { transport, addresses, congestion: "auto", timeoutMs: 10_000, signal, ...more };
}

async function message(promise: Promise<unknown>, code: SftpxError["code"]): Promise<string> {
  const thrown = await promise.then(() => assert.fail("it should have failed"), (error) => error);
  assert.ok(thrown instanceof SftpxError, String(thrown));
  assert.equal(thrown.code, code, thrown.message);
  return thrown.message;
}

const never = () => new Promise<never>(() => {});

Deno.test("reachWithin() answers what its work does, on the address that answers", async () => {
  const { network, listener } = await scene();
  const addresses = [{ hostname: "127.0.0.1", port: 9 }, listener.address];
  const connection = await reachWithin(to(network, addresses), (dial) => dial(HOW));
  assert.equal(connection.remoteAddress, `127.0.0.1:${listener.address.port}`);
  connection.close("none", "");
  listener.close();
});

Deno.test("reachWithin() names what a firewall may drop, by what was tried", async () => {
  const { network, listener } = await scene();
  const stacks = [network, network];
  for (
    const [more, dropped] of [
      [{ name: "tls" }, "TCP to"],
      [{ name: "auto", stacks }, "UDP and TCP to"],
      [{ name: "quiche" }, "UDP to"],
    ] as const
  ) {
    const silent: Transport = { ...network, connect: never, ...more };
    const one = to(silent, [listener.address], { timeoutMs: 1 });
    const told = await message(reachWithin(one, (dial) => dial(HOW)), "unreachable");
    assert.match(told, new RegExp(`a firewall drops ${dropped} that port$`));
  }
  listener.close();
});

Deno.test("reachWithin() passes on what its user should know, and no more than that", async () => {
  const { network, listener } = await scene();
  const told: string[] = [];
  const telling: Transport = {
    ...network,
    connect: (options) => {
      options.onNotice?.("it goes another way");
      return network.connect(options);
    },
  };
  const options = to(telling, [listener.address]);
  const onNotice = (message: string) => told.push(message);
  for (const how of [options, { ...options, onNotice }]) {
    const connection = await reachWithin(how, (dial) => dial(HOW));
    connection.close("none", "");
  }
  assert.deepEqual(told, ["it goes another way"]);
  listener.close();
});

Deno.test("reachWithin() says where nobody answered in its time, and what that can mean", async () => {
  const { network, listener } = await scene();
  const silent: Transport = { ...network, connect: never };
  const one = to(silent, [listener.address], { timeoutMs: 20 });
  const { port } = listener.address;
  assert.equal(
    await message(reachWithin(one, (dial) => dial(HOW)), "unreachable"),
    `Cannot reach "127.0.0.1:${port}": no answer within 0.02 s; either no sftpx serves there, ` +
      "or a firewall drops UDP to that port",
  );
  const several = to(silent, [listener.address, listener.address, listener.address], {
    timeoutMs: 20,
  });
  const told = await message(reachWithin(several, (dial) => dial(HOW)), "unreachable");
  assert.match(told, /" or 2 more addresses: no answer within/);
  listener.close();
});

Deno.test("reachWithin() lets no dial end by itself before its time is over", async () => {
  const { network, listener } = await scene();
  const patience: (number | undefined)[] = [];
  const watched: Transport = {
    ...network,
    connect: (options) => {
      patience.push(options.patienceMs);
      return network.connect(options);
    },
  };
  for (const timeoutMs of [3_000, 60_000]) {
    const where = to(watched, [listener.address], { timeoutMs });
    const connection = await reachWithin(where, (dial) => dial(HOW));
    assert.ok((patience.pop() ?? 0) > timeoutMs);
    connection.close("none", "");
  }
  listener.close();
});

Deno.test("reachWithin() closes what it opened when the time is over, or its caller stops", async () => {
  for (const how of ["late", "stopped"]) {
    const { network, listener } = await scene();
    const stop = new AbortController();
    const reason = new SftpxError("interrupted", "enough");
    const late = to(network, [listener.address], {
      timeoutMs: how === "late" ? 20 : 10_000,
      signal: stop.signal,
    });
    const run = reachWithin(late, async (dial, signal) => {
      const connection = await dial(HOW);
      if (how === "stopped") stop.abort(reason);
      await new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      return connection;
    });
    if (how === "late") await message(run, "unreachable");
    else await assert.rejects(run, (error) => error === reason);
    const far = await listener.accept();
    assert.equal((await far?.closed)?.code, "none");
    listener.close();
  }
});

Deno.test("reachWithin() tells a refusal from a connection that just ended", async () => {
  const { network, listener } = await scene();
  const ended = (end: (far: Connection) => void) =>
    reachWithin(
      { ...to(network, [listener.address]), waitsForBusy: false },
      async (dial) => {
        const connection = await dial(HOW);
        const control = await connection.openControl();
        const far = await listener.accept();
        assert.ok(far !== null);
        end(far);
        return await control.read(new Uint8Array(1));
      },
    );
  const told = await message(ended((far) => far.close("busy", "come back")), "busy");
  assert.match(told, /^The server "127\.0\.0\.1:\d+" closed the connection: come back$/);
  for (const end of [(far: Connection) => far.close("none", ""), () => network.cut()]) {
    assert.match(await message(ended(end), "unreachable"), /before there was a session$/);
  }
  listener.close();
});

Deno.test("reachWithin() tries a crowded door again, within its time, and tells it if that is over", async () => {
  let crowded = 2;
  const network = memoryTransport();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await network.listen({ ...at, screen: () => --crowded < 0 });
  const connect = (timeoutMs: number) =>
    reachWithin({ ...to(network, [listener.address]), timeoutMs }, (dial) => dial(HOW));
  (await connect(5_000)).close("none", "");
  assert.equal(crowded, -1);
  crowded = Infinity;
  assert.match(await message(connect(300), "busy"), /too many peers are at the server's door$/);
  const stop = new AbortController();
  const options = { ...to(network, [listener.address]), signal: stop.signal };
  const stopped = reachWithin(options, (dial) => dial(HOW).finally(() => stop.abort("enough")));
  await assert.rejects(stopped, (thrown) => thrown === "enough");
  listener.close();
});

Deno.test("reachWithin() passes on what else went wrong", async () => {
  const { network, listener } = await scene();
  const error = new SftpxError("version", "another one");
  const run = reachWithin(to(network, [listener.address]), async (dial) => {
    await dial(HOW);
    throw error;
  });
  await assert.rejects(run, (thrown) => thrown === error);
  listener.close();
});

Deno.test("over QUIC an unknown name is told at once", async () => {
  const where = to(denoQuicTransport(), [{ hostname: "host.invalid", port: 4443 }]);
  assert.match(
    await message(reachWithin(where, (dial) => dial(HOW)), "unreachable"),
    /^Cannot connect to "host\.invalid": the name (is unknown|cannot be resolved)$/,
  );
});

Deno.test("over QUIC a port where nobody serves is told when the time is over", async () => {
  const mute = createSocket("udp4");
  await new Promise<void>((resolve) => mute.bind(0, "127.0.0.1", () => resolve()));
  const address = { hostname: "127.0.0.1", port: mute.address().port };
  const where = to(denoQuicTransport(), [address], { timeoutMs: 100 });
  const told = await message(reachWithin(where, (dial) => dial(HOW)), "unreachable");
  assert.match(told, /no answer within 0\.1 s; either no sftpx serves there, or a firewall/);
  mute.close();
});

import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { type Address, dialFirst, formatAddress, hostOf, resolveAddresses } from "./addresses.ts";

const A: Address = { hostname: "192.0.2.1", port: 1, family: 4 };
const B: Address = { hostname: "2001:db8::1", port: 1, family: 6 };

Deno.test("formatAddress() brackets IPv6 and shows mapped IPv4 plainly", () => {
  assert.equal(formatAddress("::ffff:192.0.2.1", 5), "192.0.2.1:5");
  assert.equal(formatAddress("::ffff:0:1", 5), "[::ffff:0:1]:5");
  assert.equal(formatAddress("2001:db8::1", 5), "[2001:db8::1]:5");
  assert.equal(formatAddress("example.org", 5), "example.org:5");
});

Deno.test("resolveAddresses() takes literals as they are, brackets or not", async () => {
  assert.deepEqual(await resolveAddresses("192.0.2.1", 1), [A]);
  assert.deepEqual(await resolveAddresses("2001:db8::1", 1), [B]);
  assert.deepEqual(await resolveAddresses("[2001:db8::1]", 1), [B]);
});

Deno.test("resolveAddresses() tells an unknown name as unreachable", async () => {
  await assert.rejects(
    resolveAddresses("no-such-host.invalid", 1),
    (thrown) => thrown instanceof SftpxError && thrown.code === "unreachable",
  );
});

Deno.test("dialFirst() goes on to the next address at once when one fails", async () => {
  const tried: Address[] = [];
  const winner = connection();
  const made = await dialFirst([A, B], (address) => {
    tried.push(address);
    return address === A ? Promise.reject(refused("unreachable")) : Promise.resolve(winner);
  }, { staggerMs: 1_000_000 });
  assert.equal(made, winner);
  assert.deepEqual(tried, [A, B]);
});

Deno.test("dialFirst() starts the next address beside one that does not answer", async () => {
  const silent = Promise.withResolvers<ReturnType<typeof connection>>();
  let silentSignal: AbortSignal | undefined;
  const winner = connection();
  const made = await dialFirst([A, B], (address, signal) => {
    if (address === B) return Promise.resolve(winner);
    silentSignal = signal;
    return silent.promise;
  }, { staggerMs: 1 });
  assert.equal(made, winner);
  assert.equal(silentSignal?.aborted, true, "the loser must be told");
  const late = connection();
  silent.resolve(late);
  await late.closed;
  assert.equal(winner.isClosed(), false);
});

Deno.test("dialFirst() reports the error that says most", async () => {
  const failing = dialFirst(
    [A, B],
    (address) => Promise.reject(refused(address === A ? "identity_mismatch" : "unreachable")),
  );
  await assert.rejects(
    failing,
    (thrown) => thrown instanceof SftpxError && thrown.code === "identity_mismatch",
  );
});

Deno.test("dialFirst() ends with the signal's reason and tells the attempts", async () => {
  const stop = new AbortController();
  const reason = new Error("enough");
  let attemptSignal: AbortSignal | undefined;
  const dialing = dialFirst([A], (_, signal) => {
    attemptSignal = signal;
    return new Promise<ReturnType<typeof connection>>(() => {});
  }, { signal: stop.signal });
  stop.abort(reason);
  await assert.rejects(dialing, (thrown) => thrown === reason);
  assert.equal(attemptSignal?.aborted, true);
});

Deno.test("dialFirst() without an address is the caller's mistake", async () => {
  await assert.rejects(dialFirst([], () => Promise.resolve(connection())), RangeError);
});

function connection() {
  const closed = Promise.withResolvers<void>();
  let isClosed = false;
  return {
    closed: closed.promise,
    isClosed: () => isClosed,
    close: () => {
      isClosed = true;
      closed.resolve();
    },
  };
}

function refused(code: "identity_mismatch" | "unreachable"): SftpxError {
  return new SftpxError(code, "Cannot connect");
}

Deno.test("a name that may be used, and none of its addresses, is left to the runtime to look up", async () => {
  const given = (...hosts: readonly string[]) => (host: string) => hosts.includes(host);
  const found = async (mayUse: (host: string) => boolean) =>
    (await resolveAddresses("localhost", 4, { mayUse })).map(({ hostname, family }) =>
      `${hostname} ${family}`
    );
  assert.deepEqual(await found(given("localhost:4", "0.0.0.0:0")), ["localhost 4"]);
  assert.deepEqual(await found(given("localhost:4", "0.0.0.0:0", "[::]:0")), [
    "localhost 6",
    "localhost 4",
  ]);
  assert.ok((await found(() => true)).every((address) => !address.startsWith("localhost")));
  await assert.rejects(found(given("localhost:4")), {
    code: "permission",
    message: /--allow-net=0\.0\.0\.0:0,\[::\]:0,localhost:4$/,
  });
});

Deno.test("hostOf() reads back what formatAddress() wrote", () => {
  for (const host of ["192.0.2.1", "2001:db8::1", "::1", "example.org"]) {
    assert.equal(hostOf(formatAddress(host, 4443)), host);
  }
});

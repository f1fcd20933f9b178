import assert from "node:assert/strict";
import { numbersOf, plainArguments, refuseUnknown } from "./arguments.ts";
import { main } from "./main.ts";

Deno.test("sizes may have units, and arrive as bytes", () => {
  assert.deepEqual(plainArguments(["--bytes", "64MiB", "--quick", "--file-bytes=4KiB"]), [
    "--bytes",
    "67108864",
    "--quick",
    "--file-bytes=4096",
  ]);
  assert.deepEqual(plainArguments(["--bytes", "5", "--repeat", "3", "--seconds", "0.5"]), [
    ...["--bytes", "5", "--repeat", "3", "--seconds", "0.5"],
  ]);
});

Deno.test("several numbers are each looked at, and nothing is a number where it means something", () => {
  const lists = ["files", "lanes", "rtt", "mbit", "rate"];
  const args = [
    ...["--files", "2000,20000", "--lanes", "1,4", "--rtt", "0.2,50", "--mbit", "100,0"],
    ...["--network-threads", "0"],
  ];
  assert.deepEqual(plainArguments(args, { lists }), args);
  for (const wrong of [["--lanes", "1,x"], ["--lanes", "0"], ["--files", "1,"], ["--rate", "x"]]) {
    assert.throws(() => plainArguments(wrong, { lists }), { name: "RangeError" }, String(wrong));
  }
});

Deno.test("several numbers are refused where one is taken, and none where one is needed", () => {
  for (const args of [["--rate", "1,2"], ["--rate=1,2"], ["--rate"], ["--repeat", "--json"]]) {
    assert.throws(() => plainArguments(args, { lists: ["loss"] }), /Cannot use "--(rate|repeat)/);
  }
  assert.throws(() => plainArguments(["--repeat", "--", "3"]), /Cannot use "--repeat --"/);
});

Deno.test("what is a number for one benchmark is looked at there only", () => {
  assert.deepEqual(plainArguments(["--peers", "scp,tar"]), ["--peers", "scp,tar"]);
  assert.throws(() => plainArguments(["--peers", "scp"], { counts: ["peers"] }), /"--peers scp"/);
});

Deno.test("several numbers come with commas, or one by one", () => {
  assert.deepEqual(numbersOf("0.2,50"), [0.2, 50]);
  assert.deepEqual(numbersOf(["100,400", "20"]), [100, 400, 20]);
});

/** Of each benchmark, its flags of numbers, and those of several. */
const FLAGS: Readonly<Record<string, readonly [numbers: string, several?: string]>> = {
  pipe: ["bytes lanes connections read write repeat", "lanes"],
  quic: ["packets lanes seconds warm repeat", "packets"],
  tls: ["bytes lanes read write repeat", "lanes"],
  wan: ["rtt loss rate seconds repeat", "loss"],
  transports: ["rtt loss mbit seconds repeat", "rtt loss mbit"],
  udp: ["seconds"],
  file: ["bytes repeat network-threads"],
  network: ["bytes threads connections cores repeat", "threads cores"],
  small: ["files modules bytes per-directory repeat", "files"],
  compress: ["mbit seconds bytes repeat", "mbit"],
  limit: ["rate seconds", "rate"],
  hash: ["bytes file-bytes workers repeat", "workers"],
  memory: ["bytes large-bytes files file-bytes repeat"],
  resume: ["bytes files per-directory repeat"],
  peers: ["repeat bytes minutes"],
  flood: ["bytes peers addresses pause repeat"],
  journal: ["rows repeat syncs", "rows"],
};

for (const [name, [numbers, several = ""]] of Object.entries(FLAGS)) {
  Deno.test(`bench ${name} refuses what is no number before it begins`, async () => {
    for (const flag of numbers.split(" ")) {
      await refused([name, `--${flag}`, "1,many"], `Cannot use "--${flag} `);
      await refused(
        [name, `--${flag}=1,2`, "--help"],
        several.split(" ").includes(flag) ? null : "",
      );
    }
  });
}

Deno.test("bench compress refuses data and levels it does not know, bench small several counts", async () => {
  await refused(["compress", "--content", "text,prose"], 'Cannot use "--content prose"');
  await refused(["compress", "--levels", "none,auto:9x"], 'Cannot use "--levels auto:9x"');
  await refused(["small", "--files", "1,2"], 'Cannot use "--files 1,2"');
});

/** Ends with 2 and a line that begins so; null for what is taken. */
async function refused(args: readonly string[], begin: string | null): Promise<void> {
  const [told, printed]: [string[], string[]] = [[], []];
  const { error, log } = console;
  console.error = (line: string) => void told.push(line);
  console.log = (line: string) => void printed.push(line);
  try {
    assert.equal(await main([...args]), begin === null ? 0 : 2, args.join(" "));
  } finally {
    [console.error, console.log] = [error, log];
  }
  assert.equal(told.length, begin === null ? 0 : 1, args.join(" "));
  assert.ok(begin === null || told[0]!.startsWith(begin), String(told));
  assert.equal(printed.length, begin === null ? 1 : 0, args.join(" "));
}

Deno.test("an amount that is none is refused with its flag", () => {
  for (
    const args of [
      ["--bytes", "64MB/s"],
      ["--bytes", "0"],
      ["--bytes=1.5"],
      ["--bytes=NaN"],
      ["--repeat", "two"],
      ["--repeat", "-1"],
      ["--seconds", "0"],
      ["--minutes", ""],
    ]
  ) {
    assert.throws(() => plainArguments(args), {
      name: "RangeError",
      message: new RegExp(`Cannot use "${args[0]!.split("=")[0]} `),
    }, String(args));
  }
});

Deno.test("what is for somebody else is left alone", () => {
  const args = ["--only", "x", "--paths", "50ms", "--", "--bytes", "much"];
  assert.deepEqual(plainArguments(args), args);
});

Deno.test("what no benchmark reads is refused", () => {
  assert.throws(() => refuseUnknown("--rates", "rates"), /Cannot use "--rates"/);
  assert.throws(() => refuseUnknown("pipes"), /Cannot take "pipes"/);
});

import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { parseCommand } from "./arguments.ts";
import type { Command, SendCommand } from "./command.ts";
import { adviceFor } from "./transport_choice.ts";

type Variables = Readonly<Record<string, string>>;

function parsed(args: string, variables: Variables = {}): Command {
  return parseCommand(args.split(" "), { env: (name) => variables[name] });
}

function refuses(args: string, text: RegExp, variables: Variables = {}): void {
  assert.throws(() => parsed(args, variables), (error: unknown) => {
    assert.ok(error instanceof SftpxError && error.code === "usage", `${args}: ${error}`);
    assert.match(error.message, text);
    return true;
  });
}

Deno.test("what is said of QUIC is refused where TCP alone is to carry, naming both flags", () => {
  for (const command of ["send a @", "get @/a .", "ls @", "bench @", "serve", "recv"]) {
    refuses(
      `${command} --transport tcp --congestion bbr`,
      /^Cannot use "--congestion bbr" with "--transport tcp": the system controls how TCP/,
    );
    refuses(
      `${command} --quic npm --transport tcp`,
      /^Cannot use "--quic npm" with "--transport tcp": there is no QUIC in it$/,
    );
  }
  refuses(
    "send a @ --congestion bbr",
    /"--congestion bbr" with "SFTPX_TRANSPORT=tcp"/,
    { SFTPX_TRANSPORT: "tcp" },
  );
  refuses(
    "send a @",
    /"SFTPX_QUIC=npm" with "SFTPX_TRANSPORT=tcp"/,
    { SFTPX_TRANSPORT: "tcp", SFTPX_QUIC: "npm" },
  );
});

Deno.test("what is said of QUIC for all commands gives way to TCP on the command line", () => {
  const variables = { SFTPX_CONGESTION: "bbr", SFTPX_QUIC: "npm" };
  const { transfer } = parsed("send a @ --transport tcp", variables) as SendCommand;
  assert.deepEqual([transfer.transport, transfer.quic, transfer.congestion], [
    "tcp",
    "auto",
    "auto",
  ]);
});

Deno.test("what is said of QUIC stands where QUIC may carry", () => {
  for (const transport of ["auto", "quic"]) {
    const flags = `--transport ${transport} --congestion bbr --quic npm`;
    const { transfer } = parsed(`send a @ ${flags}`) as SendCommand;
    assert.deepEqual([transfer.quic, transfer.congestion], ["npm", "bbr"]);
  }
  parsed("send a @ --transport tcp --congestion auto --quic auto");
});

Deno.test("a server that is not reached is looked for by what the flags leave", () => {
  const advice = (args: string) => adviceFor(parsed(args));
  assert.deepEqual(advice("send a @"), {});
  assert.match(
    advice("send a @ --transport quic").unreachable!,
    /UDP reaches the port, or let --transport auto go over TCP/,
  );
  assert.match(advice("ls @ --transport tcp").unreachable!, /TCP reaches the port, or let/);
  assert.match(
    advice("get @/a . --congestion bbr").unreachable!,
    /UDP reaches the port: --congestion bbr leaves no way over TCP/,
  );
  assert.deepEqual(advice("serve --transport quic"), {});
  assert.deepEqual(advice("status"), {});
});

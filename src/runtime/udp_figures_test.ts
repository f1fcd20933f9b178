import assert from "node:assert/strict";
import process from "node:process";
import { figuresOf, udpFigures } from "./udp_figures.ts";

const SNMP = `Ip: Forwarding DefaultTTL
Ip: 1 64
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 1000 2 30 4000 25 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
UdpLite: 7 7 7 7 7 7
`;
const SNMP6 = "Udp6InDatagrams                 \t500\nUdp6RcvbufErrors                \t5\n";

Deno.test("figuresOf() counts datagrams and drops of both families", () => {
  const texts = { receive: "212992\n", send: "212991\n", most: "4194304\n", snmp: SNMP };
  assert.deepEqual(figuresOf({ ...texts, snmp6: SNMP6 }), {
    receiveBytes: 212_992,
    sendBytes: 212_991,
    mostReceiveBytes: 4_194_304,
    receivedCount: 1500,
    droppedCount: 30,
  });
  assert.equal(figuresOf({ ...texts, snmp6: "" }).droppedCount, 25, "a system without IPv6");
});

Deno.test({
  name: "udpFigures() tells what this system has",
  ignore: process.platform !== "linux",
  fn: () => {
    const figures = udpFigures();
    assert.ok(figures !== null);
    assert.ok(figures.receiveBytes >= 4096 && figures.mostReceiveBytes >= 4096);
    assert.ok(figures.droppedCount >= 0 && figures.receivedCount >= 0);
  },
});

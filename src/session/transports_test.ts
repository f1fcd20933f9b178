import assert from "node:assert/strict";
import { chooseTransport, transports } from "./transports.ts";

Deno.test("chooseTransport() answers the first that works here", () => {
  const usable = transports().filter((transport) => transport.unavailable() === null);
  assert.equal(chooseTransport().name, usable[0]?.name);
});

Deno.test("every transport has a name of its own", () => {
  const names = transports().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

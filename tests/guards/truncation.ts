// The end of a stream is never success (I4).

import type { Guard } from "./guard.ts";

const TRUNCATION_TEST = "tests/adversarial/truncation_test.ts";
const MANIFEST_TEST = "tests/adversarial/manifest_test.ts";
const FRAME_TEST = "tests/adversarial/frame_test.ts";

export const GUARDS: readonly Guard[] = [
  {
    refuses: "a control stream that ends within a message",
    file: "src/session/control_channel.ts",
    text: "        this.#decoder.finish();\n",
    without: "",
    test: TRUNCATION_TEST,
    name: "a control stream that ends within a message is no end, whatever message it is",
  },
  {
    refuses: "the end of a stream in place of a message",
    file: "src/session/control_channel.ts",
    text: "    if (message === null) {\n      throw",
    without:
      "    if (message === null) return { type } as never;\n    if (message === (null as unknown)) {\n      throw",
    test: TRUNCATION_TEST,
    name: "a control stream that ends is a loss to whoever expects a message",
  },
  {
    refuses: "a lane that ends within a frame",
    file: "src/session/lane_bytes.ts",
    text: "      if (filled === 0) return null;\n      throw",
    without: "      if (filled >= 0) return null;\n      throw",
    test: "src/session/lane_bytes_test.ts",
  },
  {
    refuses: "a lane's end that does not count its frames",
    file: "src/session/lane_reader.ts",
    text: "if (header.frame !== frames) throw strayFrame();",
    without: "",
    test: FRAME_TEST,
    name: "a server believes no frames that lie about their headers",
  },
  {
    refuses: "a manifest's end that does not count what came",
    file: "src/engine/manifest_counts.ts",
    text: "if (this.#closed || !isTrue) throw violation",
    without: "if (this.#closed) throw violation",
    test: MANIFEST_TEST,
    name: "a server refuses manifests that lie about how many there are",
  },
  {
    refuses: "a finish that leaves a file out",
    file: "src/engine/received_entries.ts",
    text: `if (!this.#log.isComplete(index)) throw violation("its finish leaves a file out");`,
    without: "",
    test: MANIFEST_TEST,
    name: "a server refuses manifests that lie about what comes when",
  },
  {
    refuses: "a done before the receipt",
    file: "src/engine/settlement.ts",
    text: `if (this.#stage !== "signed" || this.#finish === null) {`,
    without: "if (this.#finish === null) {",
    test: "src/engine/settlement_test.ts",
    name: "confirm() is refused before the receipt is signed",
  },
  {
    refuses: "a done behind an early receipt, before the finish",
    file: "src/engine/settlement.ts",
    text: `if (this.#stage !== "signed" || this.#finish === null) {`,
    without: `if (this.#stage !== "signed") {`,
    test: "src/engine/settlement_test.ts",
    name: "where every file stood already the receipt does not wait for the finish",
  },
  {
    refuses: "to sign before the finish where no file is announced",
    file: "src/engine/received_entries.ts",
    text: "return files > 0 && this.#unchangedFiles >= files;",
    without: "return this.#unchangedFiles >= files;",
    test: "src/engine/settlement_test.ts",
    name: "the receipt waits for the finish where no file is announced",
  },
  {
    refuses: "a receipt before the finish",
    file: "src/engine/sender.ts",
    text: `if (!this.#finishSent || this.#result !== null) throw outOfPlace("receipt");`,
    without: "",
    test: "tests/simulation/lies_test.ts",
  },
  {
    refuses: "a receipt that nobody signed",
    file: "src/session/send_run.ts",
    text: `if (message.type !== "receipt" || await this.#options.verifyReceipt(message)) return;`,
    without: "return await Promise.resolve();",
    test: "tests/adversarial/receiver_test.ts",
    name: "a push does not believe a receiver that lies",
  },
];

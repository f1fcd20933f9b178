import assert from "node:assert/strict";
import { cutText, textWidth } from "./width.ts";

Deno.test("textWidth() counts columns of scripts, marks, emoji and styles", () => {
  const cases: [string, number][] = [
    ["", 0],
    ["hello", 5],
    ["天地玄黃", 8],
    ["ｆｕｌｌ", 8],
    ["ﾊﾝｶｸ", 4],
    ["한글", 4],
    ["голубой", 7],
    ["e\u0301", 1],
    ["a\u200bb", 2],
    ["🦕", 2],
    ["━─✓✗…", 5],
    ["\x1b[1;31mred\x1b[0m", 3],
  ];
  for (const [text, columns] of cases) assert.equal(textWidth(text), columns, text);
});

Deno.test("cutText() fits any number of columns and cuts no character in half", () => {
  for (const text of ["hello world", "天地玄黃宇宙", "a🦕b🦕c"]) {
    for (let columns = 0; columns < 15; columns++) {
      const cut = cutText(text, columns);
      assert.ok(textWidth(cut) <= columns, `${columns}: ${cut}`);
      assert.ok(cut === text || cut === "" || text.startsWith(cut.slice(0, -1)));
    }
  }
  assert.equal(cutText("hello", 5), "hello");
  assert.equal(cutText("hello", 4), "hel…");
});

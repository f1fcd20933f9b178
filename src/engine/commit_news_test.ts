import assert from "node:assert/strict";
import { directoryEntry } from "./_fixture.ts";
import { CommitNews } from "./commit_news.ts";
import { InPlace } from "./in_place.ts";
import { RootLog } from "./root.ts";

function newsOf(entries: number): CommitNews {
  const log = new RootLog();
  for (let i = 0; i < entries; i++) log.add(directoryEntry(`d${1000 + i}`));
  return new CommitNews(new InPlace(log, { tellEntries: false }));
}

Deno.test("an entry is committed once and changed once, in whatever order the store says so", () => {
  const news = newsOf(3);
  news.change(0);
  assert.equal(news.drain(9), null, "it is not in place yet");
  news.settle(0);
  news.settle(1);
  assert.deepEqual(news.drain(9), { entries: [[0, 2]], changed: [[0, 1]] });
  news.settle(0);
  news.change(0);
  assert.equal(news.drain(9), null);
  news.change(1);
  assert.deepEqual(news.drain(9), { entries: [], changed: [[1, 1]] });
});

Deno.test("what was changed is told only once every entry is", () => {
  const news = newsOf(8);
  for (const index of [0, 2, 4, 6]) {
    news.settle(index);
    news.change(index);
  }
  assert.deepEqual(news.drain(3), { entries: [[0, 1], [2, 1], [4, 1]], changed: [] });
  assert.deepEqual(news.drain(3), { entries: [[6, 1]], changed: [[0, 1], [2, 1], [4, 1]] });
  assert.deepEqual(news.drain(3), { entries: [], changed: [[6, 1]] });
  assert.equal(news.drain(3), null);
});

// Changes to the lists that trust rests on and that a person keeps as well. One writer at a time:
// two first contacts at once lose neither line. The file is replaced as a whole, with its mode and
// owner, and behind a link where it is one; what cannot be read is never rewritten.

import { chmod, chown, mkdir, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { utf8Bytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import { FileLock } from "../runtime/database.ts";
import {
  hasCode,
  POSIX,
  readTrustFile,
  replaceTrustFile,
  trustError,
  type TrustFileOptions,
} from "./trust_file.ts";

/** An edit reads and writes one small file: who waits longer waits for something else. */
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 10;

/**
 * Puts what `edit` makes of the text in the file's place; null leaves it. Answers whether it was
 * changed. A missing file is empty text, and made when there is something to write.
 */
export async function editTrustFile(
  path: string,
  edit: (text: string) => string | null,
  options: TrustFileOptions,
): Promise<boolean> {
  const action = { action: `save ${options.what}`, path };
  try {
    // Nothing is made, not even a directory, where there is nothing to change.
    const target = await targetOf(path);
    if (edit(await readTrustFile(target, options) ?? "") === null) return false;
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    using _lock = await lockOf(target, options);
    const before = await stat(target).catch(() => null);
    const edited = edit(await readTrustFile(target, options) ?? "");
    if (edited === null) return false;
    if (utf8Bytes(edited) > LIMITS.trustFileBytes) {
      const shown = escapeText(path);
      const found = `it would be larger than ${LIMITS.trustFileBytes} bytes`;
      throw new SftpxError("limit", `Cannot save ${options.what} "${shown}": ${found}`);
    }
    await replaceTrustFile(target, edited, {
      ...options,
      prepare: async (temporary) => {
        if (before === null || !POSIX) return;
        const made = await stat(temporary);
        if (made.uid !== before.uid || made.gid !== before.gid) {
          await chown(temporary, before.uid, before.gid);
        }
        await chmod(temporary, before.mode & 0o777);
      },
    });
    return true;
  } catch (thrown) {
    throw trustError(thrown, action);
  }
}

/** The file itself, where the name is a link to it. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return path;
    throw thrown;
  }
}

async function lockOf(target: string, { what }: TrustFileOptions): Promise<Disposable> {
  const untilMs = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const lock = FileLock.alone(`${target}.lock`);
    if (lock !== null) return { [Symbol.dispose]: () => lock.discard() };
    if (performance.now() > untilMs) {
      const shown = escapeText(target);
      throw new SftpxError("busy", `Cannot save ${what} "${shown}": another process changes it`);
    }
    await setTimeout(LOCK_RETRY_MS);
  }
}

// This program's name and version: in hellos for logs, and for `--version`.

/** Version of this program. */
export const VERSION: string = "0.1.0";

/** What a hello names as its agent. */
export const AGENT: string = `sftpx/${VERSION}`;

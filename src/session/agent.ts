// This program's name and version: in hellos for logs, and for `--version`.

export const VERSION = "0.1.0";
export const AGENT = `sftpx/${VERSION}`;

// Where a user's files live: $SFTPX_HOME, else $XDG_CONFIG_HOME/sftpx, else ~/.config/sftpx.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { mayReadEnv } from "../runtime/runtime.ts";

/** Reads one environment variable; undefined when it is not set. */
export type Environment = (name: string) => string | undefined;

/** A user's files, all absolute. They need not exist. */
export interface UserFiles {
  readonly directory: string;
  readonly identity: string;
  readonly knownHosts: string;
  readonly authorizedKeys: string;
  readonly configuration: string;
}

/** Where this user's files are; an error when nothing says where home is. */
export function userFiles(env: Environment): UserFiles {
  const directory = userDirectory(env) ?? nowhere(mayReadEnv("HOME"));
  return {
    directory,
    identity: join(directory, "identity"),
    knownHosts: join(directory, "known_hosts"),
    authorizedKeys: join(directory, "authorized_keys"),
    configuration: join(directory, "config.toml"),
  };
}

function userDirectory(env: Environment): string | null {
  const own = env("SFTPX_HOME");
  if (own) return resolve(own);
  const config = env("XDG_CONFIG_HOME");
  // The XDG specification has relative values ignored.
  if (config?.startsWith("/")) return join(config, "sftpx");
  const home = env("HOME") || systemHome();
  return home ? join(home, ".config", "sftpx") : null;
}

/** What `~` means; an error when nothing says where home is. */
export function homeDirectory(env: Environment): string {
  return env("HOME") || systemHome() || nowhere(mayReadEnv("HOME"));
}

/** What is set helps nobody where it may not be read. */
export function nowhere(mayLook: boolean): never {
  throw mayLook
    ? new SftpxError("usage", "Cannot find the home directory: set SFTPX_HOME or --identity")
    : new SftpxError(
      "permission",
      "Cannot find the home directory: SFTPX_HOME and HOME may not be read, run again with " +
        "--allow-env=SFTPX_HOME,HOME, or name the file with --identity",
    );
}

/** The system's answer needs a permission that a narrow run does not give. */
function systemHome(): string | null {
  try {
    return homedir();
  } catch {
    return null;
  }
}

/** The identity file to use, absolute: the one named, or the user's own. */
export function identityFile(named: string | null, env: Environment): string {
  return named === null ? userFiles(env).identity : resolve(named);
}

/** The known-hosts file to use, absolute: the one named, or the user's own. */
export function knownHostsFile(named: string | null, env: Environment): string {
  return named === null ? userFiles(env).knownHosts : resolve(named);
}

// `sftpx config show`: every flag's value in force and where it came from. A ticket's text is never
// shown (I9).

import type { ConfigCommand, Setting } from "./command.ts";
import type { Configuration } from "./config_file.ts";
import type { Environment } from "./home.ts";
import { ALL_FLAGS, type Layer, originText } from "./layer.ts";
import { Settings } from "./settings.ts";
import { shown } from "./shown.ts";

const DEFAULT = "default";
/** What a terminal's line takes of a value. */
const MAX_VALUE_CHARS = 200;

/** The command, with all it is to show. */
export function configCommand(
  settings: Settings,
  { env, configuration, path }: {
    env: Environment;
    configuration: Configuration | null;
    path: string;
  },
): ConfigCommand {
  const ticket: Setting = { name: "ticket", value: "(not shown)", source: "SFTPX_TICKET" };
  return {
    name: "config",
    output: settings.output(),
    path,
    isPresent: configuration?.isPresent ?? false,
    settings: [...inForce(settings), ...(env("SFTPX_TICKET") ? [ticket] : [])],
    hosts: [...configuration?.hosts.values() ?? []].map(({ name, url, origin, layer }) => ({
      name,
      settings: [{ name: "url", value: shown(url), source: originText(origin) }, ...said(layer)],
    })),
  };
}

/** As a person reads it. */
export function configText(command: ConfigCommand): string {
  const absent = command.isPresent ? "" : " (there is none)";
  // Without a home there is no place where the file would be.
  const place = command.path === "" ? "file" : shown(command.path, 1000);
  const all = [command.settings, ...command.hosts.map(({ settings }) => settings)].flat();
  const nameWidth = Math.max(0, ...all.map(({ name }) => name.length));
  const valueWidth = Math.min(40, Math.max(0, ...all.map(({ value }) => value.length)));
  const row = ({ name, value, source }: Setting) =>
    `  ${name.padEnd(nameWidth)}  ${(value || "-").padEnd(valueWidth)}  ${source}`;
  return [
    `configuration ${place}${absent}`,
    ...command.settings.map(row),
    ...command.hosts.flatMap((host) => ["", `host ${shown(host.name)}`, ...host.settings.map(row)]),
    "",
  ].join("\n");
}

/** Every flag that has a variable, each filter by itself. */
function inForce(settings: Settings): readonly Setting[] {
  const filters = settings.givenFilters();
  return ALL_FLAGS.filter((flag) => flag.typed !== true && flag.later !== "all").flatMap(
    (flag): readonly Setting[] => {
      const { name } = flag;
      const own = filters.filter((filter) => filter.flag === name);
      if (own.length > 0) {
        return own.map(({ text, origin }) => ({
          name,
          value: shown(text, MAX_VALUE_CHARS),
          source: originText(origin),
        }));
      }
      const given = settings.find(name);
      if (given === null) {
        const value = flag.value.kind === "boolean" ? "false" : flag.fallback ?? "";
        return [{ name, value, source: DEFAULT }];
      }
      const value = flag.value.kind === "boolean"
        ? String(settings.has(name))
        : shown(given.texts.join(", "), MAX_VALUE_CHARS);
      return [{ name, value, source: originText(given.origin) }];
    },
  );
}

/** What one section says, and nothing else. */
function said(layer: Layer): readonly Setting[] {
  return [...layer.values].map(([name, { texts, origin }]) => ({
    name,
    value: shown(texts.join(", "), MAX_VALUE_CHARS),
    source: originText(origin),
  }));
}

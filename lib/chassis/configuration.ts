/**
 * From the arguments of the program to its settings and plugins (spec section 1.1).
 *
 * The options cannot all be known at once: the file is named on the command line, plugins are named in either, and bring
 * options of their own. So the command line is read three times: for `--defaults-file`; leniently for the chassis'
 * options and the flags that load plugins; and, with the plugins loaded, strictly for everything.
 *
 * @module
 */
import { join } from "node:path";
import { TLS_OPTIONS } from "../net/tls_options.ts";
import { LUA_OPTIONS } from "../script/lua_options.ts";
import { type Plugin, valuesOf } from "../plugin/mod.ts";
import { type BaseDirectories, baseDirectories } from "./basedir.ts";
import { parseCommandLine } from "./command_line.ts";
import { ConfigFile } from "./config_file.ts";
import { helpText, versionText } from "./help.ts";
import { type OptionGroup, OptionSet } from "./option_set.ts";
import { CHASSIS_OPTIONS } from "./options.ts";
import { type LoadedPlugin, loadPlugins } from "./plugin_loader.ts";
import { Settings } from "./settings.ts";
import { SHIPPED_PLUGINS } from "./shipped_plugins.ts";

/** What the arguments ask for. */
export type Configuration =
  /** Print a text to stdout and end. */
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "run"; readonly settings: Settings; readonly plugins: readonly LoadedPlugin[] };

const CHASSIS_GROUP: OptionGroup = { name: "chassis", text: "the program itself", options: CHASSIS_OPTIONS };
const TLS_GROUP: OptionGroup = {
  name: "tls",
  text: "TLS and keys towards clients, of the proxy and of every other listener",
  options: TLS_OPTIONS,
};

const LUA_GROUP: OptionGroup = {
  name: "lua",
  text: "Lua scripts, of the proxy and of every other plugin",
  options: LUA_OPTIONS,
};

/** The options that are there whatever is loaded. */
const OWN_GROUPS: readonly OptionGroup[] = [CHASSIS_GROUP, TLS_GROUP, LUA_GROUP];

/** The options of the program and of every shipped plugin, as the README lists them. */
export const SHIPPED_GROUPS: readonly OptionGroup[] = [...OWN_GROUPS, ...SHIPPED_PLUGINS.map(groupOf)];

interface Early {
  readonly directories: BaseDirectories;
  readonly settings: Settings;
}

/**
 * Reads the arguments and loads what they name.
 *
 * @param shipped the plugins that can be loaded by name.
 * @throws {ChassisError} if anything is wrong with the arguments, the config file or a plugin.
 */
export async function configure(
  args: readonly string[],
  shipped: readonly Plugin[] = SHIPPED_PLUGINS,
): Promise<Configuration> {
  const file = await loadFile(args);
  const { directories, settings: early } = readEarly(args, file, shipped);
  const { help, version, plugins: specifiers, "plugin-dir": pluginDir } = valuesOf(CHASSIS_OPTIONS, early.values);
  const plugins = await loadPlugins(
    [...specifiers, ...activated(early, shipped)],
    () => pluginDir ?? join(directories.program(), "lib", "mysql-proxy", "plugins"),
    shipped,
  );
  const loaded = plugins.map(({ plugin }) => plugin);
  if (version) return { kind: "print", text: versionText(loaded) };

  const notLoaded = shipped.filter((plugin) => !loaded.includes(plugin));
  const groups = [...OWN_GROUPS, ...loaded.map(groupOf)];
  if (help) return { kind: "print", text: helpText([...groups, ...notLoaded.flatMap(activationOf)]) };

  const set = new OptionSet(groups, notLoaded.map(groupOf));
  const commandLine = parseCommandLine(args, set, "strict");
  file?.checkKeys(set);
  return { kind: "run", settings: new Settings({ set, commandLine, file, basedir: directories.paths }), plugins };
}

/** The first reading: only `--defaults-file`. */
async function loadFile(args: readonly string[]): Promise<ConfigFile | undefined> {
  const options = CHASSIS_OPTIONS.filter(({ name }) => name === "defaults-file");
  const given = parseCommandLine(args, new OptionSet([{ ...CHASSIS_GROUP, options }]), "lenient");
  const path = given.get("defaults-file")?.at(-1);
  return path === undefined ? undefined : await ConfigFile.load(path);
}

/** The second reading: what has to be known to load the plugins. */
function readEarly(args: readonly string[], file: ConfigFile | undefined, shipped: readonly Plugin[]): Early {
  const set = new OptionSet([CHASSIS_GROUP, ...shipped.flatMap(activationOf)]);
  const commandLine = parseCommandLine(args, set, "lenient");
  const basedirOption = CHASSIS_OPTIONS.find(({ name }) => name === "basedir");
  const basedir = commandLine.get("basedir")?.at(-1) ?? (basedirOption && file?.read(basedirOption));
  const directories = baseDirectories(typeof basedir === "string" ? basedir : undefined);
  return { directories, settings: new Settings({ set, commandLine, file, basedir: directories.paths }) };
}

/** The names of the shipped plugins whose flag is given. */
function activated(settings: Settings, shipped: readonly Plugin[]): string[] {
  return shipped.filter(({ activatedBy }) => {
    return activatedBy !== undefined && settings.values.get(activatedBy) === true;
  }).map(({ name }) => name);
}

function groupOf({ name, text, options }: Plugin): OptionGroup {
  return { name, text, options };
}

/** A shipped plugin reduced to the flag that loads it. */
function activationOf(plugin: Plugin): readonly OptionGroup[] {
  const options = plugin.options.filter(({ name, type }) => name === plugin.activatedBy && type === "flag");
  return options.length === 0 ? [] : [{ ...groupOf(plugin), options }];
}

/**
 * Finds and checks plugins, on the main thread and again on every event thread.
 *
 * `--plugins` takes the name of a shipped plugin, the name of one in `--plugin-dir` (`NAME/mod.ts`, `NAME/mod.js`,
 * `NAME.ts` or `NAME.js`), or the path of a module: what has a slash or ends in `.ts` or `.js`, relative to the current directory.
 * A compiled program cannot read TypeScript, so there such a module has to be plain JavaScript, e.g. by `deno bundle`.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Plugin, PLUGIN_API_VERSION } from "../plugin/mod.ts";
import { ChassisError, reasonOf } from "./chassis_error.ts";
import { nearest } from "./option_set.ts";
import { SHIPPED_PLUGINS } from "./shipped_plugins.ts";

/** Where a plugin comes from; survives a structured clone. */
export type PluginSource =
  | { readonly kind: "shipped"; readonly name: string }
  | { readonly kind: "module"; readonly url: string };

/** A plugin and where it came from. */
export interface LoadedPlugin {
  readonly plugin: Plugin;
  readonly source: PluginSource;
}

/**
 * Loads the plugins that `specifiers` name, in order; one that is named twice counts once.
 *
 * @param pluginDir asked only for a name that is not shipped.
 * @throws {ChassisError} if one is unknown, cannot be imported, or is no plugin of this version.
 */
export async function loadPlugins(
  specifiers: readonly string[],
  pluginDir: () => string,
  shipped: readonly Plugin[] = SHIPPED_PLUGINS,
): Promise<readonly LoadedPlugin[]> {
  const loaded = new Map<string, LoadedPlugin>();
  for (const specifier of new Set(specifiers)) {
    const source = await findPlugin(specifier, pluginDir, shipped.map(({ name }) => name));
    const plugin = await importPlugin(source, specifier, shipped);
    const same = loaded.get(plugin.name);
    if (same !== undefined && JSON.stringify(same.source) !== JSON.stringify(source)) {
      throw new ChassisError(
        "plugin",
        `Two plugins are called "${plugin.name}", "--plugins" may name only one of them`,
      );
    }
    loaded.set(plugin.name, { plugin, source });
  }
  return [...loaded.values()];
}

/**
 * Imports the plugin at `source` and checks it.
 *
 * @param specifier what the user called it.
 * @throws {ChassisError} if it cannot be imported or is no plugin of this version.
 */
export async function importPlugin(
  source: PluginSource,
  specifier: string,
  shipped: readonly Plugin[] = SHIPPED_PLUGINS,
): Promise<Plugin> {
  if (source.kind === "shipped") {
    const found = shipped.find((plugin) => plugin.name === source.name);
    if (found === undefined) throw new ChassisError("plugin", `There is no shipped plugin "${source.name}"`);
    return found;
  }
  let found: unknown;
  try {
    const module: { readonly default?: unknown } = await import(source.url);
    found = module.default;
  } catch (error) {
    const reason = reasonOf(error) + (isUncompiled(source.url, error) ? COMPILED_HINT : "");
    throw new ChassisError("plugin", `Cannot load plugin "${specifier}": ${reason}`, { cause: error });
  }
  return checkPlugin(found, specifier);
}

/**
 * Checks that a module's default export is a plugin that this chassis can run.
 *
 * @throws {ChassisError} if it is not.
 */
export function checkPlugin(found: unknown, specifier: string): Plugin {
  const refuse = (why: string) => new ChassisError("plugin", `Cannot load plugin "${specifier}": ${why}`);
  if (typeof found !== "object" || found === null || !("apiVersion" in found)) {
    throw refuse("its default export is not a plugin");
  }
  if (found.apiVersion !== PLUGIN_API_VERSION) {
    const built = String(found.apiVersion);
    throw refuse(`it was built for version ${built} of the plugin interface, this program has ${PLUGIN_API_VERSION}`);
  }
  const wrong = firstWrongField(found);
  if (wrong !== undefined) throw refuse(`its "${wrong}" is missing or has the wrong type`);
  if (!isPlugin(found)) throw refuse("its default export is not a plugin");
  return found;
}

const COMPILED_HINT = ': a compiled program loads JavaScript only, make some with "deno bundle"';

function isUncompiled(url: string, error: unknown): boolean {
  return Deno.build.standalone && url.endsWith(".ts") && error instanceof SyntaxError;
}

const REQUIRED: Readonly<Record<string, string>> = {
  name: "string",
  version: "string",
  text: "string",
  options: "object",
  startMain: "function",
};
const OPTIONAL: Readonly<Record<string, string>> = {
  activatedBy: "string",
  prepare: "function",
  startThread: "function",
};

function firstWrongField(found: object): string | undefined {
  const typeOf = (field: string): string => typeof Reflect.get(found, field);
  for (const [field, type] of Object.entries(REQUIRED)) if (typeOf(field) !== type) return field;
  for (const [field, type] of Object.entries(OPTIONAL)) {
    if (typeOf(field) !== "undefined" && typeOf(field) !== type) return field;
  }
  return Array.isArray(Reflect.get(found, "options")) ? undefined : "options";
}

function isPlugin(found: object): found is Plugin {
  return firstWrongField(found) === undefined;
}

async function findPlugin(
  specifier: string,
  pluginDir: () => string,
  shipped: readonly string[],
): Promise<PluginSource> {
  if (/[\\/]|\.[tj]s$/.test(specifier)) {
    const path = resolve(specifier);
    if (!await isFile(path)) {
      throw new ChassisError("plugin", `Cannot load plugin "${specifier}": there is no such file`);
    }
    return { kind: "module", url: pathToFileURL(path).href };
  }
  if (shipped.includes(specifier)) return { kind: "shipped", name: specifier };
  const directory = pluginDir();
  for (
    const candidate of [join(specifier, "mod.ts"), join(specifier, "mod.js"), `${specifier}.ts`, `${specifier}.js`]
  ) {
    const path = join(directory, candidate);
    if (await isFile(path)) return { kind: "module", url: pathToFileURL(path).href };
  }
  const suggestion = shipped.length === 0
    ? ""
    : `, did you mean "${nearest(specifier, shipped)}"? Shipped are ${shipped.map((name) => `"${name}"`).join(", ")}`;
  throw new ChassisError("plugin", `Unknown plugin "${specifier}"${suggestion} (not in "${directory}" either)`);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new ChassisError("plugin", `Cannot look for a plugin at "${path}": ${reasonOf(error)}`, { cause: error });
  }
}

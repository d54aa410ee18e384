/**
 * Checks that no import climbs a floor of the architecture and that none closes a circle.
 *
 * `deno task check` runs it. What stands above what is written down here once.
 *
 * @module
 */

/** Each room with the rooms that it may import from besides itself, lowest floor first. */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "lib/plugin": [],
  "lib/shared": [],
  "lib/protocol": [],
  "lib/sql": [],
  "lib/script": ["lib/plugin"],
  "lib/net": ["lib/plugin", "lib/shared"],
  "lib/core": ["lib/protocol", "lib/script"],
  "lib/lua": ["lib/sql", "lib/protocol", "lib/script"],
  "plugins": ["lib/core", "lib/lua", "lib/net", "lib/plugin", "lib/protocol", "lib/script", "lib/shared", "lib/sql"],
  "lib/chassis": ["plugins", "lib/net", "lib/plugin", "lib/script", "lib/shared"],
  "main.ts": ["lib/chassis"],
};

/** A module, by its path from the project's root, and the modules of ours that it imports. */
export type Imports = ReadonlyMap<string, readonly string[]>;

function roomOf(path: string): string {
  if (path === "main.ts") return path;
  const [top = "", second = ""] = path.split("/");
  return top === "plugins" ? top : `${top}/${second}`;
}

/** What is wrong with the imports, a line each. */
export function faults(imports: Imports): string[] {
  const found: string[] = [];
  for (const [from, targets] of imports) {
    const room = roomOf(from);
    const allowed = ROOMS[room];
    if (allowed === undefined) {
      found.push(`${from}: there is no room "${room}" in the architecture`);
      continue;
    }
    for (const to of targets) {
      const target = roomOf(to);
      if (target !== room && !allowed.includes(target)) {
        found.push(`${from} imports ${to}: ${room} is not above ${target}`);
      }
      if (room === "plugins" && target === room && from.split("/")[1] !== to.split("/")[1]) {
        found.push(`${from} imports ${to}: plugins do not import each other`);
      }
    }
  }
  for (const circle of circles(imports)) found.push(`Circle: ${circle.join(" → ")}`);
  return found;
}

/** Every circle of imports, once each, as the modules along it. */
export function circles(imports: Imports): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (module: string) => {
    const at = path.indexOf(module);
    if (at >= 0) {
      found.push([...path.slice(at), module]);
      return;
    }
    if (done.has(module)) return;
    path.push(module);
    for (const target of imports.get(module) ?? []) visit(target);
    path.pop();
    done.add(module);
  };
  for (const module of imports.keys()) visit(module);
  return found;
}

const IMPORT = /^\s*(?:import|export)\b[^"';]*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

/** The modules of ours that `source`, at `path`, imports. Types count too: a reader has to follow them as well. */
export function importsIn(path: string, source: string): string[] {
  const targets: string[] = [];
  for (const match of source.matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    if (specifier.startsWith(".")) targets.push(new URL(specifier, `file:///${path}`).pathname.slice(1));
  }
  return targets;
}

async function readImports(root: URL): Promise<Imports> {
  const imports = new Map<string, readonly string[]>();
  const read = async (path: string) => imports.set(path, importsIn(path, await Deno.readTextFile(new URL(path, root))));
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
      if (isDirectory) await walk(`${folder}${name}/`);
      else if (name.endsWith(".ts")) await read(folder + name);
    }
  };
  await read("main.ts");
  await walk("lib/");
  await walk("plugins/");
  return imports;
}

if (import.meta.main) {
  const imports = await readImports(new URL("../", import.meta.url));
  const found = faults(imports);
  for (const fault of found) await Deno.stderr.write(new TextEncoder().encode(`${fault}\n`));
  await Deno.stdout.write(new TextEncoder().encode(`Checked the imports of ${imports.size} modules\n`));
  Deno.exit(found.length === 0 ? 0 : 1);
}

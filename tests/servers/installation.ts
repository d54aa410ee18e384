/**
 * Where MySQL and MariaDB servers and their command-line programs are on this machine: on PATH, in a folder named by an
 * environment variable, or where the script `install` beside this file unpacked them.
 *
 * @module
 */

/** The two families of servers that the proxy is tested with. */
export type Kind = "mariadb" | "mysql";

/** Both kinds, in the order in which reports list them. */
export const KINDS: readonly Kind[] = ["mariadb", "mysql"];

/** The environment variable that names a folder with a server of each kind. It wins over PATH. */
export const FOLDER_VARIABLES: Readonly<Record<Kind, string>> = {
  mariadb: "MYSQL_PROXY_TEST_MARIADB",
  mysql: "MYSQL_PROXY_TEST_MYSQL",
};

const SERVER_NAMES: Readonly<Record<Kind, readonly string[]>> = {
  mariadb: ["mariadbd", "mysqld"],
  mysql: ["mysqld"],
};

/** A server and its programs as found on this machine. */
export interface Installation {
  readonly kind: Kind;
  /** As the server prints it, such as `9.7.4`. */
  readonly version: string;
  /** The path of the server's program. */
  readonly server: string;
  /** The folder that the installation lies in, or undefined when it was found on PATH. */
  readonly folder: string | undefined;
}

/** Words that start a program: the program, or a dynamic loader with its options and the program. */
export type CommandLine = readonly [string, ...string[]];

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function* entries(path: string): Generator<string> {
  try {
    for (const entry of Deno.readDirSync(path)) yield `${path}/${entry.name}`;
  } catch {
    // Not there: nothing to list.
  }
}

/** The folders of `installation` that hold programs. */
function programFolders(folder: string | undefined): string[] {
  if (folder !== undefined) {
    return ["usr/sbin", "usr/bin", "sbin", "bin", "libexec"].map((name) => `${folder}/${name}`).concat(folder);
  }
  const path = (Deno.env.get("PATH") ?? "").split(":").filter((name) => name.startsWith("/"));
  return [...new Set([...path, "/usr/sbin", "/usr/local/sbin"])];
}

/**
 * The words that start `path`. An unpacked installation brings its own libc: its programs run with the dynamic loader and
 * the libraries of its folder.
 */
export function commandLine(path: string, folder: string | undefined): CommandLine {
  if (folder !== undefined && path.startsWith(`${folder}/`)) {
    for (const libraries of entries(`${folder}/usr/lib`)) {
      for (const loader of libraries.endsWith("-linux-gnu") ? entries(libraries) : []) {
        if (!/\/ld-linux[^/]*\.so\.\d+$/.test(loader)) continue;
        return [loader, "--library-path", `${libraries}:${folder}/usr/lib/mysql/private`, path];
      }
    }
  }
  return [path];
}

/** What `path --version` prints, without the path itself, or undefined when it does not run. */
function versionText(path: string, folder: string | undefined): string | undefined {
  const [program, ...args] = commandLine(path, folder);
  try {
    const { success, stdout } = new Deno.Command(program, { args: [...args, "--version"], stderr: "null" })
      .outputSync();
    return success ? new TextDecoder().decode(stdout).replaceAll(path, "") : undefined;
  } catch {
    return undefined;
  }
}

function findServer(kind: Kind, folder: string | undefined): Installation | undefined {
  for (const programs of programFolders(folder)) {
    for (const name of SERVER_NAMES[kind]) {
      const server = `${programs}/${name}`;
      if (!exists(server)) continue;
      const text = versionText(server, folder);
      const version = /\d+\.\d+\.\d+/.exec(text ?? "")?.[0];
      // A `mysqld` may be MariaDB's.
      if (version !== undefined && /MariaDB/.test(text ?? "") === (kind === "mariadb")) {
        return { kind, version, server, folder };
      }
    }
  }
  return undefined;
}

/** The folder that the script `install` unpacks servers of `kind` into. */
export function cacheFolder(kind: Kind): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  return `${cache}/mysql-proxy/servers/${kind}`;
}

/** Finds a server of `kind`, or explains why there is none. */
export function findInstallation(kind: Kind): Installation | { readonly missing: string } {
  const variable = FOLDER_VARIABLES[kind];
  const folder = Deno.env.get(variable);
  if (folder) {
    return findServer(kind, folder) ?? { missing: `${variable} names "${folder}", which holds no ${kind} server` };
  }
  return findServer(kind, undefined) ?? findServer(kind, cacheFolder(kind)) ??
    { missing: `no ${kind} server on PATH, and ${variable} is not set` };
}

/**
 * Finds every server of `kind`: the one that {@linkcode findInstallation} finds first, then the one under the cache folder.
 * Only the former where an environment variable names it.
 */
export function findInstallations(kind: Kind): readonly Installation[] {
  const first = findInstallation(kind);
  if ("missing" in first) return [];
  const cached = Deno.env.get(FOLDER_VARIABLES[kind]) ? undefined : findServer(kind, cacheFolder(kind));
  return cached === undefined || cached.server === first.server ? [first] : [first, cached];
}

/** The major version of a server, such as 11. */
export function majorVersion({ version }: { readonly version: string }): number {
  return Number(version.split(".")[0]);
}

/** Unpacks a server of `kind` under the cache folder when none is found (Debian only). */
export async function ensureInstallation(kind: Kind): Promise<Installation | { readonly missing: string }> {
  const found = findInstallation(kind);
  if (!("missing" in found) || Deno.env.get(FOLDER_VARIABLES[kind])) return found;
  return await install(kind) ? findInstallation(kind) : { missing: `${found.missing}, and it could not be installed` };
}

/**
 * Unpacks the newest server of `kind` under the cache folder unless one of version `major` or later is found (Debian only).
 * Some plugins that authenticate came with it; without it, their tests are skipped.
 */
export async function ensureVersion(kind: Kind, major: number): Promise<void> {
  if (Deno.env.get(FOLDER_VARIABLES[kind])) return;
  if (!findInstallations(kind).some((found) => majorVersion(found) >= major)) await install(kind);
}

async function install(kind: Kind): Promise<boolean> {
  const script = `${import.meta.dirname}/install`;
  const { success } = await new Deno.Command("sh", { args: [script, kind], stdout: "null", stderr: "inherit" })
    .output();
  return success;
}

function findProgramIn(folder: string | undefined, kind: Kind, name: string): CommandLine | undefined {
  const suffix = name === "client" ? "" : name;
  const names = kind === "mysql" ? [`mysql${suffix}`] : [suffix ? `mariadb-${suffix}` : "mariadb", `mysql${suffix}`];
  for (const programs of programFolders(folder)) {
    for (const candidate of names) {
      const path = `${programs}/${candidate}`;
      if (!exists(path)) continue;
      // A `mysql` may be MariaDB's.
      const isMariadb = candidate.startsWith("mariadb") || /MariaDB/.test(versionText(path, folder) ?? "");
      if (isMariadb === (kind === "mariadb")) return commandLine(path, folder);
    }
  }
  return undefined;
}

const foundPrograms = new Map<string, CommandLine | undefined>();

/**
 * The words that start the command-line program `name` of one installation, or undefined when it has none.
 *
 * @param name As for {@linkcode findProgram}.
 */
export function programOf({ kind, folder }: Installation, name: string): CommandLine | undefined {
  return findProgramIn(folder, kind, name);
}

/**
 * Finds the command-line program `name` of `kind`, beside the server first, then on PATH.
 *
 * @param name `client`, or the part after `mysql` or `mariadb-`: `dump`, `binlog`, `admin`, `slap`, `import`.
 * @returns The words that start it, or undefined when this machine does not have it.
 */
export function findProgram(kind: Kind, name: string): CommandLine | undefined {
  const key = `${kind} ${name}`;
  if (!foundPrograms.has(key)) {
    const installation = findInstallation(kind);
    const own = "missing" in installation ? undefined : installation.folder;
    const beside = own === undefined ? undefined : findProgramIn(own, kind, name);
    foundPrograms.set(key, beside ?? findProgramIn(undefined, kind, name));
  }
  return foundPrograms.get(key);
}

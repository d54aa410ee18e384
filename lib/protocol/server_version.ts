/**
 * What the version text of a handshake means.
 *
 * @module
 */

/** A server's product and version. */
export interface ServerVersion {
  readonly product: "mysql" | "mariadb";
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/**
 * Reads a version text such as `9.6.0`, `8.4.9-0ubuntu1`, `12.10.100-MariaDB` or `5.5.5-10.11.6-MariaDB-1`. MariaDB up
 * to 10.x puts `5.5.5-` before its own version, for replicas that only knew one digit.
 *
 * @returns undefined if the text does not begin with a version.
 */
export function parseServerVersion(text: string): ServerVersion | undefined {
  const prefixed = /^5\.5\.5-(?=\d+\.\d+)/.test(text);
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(prefixed ? text.slice("5.5.5-".length) : text);
  if (!match) return undefined;
  const [, major, minor, patch] = match;
  return {
    product: prefixed || /mariadb/i.test(text) ? "mariadb" : "mysql",
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch ?? 0),
  };
}

/** The version as one number, the way scripts know it: 8.0.36 is 80036. A part above 99 counts as 99. */
export function versionNumber(version: ServerVersion): number {
  return version.major * 10000 + Math.min(version.minor, 99) * 100 + Math.min(version.patch, 99);
}

/**
 * Import this before the mariadb connector: a package that it needs asks for `process.constrainedMemory()`, which Deno
 * before 2.5 does not have.
 *
 * @module
 */

import process from "node:process";

if (!("constrainedMemory" in process)) {
  // 0 means that there is no limit, or that it is not known.
  Object.defineProperty(process, "constrainedMemory", { value: () => 0 });
}

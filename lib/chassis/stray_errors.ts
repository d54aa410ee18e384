/**
 * Errors that nobody caught. Left alone, one of them ends its thread with all connections; it is logged instead.
 *
 * @module
 */
import type { Log } from "../plugin/mod.ts";
import { reasonOf, stackOf } from "./chassis_error.ts";

/** Begins to log stray errors of this thread. @returns a function that ends it. */
export function surviveStrayErrors(log: Log): () => void {
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    log.write("critical", `Uncaught error: ${describe(event.error, log)}`);
  };
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    log.write("critical", `Unhandled rejection: ${describe(event.reason, log)}`);
  };
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onRejection);
  return () => {
    globalThis.removeEventListener("error", onError);
    globalThis.removeEventListener("unhandledrejection", onRejection);
  };
}

function describe(thrown: unknown, log: Log): string {
  return (log.enabled("debug") ? stackOf(thrown) : undefined) ?? reasonOf(thrown);
}

/**
 * What the process does on signals.
 *
 * SIGUSR1 is never listened for: Deno itself may open its debugger on it.
 *
 * @module
 */

/** What to call on which signal. */
export interface SignalHandlers {
  /** The first SIGINT or SIGTERM (Ctrl-C and Ctrl-Break on Windows). */
  readonly stop: (signal: Deno.Signal) => void;
  /** The second one; `exitCode` is 128 plus the signal's number, as shells report it. */
  readonly stopNow: (exitCode: number) => void;
  /** SIGHUP, where it exists. */
  readonly hangUp: () => void;
}

/** Begins to listen. @returns a function that ends it. */
export function listenForSignals({ stop, stopNow, hangUp }: SignalHandlers): () => void {
  let stopping = false;
  const listeners: [Deno.Signal, () => void][] = [];
  const listen = (signal: Deno.Signal, listener: () => void) => {
    Deno.addSignalListener(signal, listener);
    listeners.push([signal, listener]);
  };
  const onStop = (signal: Deno.Signal, number: number) => {
    if (stopping) return stopNow(128 + number);
    stopping = true;
    stop(signal);
  };
  if (Deno.build.os === "windows") {
    listen("SIGINT", () => onStop("SIGINT", 2));
    listen("SIGBREAK", () => onStop("SIGBREAK", 21));
  } else {
    listen("SIGINT", () => onStop("SIGINT", 2));
    listen("SIGTERM", () => onStop("SIGTERM", 15));
    listen("SIGHUP", hangUp);
  }
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}

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

/**
 * The same signal again within so many milliseconds is an echo of the first. Ctrl-C reaches every process of a terminal's
 * job, and `npx` and `deno task` pass what they get on to their child: it hears one keystroke twice or three times.
 */
const ECHO_MS = 100;

/** Begins to listen. @returns a function that ends it. */
export function listenForSignals({ stop, stopNow, hangUp }: SignalHandlers): () => void {
  let first: { readonly signal: Deno.Signal; readonly at: number } | undefined;
  const listeners: [Deno.Signal, () => void][] = [];
  const listen = (signal: Deno.Signal, listener: () => void) => {
    Deno.addSignalListener(signal, listener);
    listeners.push([signal, listener]);
  };
  const onStop = (signal: Deno.Signal, number: number) => {
    if (first === undefined) {
      first = { signal, at: performance.now() };
      return stop(signal);
    }
    if (signal !== first.signal || performance.now() - first.at > ECHO_MS) stopNow(128 + number);
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

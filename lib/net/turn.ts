/**
 * Gives the event loop a turn.
 *
 * Reads that are ready complete without one, so a connection that floods keeps all others of its thread waiting. A
 * message to oneself costs a few microseconds; a timer would cost twenty times the throughput (measured).
 *
 * @module
 */

let channel: MessageChannel | undefined;
let waiting: (() => void)[] = [];

/** Resolves after everything else that is ready has had its turn. */
export function turn(): Promise<void> {
  if (channel === undefined) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => {
      const resolved = waiting;
      waiting = [];
      for (const resolve of resolved) resolve();
      if (waiting.length === 0) closeChannel();
    };
  }
  const { port2 } = channel;
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) port2.postMessage(0);
  });
}

let idle: ReturnType<typeof setTimeout> | undefined;

/** An open channel keeps the program alive; one that nobody has used for a while is closed. */
function closeChannel(): void {
  if (idle !== undefined) return;
  idle = setTimeout(() => {
    idle = undefined;
    if (waiting.length > 0) return closeChannel();
    channel?.port1.close();
    channel?.port2.close();
    channel = undefined;
  }, 1000);
  Deno.unrefTimer(idle);
}

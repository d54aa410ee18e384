/**
 * The entry point of an event thread, a Web Worker: runs the thread halves of the plugins.
 *
 * @module
 */
import type { Log, ThreadContext, ThreadHalf } from "../plugin/mod.ts";
import { BELL, Receiver, Sender } from "../shared/bell.ts";
import { Cells } from "../shared/cells.ts";
import { Ring } from "../shared/ring.ts";
import { ChassisError, reasonOf, stackOf } from "./chassis_error.ts";
import { importPlugin } from "./plugin_loader.ts";
import { surviveStrayErrors } from "./stray_errors.ts";
import { ThreadLog } from "./thread_log.ts";
import { decodeCommand, encodeNotice, isStartOrder, type StartOrder, type StartReport } from "./thread_messages.ts";

/** The parts of a worker's global scope that are used here; the library's types are those of the main thread. */
interface WorkerScope {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: MessageEvent<unknown>) => void): void;
}

const WAKE_INTERVAL = 1000;

const scope: WorkerScope = globalThis as unknown as WorkerScope;
const halves: { readonly name: string; readonly half: ThreadHalf }[] = [];
let inbox: Receiver | undefined;

scope.addEventListener("message", ({ data }) => {
  if (data === BELL) {
    inbox?.drain();
  } else if (isStartOrder(data)) {
    start(data).then(
      () => report({ kind: "started" }),
      (error: unknown) => {
        report({ kind: "failed", reason: reasonOf(error), stack: stackOf(error) });
      },
    );
  }
});

function report(report: StartReport): void {
  scope.postMessage(report);
}

async function start(order: StartOrder): Promise<void> {
  const { index, threads, values, level } = order;
  const outbox = new Sender(new Ring(order.outbox), () => scope.postMessage(BELL));
  const cells = new Cells(order.cells);
  const log = new ThreadLog(level, outbox);
  surviveStrayErrors(log);

  const wake = () => {
    for (const { name, half } of halves) {
      try {
        half.wake?.();
      } catch (error) {
        log.write("critical", `Plugin "${name}" failed to handle a wake-up: ${reasonOf(error)}`);
      }
    }
  };
  const stop = async (timeout: number) => {
    clearInterval(timer);
    await stopHalves(timeout, log);
    outbox.send(encodeNotice({ kind: "stopped" }));
  };
  const commands = new Receiver(new Ring(order.inbox), (record) => {
    const command = decodeCommand(record);
    if (command.kind === "stop") {
      stop(command.timeout);
    } else {
      cells.set(index, "waking", 0);
      wake();
    }
  });
  const timer = setInterval(() => {
    cells.add(index, "beats", 1);
    wake();
  }, WAKE_INTERVAL);

  const context: Omit<ThreadContext<unknown>, "shared"> = {
    values,
    log,
    index,
    threads,
    wakeOthers: () => void outbox.send(encodeNotice({ kind: "wake-others" })),
    shutdown: () => void outbox.send(encodeNotice({ kind: "shutdown" })),
  };
  for (const { name, source, shared } of order.plugins) {
    const plugin = await importPlugin(source, name);
    try {
      const half = await plugin.startThread?.({ ...context, shared });
      if (half !== undefined) halves.push({ name, half });
    } catch (error) {
      throw new ChassisError("plugin", `Plugin "${name}" cannot start on event thread ${index}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }
  // Not before: a stop has to find the halves that it is to stop.
  inbox = commands;
  inbox.drain();
}

async function stopHalves(timeout: number, log: Log): Promise<void> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  await Promise.all(halves.map(async ({ name, half }) => {
    try {
      await half.stop(abort.signal);
    } catch (error) {
      log.write("critical", `Plugin "${name}" failed to stop: ${reasonOf(error)}`);
    }
  }));
  clearTimeout(timer);
}

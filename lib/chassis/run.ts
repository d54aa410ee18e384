/**
 * The whole program as a function of its arguments.
 *
 * @module
 */
import { valuesOf } from "../plugin/mod.ts";
import { reasonOf, stackOf } from "./chassis_error.ts";
import { type Configuration, configure } from "./configuration.ts";
import { STDERR } from "./log_destination.ts";
import { LogOutput } from "./log_output.ts";
import { formatText } from "./log_record.ts";
import { CHASSIS_OPTIONS } from "./options.ts";
import { Program } from "./program.ts";
import { listenForSignals } from "./signals.ts";
import { surviveStrayErrors } from "./stray_errors.ts";

const TICK_INTERVAL = 1000;

/**
 * Runs the program until it is told to stop.
 *
 * @param args the command line without the program's name.
 * @returns the exit code: 0 after a clean stop, 1 after any error. A second signal ends the process before that.
 */
export async function run(args: readonly string[]): Promise<number> {
  let log: LogOutput | undefined;
  try {
    const configuration = await configure(args);
    if (configuration.kind === "print") {
      print(configuration.text);
      return 0;
    }
    const { "log-level": level, "log-format": format, "log-file": file } = valuesOf(
      CHASSIS_OPTIONS,
      configuration.settings.values,
    );
    log = new LogOutput({ level, format, file });
    return await serve(configuration, log);
  } catch (error) {
    // The settings may be what is wrong, so that nobody knows the log level yet.
    log ??= new LogOutput({ level: args.includes("--log-level=debug") ? "debug" : "message", format: "text" });
    logStartError(log, error);
    return 1;
  } finally {
    log?.close();
  }
}

/** Starts the program, waits for a reason to stop, and stops it. */
async function serve(configuration: Configuration & { kind: "run" }, log: LogOutput): Promise<number> {
  const stopRequest = Promise.withResolvers<number>();
  const program = new Program({ ...configuration, log, requestStop: stopRequest.resolve });
  const stopListening = listenForSignals({
    stop(signal) {
      log.write("message", `received ${signal}, shutting down`);
      stopRequest.resolve(0);
    },
    stopNow(exitCode) {
      log.write("warning", `received a second signal, exiting at once, exit code is: ${exitCode}`);
      log.close();
      Deno.exit(exitCode);
    },
    hangUp: () => log.reopen(),
  });
  const stopSurviving = surviveStrayErrors(log);
  // Also keeps the event loop busy: a pending promise alone would let the process end.
  const ticker = setInterval(() => log.tick(), TICK_INTERVAL);
  try {
    const started = program.start().then(() => stopRequest.promise);
    const exitCode = await Promise.race([started, stopRequest.promise]);
    await program.stop();
    log.write("message", `shutting down normally, exit code is: ${exitCode}`);
    return exitCode;
  } catch (error) {
    logStartError(log, error);
    await program.stop();
    return 1;
  } finally {
    clearInterval(ticker);
    stopListening();
    stopSurviving();
  }
}

/** Tells why the program cannot start; on stderr too, since whoever started it may not look into the log file. */
function logStartError(log: LogOutput, error: unknown): void {
  const entry = { time: Date.now(), level: "critical", text: reasonOf(error) } as const;
  log.take(entry);
  if (log.toFile) STDERR.write(formatText(entry));
  const stack = stackOf(error);
  if (stack !== undefined) log.write("debug", stack);
}

function print(text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
  } catch (error) {
    // Whoever reads has seen enough, as `| head` does.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/**
 * The chassis' own options (the original's names, short flags and meanings; spec section 1.2).
 *
 * @module
 */
import { defineOptions, LOG_LEVELS } from "../plugin/mod.ts";

/**
 * The other cores are for the servers or clients beside the proxy. A thread that is busy takes several packets at a time,
 * too, which is cheaper: on 2 cores with both beside it, 1 thread carries as much as 2 or more, for two thirds to four
 * fifths of the CPU time (measured).
 */
const MOST_THREADS_BY_DEFAULT = 4;

/** What the chassis understands itself; plugins bring the rest. */
export const CHASSIS_OPTIONS = defineOptions([
  {
    name: "help",
    short: "?",
    type: "flag",
    default: false,
    text: "Show this help and exit, also as -h",
    since: "0.5",
    commandLineOnly: true,
  },
  {
    name: "version",
    short: "V",
    type: "flag",
    default: false,
    text: "Show the version of the program and of its plugins and exit",
    since: "0.5",
    commandLineOnly: true,
  },
  {
    name: "defaults-file",
    type: "string",
    placeholder: "FILE",
    text: "Read options from this TOML or ini file; the command line wins over it",
    since: "0.7",
    commandLineOnly: true,
  },
  {
    name: "plugins",
    type: "list",
    default: ["proxy"],
    placeholder: "NAME,...",
    text: "Plugins to load: a name, or the path of a module such as ./my_plugin/mod.ts",
    since: "0.7",
  },
  {
    name: "plugin-dir",
    type: "path",
    placeholder: "DIR",
    defaultText: "<basedir>/lib/mysql-proxy/plugins",
    text: "Where plugins that are not shipped are looked for by name",
    since: "0.7",
  },
  {
    name: "basedir",
    type: "string",
    placeholder: "DIR",
    defaultText: "the program's folder",
    text:
      "An absolute path; relative paths in other options start there, or in the current directory without this option",
    since: "0.8",
  },
  {
    name: "event-threads",
    type: "integer",
    default: Math.max(1, Math.min(MOST_THREADS_BY_DEFAULT, Math.floor(navigator.hardwareConcurrency / 2))),
    minimum: 1,
    placeholder: "N",
    defaultText: `half the cores, at most ${MOST_THREADS_BY_DEFAULT}`,
    text: "Threads that carry traffic",
    since: "0.8",
  },
  {
    name: "log-level",
    type: "choice",
    choices: LOG_LEVELS,
    default: "message",
    placeholder: "LEVEL",
    text: `Log records of this level and more severe ones: ${LOG_LEVELS.join(", ")}`,
    since: "0.6",
  },
  {
    name: "log-file",
    type: "path",
    placeholder: "FILE",
    defaultText: "stderr",
    text: "Append the log to this file; it is opened anew on SIGHUP",
    since: "0.6",
  },
  {
    name: "log-format",
    type: "choice",
    choices: ["text", "json"],
    default: "text",
    placeholder: "FORMAT",
    text: "Lines of text, or one JSON object per line: text, json",
    since: "0.9",
  },
  {
    name: "pid-file",
    type: "path",
    placeholder: "FILE",
    text: "Write the process id to this file once everything has started, and remove it at the end",
    since: "0.6",
  },
  {
    name: "shutdown-timeout",
    type: "seconds",
    default: 10,
    minimum: 0,
    placeholder: "SECONDS",
    text: "How long running queries may take to end on SIGINT or SIGTERM; a second signal ends the program at once",
    since: "0.9",
  },
]);

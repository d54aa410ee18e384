/**
 * The life cycle of a connection as one table.
 *
 * The states and their numbers are the original's (`CON_STATE_…`), but for the last two: it knew no TLS. A `READ_x` state waits for the side that is to speak;
 * the `SEND_x` state behind it is where what was read has been handed to the other side. Everything that changes a
 * session's state is a row here: the session looks its next state up, and the page `states.md` is printed from it.
 *
 * @module
 */

/** The states by number, without the `CON_STATE_` prefix. */
export const STATES = [
  "INIT",
  "CONNECT_SERVER",
  "READ_HANDSHAKE",
  "SEND_HANDSHAKE",
  "READ_AUTH",
  "SEND_AUTH",
  "READ_AUTH_RESULT",
  "SEND_AUTH_RESULT",
  "READ_AUTH_OLD_PASSWORD",
  "SEND_AUTH_OLD_PASSWORD",
  "READ_QUERY",
  "SEND_QUERY",
  "READ_QUERY_RESULT",
  "SEND_QUERY_RESULT",
  "CLOSE_CLIENT",
  "SEND_ERROR",
  "ERROR",
  "CLOSE_SERVER",
  "READ_LOCAL_INFILE_DATA",
  "SEND_LOCAL_INFILE_DATA",
  "READ_LOCAL_INFILE_RESULT",
  "SEND_LOCAL_INFILE_RESULT",
  "SECURE_CLIENT",
  "SECURE_SERVER",
] as const;

/** The name of a state. */
export type State = typeof STATES[number];

/** What can happen to a session. */
export const EVENTS = {
  accepted: "a client has connected",
  connected: "the connection to the chosen backend is open",
  backend_failed: "the chosen backend refused, timed out, or closed before it greeted",
  no_backend: "no backend is left to try",
  pooled: "the script has taken a connection of the pool",
  other_terms: "the client wants other terms than its pooled connection has",
  answered: "the script has answered in the server's place",
  handshake: "the server's greeting has come",
  handshake_refused: "the server's first packet is an ERR",
  tls_request: "the client has asked for TLS",
  tls_needed: "the server has been asked for TLS",
  secured: "the TLS handshake is done",
  auth: "the client's login packet has come",
  auth_result: "a packet of the server has come during login",
  auth_data: "a packet of the client has come that goes on with the login",
  command: "a command has come",
  data: "a packet of a file that the server asked for has come",
  data_end: "the empty packet that ends the file has come",
  result: "bytes of a response have come",
  sent: "they have been handed to the other side, and more of the same is to come",
  turn_client: "they have been handed over, and it is the client's turn",
  turn_server: "they have been handed over, and the server speaks next",
  logged_in: "the server's OK has been handed over",
  next_query: "the script has another query",
  finished: "the response has ended, and so have all before it",
  wants_file: "the response is a request for a local file",
  quit: "the client has said COM_QUIT",
  refused: "an ERR packet of the proxy is due",
  client_closed: "the client has closed, or writing to it failed",
  server_closed: "the server has closed",
  stopped: "the proxy stops and the session is idle",
} as const;

/** The name of an event. */
export type Event = keyof typeof EVENTS;

/** One row of the table. */
export interface Transition {
  readonly from: State;
  readonly on: Event;
  readonly to: State;
}

function row(from: State, on: Event, to: State): Transition {
  return { from, on, to };
}

/** Every state in which both sides, or one of them, are still to be served. */
const OPEN: readonly State[] = STATES.filter((state) =>
  state !== "INIT" && state !== "CLOSE_CLIENT" && state !== "CLOSE_SERVER" && state !== "ERROR" &&
  state !== "SEND_ERROR"
);

/** The table. A pair of state and event that is not in it cannot happen; the session throws if it does. */
export const TRANSITIONS: readonly Transition[] = [
  row("INIT", "accepted", "CONNECT_SERVER"),
  row("INIT", "client_closed", "CLOSE_CLIENT"),
  row("INIT", "refused", "SEND_ERROR"),
  row("CONNECT_SERVER", "backend_failed", "CONNECT_SERVER"),
  row("CONNECT_SERVER", "no_backend", "SEND_ERROR"),
  row("CONNECT_SERVER", "connected", "READ_HANDSHAKE"),
  row("CONNECT_SERVER", "pooled", "SEND_HANDSHAKE"),
  row("CONNECT_SERVER", "answered", "SEND_HANDSHAKE"),
  row("READ_HANDSHAKE", "answered", "SEND_HANDSHAKE"),
  row("READ_HANDSHAKE", "backend_failed", "CONNECT_SERVER"),
  row("READ_HANDSHAKE", "handshake_refused", "SEND_ERROR"),
  row("READ_HANDSHAKE", "handshake", "SEND_HANDSHAKE"),
  row("SEND_HANDSHAKE", "turn_client", "READ_AUTH"),
  row("READ_AUTH", "tls_request", "SECURE_CLIENT"),
  row("SECURE_CLIENT", "secured", "READ_AUTH"),
  row("READ_AUTH", "auth", "SEND_AUTH"),
  row("READ_AUTH", "auth_result", "SEND_AUTH_RESULT"),
  row("READ_AUTH", "answered", "SEND_AUTH_RESULT"),
  row("READ_AUTH", "other_terms", "CONNECT_SERVER"),
  row("READ_HANDSHAKE", "auth", "SEND_AUTH"),
  row("SEND_AUTH", "turn_client", "READ_AUTH"),
  row("SEND_AUTH", "turn_server", "READ_AUTH_RESULT"),
  row("SEND_AUTH", "tls_needed", "SECURE_SERVER"),
  row("SECURE_SERVER", "secured", "READ_AUTH_RESULT"),
  row("READ_AUTH_RESULT", "auth_result", "SEND_AUTH_RESULT"),
  row("READ_AUTH_RESULT", "auth_data", "SEND_AUTH_OLD_PASSWORD"),
  row("SEND_AUTH_RESULT", "turn_client", "READ_AUTH_OLD_PASSWORD"),
  row("SEND_AUTH_RESULT", "turn_server", "READ_AUTH_RESULT"),
  row("SEND_AUTH_RESULT", "logged_in", "READ_QUERY"),
  row("SEND_AUTH_RESULT", "refused", "CLOSE_CLIENT"),
  row("READ_AUTH_OLD_PASSWORD", "auth_data", "SEND_AUTH_OLD_PASSWORD"),
  row("READ_AUTH_OLD_PASSWORD", "auth_result", "SEND_AUTH_RESULT"),
  row("SEND_AUTH_OLD_PASSWORD", "turn_client", "READ_AUTH_OLD_PASSWORD"),
  row("SEND_AUTH_OLD_PASSWORD", "turn_server", "READ_AUTH_RESULT"),
  row("READ_QUERY", "command", "SEND_QUERY"),
  row("READ_QUERY", "answered", "SEND_QUERY_RESULT"),
  row("SEND_QUERY", "next_query", "SEND_QUERY"),
  row("SEND_QUERY", "turn_client", "READ_QUERY"),
  row("SEND_QUERY", "turn_server", "READ_QUERY_RESULT"),
  row("SEND_QUERY", "quit", "CLOSE_SERVER"),
  row("READ_QUERY_RESULT", "command", "SEND_QUERY"),
  row("READ_QUERY_RESULT", "result", "SEND_QUERY_RESULT"),
  row("SEND_QUERY_RESULT", "sent", "READ_QUERY_RESULT"),
  row("SEND_QUERY_RESULT", "next_query", "SEND_QUERY"),
  row("SEND_QUERY_RESULT", "finished", "READ_QUERY"),
  row("SEND_QUERY_RESULT", "wants_file", "READ_LOCAL_INFILE_DATA"),
  row("READ_LOCAL_INFILE_DATA", "data", "SEND_LOCAL_INFILE_DATA"),
  row("SEND_LOCAL_INFILE_DATA", "sent", "READ_LOCAL_INFILE_DATA"),
  row("SEND_LOCAL_INFILE_DATA", "data_end", "READ_LOCAL_INFILE_RESULT"),
  row("SEND_LOCAL_INFILE_DATA", "turn_client", "READ_QUERY"),
  row("READ_LOCAL_INFILE_RESULT", "command", "SEND_QUERY"),
  row("READ_LOCAL_INFILE_RESULT", "result", "SEND_LOCAL_INFILE_RESULT"),
  row("SEND_LOCAL_INFILE_RESULT", "wants_file", "READ_LOCAL_INFILE_DATA"),
  row("SEND_LOCAL_INFILE_RESULT", "sent", "READ_QUERY_RESULT"),
  row("SEND_LOCAL_INFILE_RESULT", "next_query", "SEND_QUERY"),
  row("SEND_LOCAL_INFILE_RESULT", "finished", "READ_QUERY"),
  row("SEND_ERROR", "sent", "CLOSE_CLIENT"),
  row("SEND_ERROR", "client_closed", "CLOSE_CLIENT"),
  row("SEND_ERROR", "server_closed", "SEND_ERROR"),
  row("READ_QUERY", "stopped", "CLOSE_CLIENT"),
  ...OPEN.map((state) => row(state, "client_closed", "CLOSE_CLIENT")),
  ...OPEN.map((state) => row(state, "server_closed", "CLOSE_SERVER")),
  ...OPEN.filter((state) => state !== "SEND_AUTH_RESULT").map((state) => row(state, "refused", "SEND_ERROR")),
  row("CLOSE_SERVER", "client_closed", "CLOSE_CLIENT"),
  row("CLOSE_SERVER", "server_closed", "CLOSE_SERVER"),
  row("CLOSE_CLIENT", "client_closed", "CLOSE_CLIENT"),
  row("CLOSE_CLIENT", "server_closed", "CLOSE_CLIENT"),
];

const EVENT_NAMES = Object.keys(EVENTS) as readonly Event[];

/** The number of each state, as in the original. */
export const STATE_NUMBER: Readonly<Record<State, number>> = numbered(STATES);

/** The number of each event, for {@linkcode nextState}. */
export const EVENT_NUMBER: Readonly<Record<Event, number>> = numbered(EVENT_NAMES);

const NEXT = new Int8Array(STATES.length * EVENT_NAMES.length).fill(-1);
for (const { from, on, to } of TRANSITIONS) {
  NEXT[STATE_NUMBER[from] * EVENT_NAMES.length + EVENT_NUMBER[on]] = STATE_NUMBER[to];
}

function numbered<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, number) => [name, number])) as Record<Name, number>;
}

/**
 * The state that follows `state` on `event`, all three by number.
 *
 * @throws {Error} if the table has no such row.
 */
export function nextState(state: number, event: number): number {
  const next = NEXT[state * EVENT_NAMES.length + event]!;
  if (next < 0) throw new Error(`No transition from "${STATES[state]}" on "${EVENT_NAMES[event]}"`);
  return next;
}

/** The table as a Markdown page. */
export function statesPage(): string {
  const lines = [
    "# The life cycle of a connection",
    "",
    "Printed from the table in `state.ts` by `deno task docs`; a test compares the two.",
    "",
    "## Events",
    "",
    ...EVENT_NAMES.map((event) => `- \`${event}\`: ${EVENTS[event]}`),
    "",
    "## Transitions",
  ];
  for (const [number, state] of STATES.entries()) {
    const rows = TRANSITIONS.filter(({ from }) => from === state);
    lines.push("", `### ${number} ${state}`, "");
    for (const { on, to } of rows) lines.push(`- \`${on}\` → \`${to}\``);
    if (rows.length === 0) {
      lines.push("The original's catch-all for failures; here every failure has a state of its own.");
    }
  }
  return lines.join("\n") + "\n";
}

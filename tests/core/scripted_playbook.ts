/**
 * A session with a script that is a TypeScript object: what it decides and what it is told.
 *
 * @module
 */
import { Pool } from "../../lib/core/pool.ts";
import type { LoginPolicy } from "../../lib/core/login_policy.ts";
import type { Scripting, Session } from "../../lib/core/session.ts";
import { type Decision, type QueryResult, type QueuedQuery, type Script, Verdict } from "../../lib/script/mod.ts";
import { ONE_BACKEND, PLAIN, Playbook } from "./playbook.ts";

/** A script whose hooks can be replaced one by one; by default they decide nothing. */
export class FakeScript implements Script {
  readonly calls: string[] = [];
  readonly results: QueryResult[] = [];
  readonly queries: QueuedQuery[] = [];
  readsQueries = true;
  answer: Uint8Array[] = [];
  onConnect: () => Decision = () => Verdict.NONE;
  onHandshake: () => Decision = () => Verdict.NONE;
  onAuth: () => Decision = () => Verdict.NONE;
  onAuthResult: (packet: Uint8Array) => Decision = () => Verdict.NONE;
  onQuery: (packet: Uint8Array) => Decision = () => Verdict.NONE;
  onResult: (result: QueryResult) => Decision = () => Verdict.NONE;
  onDisconnect: () => void = () => {};

  connectServer(): Decision {
    this.calls.push("connect_server");
    return this.onConnect();
  }

  readHandshake(): Decision {
    this.calls.push("read_handshake");
    return this.onHandshake();
  }

  readAuth(): Decision {
    this.calls.push("read_auth");
    return this.onAuth();
  }

  readAuthResult(packet: Uint8Array): Decision {
    this.calls.push("read_auth_result");
    return this.onAuthResult(packet);
  }

  readQuery(packet: Uint8Array): Decision {
    this.calls.push("read_query");
    return this.onQuery(packet);
  }

  readQueryResult(result: QueryResult): Decision {
    this.calls.push("read_query_result");
    const { query, queryTime, responseTime, rowCount, bytes, status, affectedRows, insertId, warnings } = result;
    const packets = result.packets?.map((packet) => packet.slice());
    const { serverStatus, capabilities } = result;
    this.results.push({
      ...{ query, queryTime, responseTime, rowCount, bytes, status, affectedRows, insertId, warnings },
      ...{ serverStatus, capabilities, packets },
    });
    return this.onResult(result);
  }

  disconnectClient(): void {
    this.calls.push("disconnect_client");
    this.onDisconnect();
  }

  response(): Uint8Array[] {
    return this.answer;
  }

  cancel(): void {
    this.calls.push("cancel");
  }

  /** What `proxy.queries:append()` does. */
  append(id: number, packet: Uint8Array, resultsetIsNeeded = false): void {
    this.queries.push({ id, packet: packet.slice(), resultsetIsNeeded, appendedAt: 0 });
  }
}

/** A playbook with a script. */
export function scripted(
  script: FakeScript,
  entries = ONE_BACKEND,
  pool = new Pool(),
  address = "",
  policy: LoginPolicy = PLAIN,
): Playbook {
  const scripting: Scripting = {
    pool,
    script: (_session: Session) => script,
    addressFor: () => address,
    now: () => 1000,
    clock: () => 5,
  };
  return new Playbook(entries, { ...policy, scripted: true }, false, scripting);
}

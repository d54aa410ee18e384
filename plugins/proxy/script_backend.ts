/**
 * A backend as scripts see it (spec 4.5).
 *
 * @module
 */
import { type Backends, BackendState } from "../../lib/core/backends.ts";
import type { Pool } from "../../lib/core/pool.ts";
import type { AddressView, BackendView, PoolView } from "../../lib/script/mod.ts";

/** Live: reads and writes go to memory that all threads share; idle connections are this thread's. */
export class ScriptBackend implements BackendView {
  readonly #backends: Backends;
  readonly #index: number;
  readonly dst: AddressView;
  readonly pool: PoolView;
  readonly type: number;

  constructor(backends: Backends, index: number, dst: AddressView, pool: Pool) {
    this.#backends = backends;
    this.#index = index;
    this.dst = dst;
    this.type = backends.entry(index).type;
    this.pool = {
      get maxIdleConnections() {
        return backends.maxIdle(index);
      },
      set maxIdleConnections(count: number) {
        backends.setMaxIdle(index, count);
      },
      get minIdleConnections() {
        return backends.minIdle(index);
      },
      set minIdleConnections(count: number) {
        backends.setMinIdle(index, count);
      },
      idle: (user) => pool.visible(index, user, backends.minIdle(index)),
    };
  }

  get state(): number {
    return this.#backends.state(this.#index);
  }

  set state(state: number) {
    const known = state === BackendState.UP || state === BackendState.DOWN ? state : BackendState.UNKNOWN;
    this.#backends.setState(this.#index, known, Date.now() / 1000);
  }

  get uuid(): string | undefined {
    return this.#backends.uuid(this.#index);
  }

  set uuid(uuid: string | undefined) {
    this.#backends.setUuid(this.#index, uuid);
  }

  get connectedClients(): number {
    return this.#backends.connectedClients(this.#index);
  }
}

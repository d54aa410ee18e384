/**
 * The part of the proxy that runs once, on the main thread.
 *
 * @module
 */
import { Backends, BackendType } from "../../lib/core/backends.ts";
import { type Address, formatAddress } from "../../lib/net/address.ts";
import { Listener, removeStaleSocket } from "../../lib/net/listener.ts";
import type { MainContext, MainHalf } from "../../lib/plugin/mod.ts";
import { valuesOf } from "../../lib/plugin/mod.ts";
import { options } from "./options.ts";
import { Probe } from "./probe.ts";
import { prepareSetup, type Setup } from "./setup.ts";

/** Checks addresses and ports and makes what the threads share. @throws {NetError} if an address cannot be used. */
export async function startMain({ values: all, log, threads }: MainContext): Promise<MainHalf<Setup>> {
  const values = valuesOf(options, all);
  const setup = await prepareSetup(values, all, threads, log);
  const backends = new Backends(setup.backendMemory);
  // Held until the threads share the socket, so that a port of 0 is the same one for all of them.
  const held = await Promise.all(setup.listen.map(reserve));
  const targets = setup.backends.map((address, index) => ({
    address,
    proxyProtocol: setup.terms[index]?.proxyProtocol ?? 0,
  }));
  const probe = new Probe(backends, targets, setup.connectTimeout, log);
  return {
    shared: setup,
    ready() {
      for (const [index, address] of setup.listen.entries()) {
        log.write("message", `proxy listening on port ${formatAddress(held[index]?.address ?? address)}`);
        held[index]?.close();
      }
      for (let index = 0; index < backends.count; index++) {
        const { name, type } = backends.entry(index);
        log.write("message", `added ${type === BackendType.RO ? "read-only" : "read/write"} backend: ${name}`);
      }
      probe.start();
    },
    stats() {
      const stats: Record<string, number> = {};
      for (let index = 0; index < backends.count; index++) {
        const { name } = backends.entry(index);
        stats[`backend.${name}.connected_clients`] = backends.connectedClients(index);
        stats[`backend.${name}.connections`] = backends.counters(index).connections;
        stats[`backend.${name}.failures`] = backends.counters(index).failures;
      }
      return stats;
    },
    async stop() {
      probe.stop();
      for (const listener of held) listener?.close();
      for (const address of setup.listen) if (address.transport === "unix") await removeStaleSocket(address.path);
    },
  };
}

async function reserve(address: Address): Promise<Listener | undefined> {
  if (address.transport === "tcp") return Listener.open(address, "shared");
  await removeStaleSocket(address.path);
  return undefined;
}

/**
 * `deno task bench`: point selects straight to a server, through HAProxy (with `--tls`: MySQL Router) if it is installed,
 * and through the proxy.
 *
 * Machines are noisy, so all ways are measured in turn, in rounds; each gets a fresh process and a warm-up each round.
 * Shown are medians; ratios pair two measurements of one round. CPU time of the process in between, per 100,000 queries,
 * is the steadiest figure.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { removeTempDir } from "../servers/leash.ts";
import { startMariadb, startMysql, whyMissing } from "../servers/servers.ts";
import { idleBytes } from "./idle.ts";
import { makeCertificates } from "./certificates.ts";
import { hasSysbench, type LoadOptions, makeTables, sendLoad } from "./load.ts";
import { cpuSeconds } from "./process.ts";
import { findHaproxy, findRouter, isScriptWay, openWay, type WayName } from "./way.ts";

const HELP = `Usage: deno task bench [OPTION...]

  --rounds=N           how often all ways are measured (3)
  --seconds=N          length of a measurement (5)
  --threads=N,N        numbers of clients at once (8,64)
  --connections=N      idle connections to hold, up to 5000; 0 leaves this out (2000)
  --ways=NAME,NAME     direct, HAProxy, Router, ours: only these
  --tls                TLS on both sides; HAProxy cannot, MySQL Router can
  --server=KIND        mariadb or mysql (mariadb if it is there)
  --script=FILE        the proxy with this Lua script as a further way; may be repeated
  --proxy-arg=OPTION   a further option of the proxy; may be repeated
`;

/** One measurement. */
interface Sample {
  readonly round: number;
  readonly way: WayName;
  readonly threads: number;
  readonly perSecond: number;
  /** Seconds of CPU time of the process in between per 100,000 queries. */
  readonly cpu: number | undefined;
}

interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly threads: readonly number[];
  readonly connections: number;
  readonly ways: readonly WayName[];
  readonly server: "mariadb" | "mysql";
  readonly proxyArgs: readonly string[];
  readonly tls: boolean;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function count(value: unknown, name: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} must be a whole number: "${value}"`);
  return number;
}

function words(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).flatMap((word) => typeof word === "string" ? word.split(",") : []);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function readSettings(args: readonly string[]): Settings | undefined {
  const options: Readonly<Record<string, unknown>> = parseArgs([...args], {
    boolean: ["help", "tls"],
    string: ["rounds", "seconds", "threads", "connections", "ways", "server", "script", "proxy-arg"],
    collect: ["script", "proxy-arg"],
    default: { rounds: "3", seconds: "5", threads: "8,64", connections: "2000", ways: "direct,HAProxy,Router,ours" },
    unknown: (name: string) => {
      throw new Error(`Unknown option "${name}": see --help`);
    },
  });
  if (options.help === true) return undefined;
  const wanted = words(options.ways).map((word) => word.toLowerCase());
  const known: readonly WayName[] = ["direct", "HAProxy", "Router", "ours"];
  return {
    rounds: count(options.rounds, "rounds"),
    seconds: count(options.seconds, "seconds"),
    threads: words(options.threads).map((word) => count(word, "threads")),
    connections: count(options.connections, "connections"),
    ways: [
      ...known.filter((name) => wanted.includes(name.toLowerCase())),
      ...texts(options.script).map((script): WayName => `script:${script}`),
    ],
    server: options.server === "mysql" || whyMissing("mariadb") !== undefined ? "mysql" : "mariadb",
    proxyArgs: texts(options["proxy-arg"]),
    tls: options.tls === true,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The median over the rounds of `value` of `way` divided by that of `base`. */
function ratio(
  samples: readonly Sample[],
  base: WayName,
  way: WayName,
  value: (sample: Sample) => number | undefined,
): string {
  const ratios: number[] = [];
  for (const sample of samples.filter((one) => one.way === way)) {
    const other = samples.find((one) => one.way === base && one.round === sample.round);
    const [top, bottom] = [value(sample), other && value(other)];
    if (top !== undefined && bottom !== undefined && bottom > 0) ratios.push(top / bottom);
  }
  return ratios.length === 0 ? "" : median(ratios).toFixed(2);
}

function row(...cells: string[]): string {
  return cells.map((cell, index) => index === 0 ? cell.padEnd(9) : index === 1 ? cell.padEnd(17) : cell.padStart(13))
    .join("").trimEnd();
}

function report(samples: readonly Sample[], { threads, ways, tls }: Settings): void {
  const peer: WayName = tls ? "Router" : "HAProxy";
  const scripted = ways.some(isScriptWay);
  const ours = scripted ? ["of ours"] : [];
  print(row("clients", "way", "queries/s", "of direct", `of ${peer}`, ...ours, "CPU s/100k", `of ${peer}`, ...ours));
  for (const clients of threads) {
    const those = samples.filter((sample) => sample.threads === clients);
    for (const way of ways) {
      const own = those.filter((sample) => sample.way === way);
      if (own.length === 0) continue;
      const cpu = own.flatMap((sample) => sample.cpu === undefined ? [] : [sample.cpu]);
      print(row(
        `${clients}`,
        way.split("/").at(-1)!,
        Math.round(median(own.map(({ perSecond }) => perSecond))).toLocaleString("en"),
        ratio(those, "direct", way, ({ perSecond }) => perSecond),
        ratio(those, peer, way, ({ perSecond }) => perSecond),
        ...(scripted ? [ratio(those, "ours", way, ({ perSecond }) => perSecond)] : []),
        cpu.length === 0 ? "" : median(cpu).toFixed(2),
        ratio(those, peer, way, (sample) => sample.cpu),
        ...(scripted ? [ratio(those, "ours", way, (sample) => sample.cpu)] : []),
      ));
    }
  }
}

async function measure(port: number, settings: Settings, load: LoadOptions): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 1; round <= settings.rounds; round++) {
    for (const name of settings.ways) {
      const way = await openWay(name, port, { proxyArgs: settings.proxyArgs, tls: load.tls });
      try {
        await sendLoad(load, way.port, 8, 2);
        for (const threads of settings.threads) {
          const before = way.pid === undefined ? 0 : cpuSeconds(way.pid);
          const { queries, perSecond } = await sendLoad(load, way.port, threads, settings.seconds);
          const used = way.pid === undefined ? undefined : cpuSeconds(way.pid) - before;
          samples.push({ round, way: name, threads, perSecond, cpu: used && (used * 100_000) / queries });
          print(`round ${round}, ${name}, ${threads} clients: ${Math.round(perSecond)} queries/s`);
        }
      } finally {
        await way.close();
      }
    }
  }
  return samples;
}

async function measureIdle(port: number, settings: Settings, sysbench: boolean): Promise<void> {
  if (settings.connections === 0) return;
  for (const name of settings.ways) {
    if (name === "direct" || name === "Router" || isScriptWay(name)) continue;
    const way = await openWay(name, port, { proxyArgs: settings.proxyArgs, tls: undefined });
    try {
      const bytes = await idleBytes(way, settings.connections, sysbench);
      print(`${name}: ${((bytes ?? NaN) / 1024).toFixed(1)} KB for each of ${settings.connections} idle connections`);
    } finally {
      await way.close();
    }
  }
}

async function main(): Promise<void> {
  const wanted = readSettings(Deno.args);
  if (wanted === undefined) return print(HELP);
  const haproxy = findHaproxy();
  if (haproxy === undefined) print("HAProxy is not installed: it is left out");
  const router = findRouter();
  if (wanted.tls && router === undefined) print("MySQL Router is not installed: it is left out");
  const cannot: readonly WayName[] = [
    ...(haproxy === undefined || wanted.tls ? ["HAProxy" as const] : []),
    ...(router === undefined || !wanted.tls ? ["Router" as const] : []),
  ];
  const settings = { ...wanted, ways: wanted.ways.filter((name) => !cannot.includes(name)) };
  const sysbench = await hasSysbench();
  if (!sysbench && wanted.tls) throw new Error("Measuring TLS takes sysbench, which is not installed");
  if (!sysbench) print("sysbench is not installed: a slower client of ours makes the load");
  const tls = settings.tls ? await makeCertificates() : undefined;
  const start = settings.server === "mariadb" ? startMariadb : startMysql;
  const server = await start({
    args: [
      "--max-connections=6000",
      "--open-files-limit=30000",
      ...(tls === undefined ? [] : [
        `--ssl-cert=${tls}/server-cert.pem`,
        `--ssl-key=${tls}/server-key.pem`,
        // sysbench shows a certificate, which the server would refuse otherwise.
        `--ssl-ca=${tls}/cacert.pem`,
      ]),
    ],
  });
  try {
    await makeTables(server);
    print(
      `point selects${
        tls ? " by TLS" : ""
      }, ${settings.server} ${server.version}, ${navigator.hardwareConcurrency} cores`,
    );
    const samples = await measure(server.port, settings, { sysbench, ...(tls === undefined ? {} : { tls }) });
    print("");
    report(samples, settings);
    print("");
    await measureIdle(server.port, settings, sysbench);
  } finally {
    await server.stop();
    if (tls !== undefined) await removeTempDir(tls);
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    Deno.stderr.writeSync(new TextEncoder().encode(`${error instanceof Error ? error.message : error}\n`));
    Deno.exit(1);
  }
}

import { assertEquals, assertStringIncludes } from "@std/assert";
import { PROJECT, startTask } from "../../servers/proxy.ts";
import { run } from "../../servers/run_program.ts";
import { certificateFiles, without } from "./tls_stage.ts";
import { dataFolder } from "./in_process.ts";

/** Starts a proxy that must not come up; what it writes before it ends. */
async function startFails(...args: string[]): Promise<string> {
  const [program, ...before] = startTask();
  const all = [...before, `--data-dir=${await dataFolder()}`, "--proxy-address=127.0.0.1:0", ...args];
  const { code, stdout, stderr } = await run([program, ...all], { cwd: PROJECT, limit: 20_000 });
  assertEquals(code, 1, stderr + stdout);
  return stderr + stdout;
}

Deno.test({
  name: "a proxy does not start with options of backends that cannot be",
  ignore: without(),
  async fn() {
    const files = await certificateFiles();
    const { folder, client, clientKey, leafKey } = files;
    const none = `${folder}/none.pem`;
    const garbage = `${folder}/garbage.pem`;
    await Deno.writeTextFile(garbage, "garbage");
    const damaged = `${folder}/damaged.pem`;
    await Deno.writeTextFile(damaged, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const cases: readonly (readonly [args: readonly string[], ...texts: string[]])[] = [
      [["--backend-ssl-mode=sometimes"], "--backend-ssl-mode", "sometimes", "verify-identity"],
      [["--backend-ssl-mode=127.0.0.9:1=required"], "--backend-ssl-mode", "127.0.0.9:1", "127.0.0.1:3306"],
      [[`--backend-ssl-ca=${none}`], none, "no such file"],
      [[`--backend-ssl-ca=${garbage}`], garbage, "no certificate"],
      [[`--backend-ssl-ca=127.0.0.1:3306=${damaged}`], damaged, "damaged"],
      [[`--backend-ssl-cert=${client}`], "--backend-ssl-key", "127.0.0.1:3306"],
      [[`--backend-ssl-key=${clientKey}`], "--backend-ssl-cert", "127.0.0.1:3306"],
      [[`--backend-ssl-cert=${client}`, `--backend-ssl-key=${leafKey}`], leafKey, "does not belong"],
      [[`--backend-ssl-cert=${client}`, `--backend-ssl-key=${garbage}`], garbage, "no private key"],
      [["--proxy-backend-addresses=/tmp/socket", "--backend-ssl-mode=verify-identity"], "--backend-ssl-server-name"],
      [["--backend-compression-algorithms=lz4"], "--backend-compression-algorithms", "lz4", "zstd"],
      [["--compression-algorithms=lz4"], "--compression-algorithms", "lz4"],
      [["--backend-proxy-protocol=v3"], "--backend-proxy-protocol", "v3", "v1"],
      [["--proxy-protocol-networks=10.0.0.0/33"], "10.0.0.0/33", "32 bits"],
      [["--proxy-protocol-networks=balancer.example"], "balancer.example", "no numeric IP address"],
    ];
    const left = [...cases];
    const work = async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [args, ...texts] = next;
        const said = await startFails(...args);
        for (const text of texts) assertStringIncludes(said, text, args.join(" "));
      }
    };
    await Promise.all([work(), work(), work()]);
  },
});

import { assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../lib/net/net_error.ts";
import { checkTlsOptions, TLS_OPTIONS, type TlsValues } from "../../lib/net/tls_options.ts";
import { valuesOf } from "../../lib/plugin/mod.ts";

const DEFAULTS: TlsValues = valuesOf(
  TLS_OPTIONS,
  new Map(TLS_OPTIONS.map(({ name, ...rest }) => {
    return [name, "default" in rest ? rest.default : undefined];
  })),
);

Deno.test("TLS_OPTIONS offer TLS and demand nothing by default", () => {
  assertEquals(DEFAULTS["ssl-mode"], "preferred");
  assertEquals(DEFAULTS["ssl-require-client-cert"], false);
  checkTlsOptions(DEFAULTS);
});

const WRONG: readonly [Partial<TlsValues>, string][] = [
  [{ "ssl-cert": "/c.pem" }, '"--ssl-key" is missing, the file with the private key of "--ssl-cert=/c.pem"'],
  [{ "ssl-key": "/k.pem" }, '"--ssl-cert" is missing, the file with the certificate of "--ssl-key=/k.pem"'],
  [
    { "ssl-require-client-cert": true },
    '"--ssl-ca" is missing, the file with the CA of the certificates that "--ssl-require-client-cert" asks for',
  ],
];

for (const [values, message] of WRONG) {
  Deno.test(`checkTlsOptions() refuses ${Object.keys(values).join()} alone`, () => {
    const error = assertThrows(() => checkTlsOptions({ ...DEFAULTS, ...values }), NetError);
    assertEquals(error.code, "bad-option");
    assertEquals(error.message, message);
  });
}

Deno.test("checkTlsOptions() takes what belongs together", () => {
  checkTlsOptions({ ...DEFAULTS, "ssl-cert": "/c", "ssl-key": "/k", "ssl-ca": "/a", "ssl-require-client-cert": true });
});

/**
 * What a test run starts must not outlive it, also when the run is interrupted or dies: one small shell process per run
 * reads its orders from a pipe. When the pipe closes, for whatever reason, it kills the processes and removes the
 * folders that are still on the list.
 *
 * @module
 */

const SCRIPT = `
trap '' INT TERM HUP
list=
while read -r order kind value; do
  case $order in
    hold) list="$list$kind $value
" ;;
    free) list=$(printf '%s' "$list" | grep -vxF "$kind $value")
      [ -z "$list" ] || list="$list
" ;;
  esac
done
printf '%s' "$list" | while read -r kind value; do
  [ "$kind" != process ] || kill -KILL "$value" 2>/dev/null
done
printf '%s' "$list" | while read -r kind value; do
  [ "$kind" != folder ] || rm -rf "$value" || { sleep 1; rm -rf "$value"; }
done`;

/** Something to clean up when the run ends: a process by its id, a folder by its path. */
export type Held = { readonly kind: "process"; readonly pid: number } | {
  readonly kind: "folder";
  readonly path: string;
};

let orders: WritableStreamDefaultWriter<Uint8Array> | undefined;

function open(): WritableStreamDefaultWriter<Uint8Array> {
  const keeper = new Deno.Command("sh", { args: ["-c", SCRIPT], stdin: "piped", stdout: "null", stderr: "null" })
    .spawn();
  keeper.unref();
  return keeper.stdin.getWriter();
}

async function send(order: "hold" | "free", held: Held): Promise<void> {
  orders ??= open();
  const value = held.kind === "process" ? `${held.pid}` : held.path;
  await orders.write(new TextEncoder().encode(`${order} ${held.kind} ${value}\n`));
}

/** Cleans up `held` when this run ends, unless {@linkcode free} was called before. */
export function hold(held: Held): Promise<void> {
  return send("hold", held);
}

/** Takes `held` off the list: the caller has cleaned it up. */
export function free(held: Held): Promise<void> {
  return send("free", held);
}

/** Makes a temporary folder that is removed when the run ends. */
export async function holdTempDir(name: string): Promise<string> {
  const path = await Deno.makeTempDir({ prefix: `mysql-proxy-test-${name}-` });
  await hold({ kind: "folder", path });
  return path;
}

/** Removes a folder made by {@linkcode holdTempDir} now. */
export async function removeTempDir(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await free({ kind: "folder", path });
}

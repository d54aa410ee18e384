/**
 * What a process has used, as Linux tells in /proc.
 *
 * @module
 */

/** Clock ticks a second in /proc/PID/stat; 100 on every Linux of today. */
const TICKS = 100;

/** Reads a file of /proc. Deno itself would need all permissions for that. */
function readProc(path: string): string {
  const { success, stdout } = new Deno.Command("cat", { args: [path], stderr: "null" }).outputSync();
  if (!success) throw new Error(`Cannot read ${path}: the process is gone, or this is not Linux`);
  return new TextDecoder().decode(stdout);
}

/** Seconds of CPU time, user and system, of all threads of `pid` since it started. */
export function cpuSeconds(pid: number): number {
  const stat = readProc(`/proc/${pid}/stat`);
  // The name in parentheses may hold spaces. utime and stime are fields 14 and 15 of proc(5).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory of `pid` in bytes. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readProc(`/proc/${pid}/status`))?.[1]) * 1024;
}

/**
 * Notices that files have changed, by looking at what they are, not what they hold.
 *
 * @module
 */

/**
 * Looks at files now and then. Symbolic links are followed, so that a link that is turned to another file, as certbot and
 * Kubernetes do, is a change. A file that goes or comes is one, too.
 */
export class WatchedFiles {
  readonly #paths: readonly string[];
  #stamp: string | undefined;

  /**
   * @param since what {@linkcode stampOf} told before the files were read. Without it they are taken to be what they are
   *   at the first {@linkcode changed}, and a change between reading and that goes unnoticed.
   */
  constructor(paths: readonly string[], since?: string) {
    this.#paths = paths;
    this.#stamp = since;
  }

  /** Whether a file has changed since the last time that this was asked. One `stat` per file. */
  async changed(): Promise<boolean> {
    const before = this.#stamp;
    this.#stamp = await stampOf(this.#paths);
    return before !== undefined && this.#stamp !== before;
  }
}

/** A text that differs as soon as one of the files does: of time of change, size, inode and device. */
export async function stampOf(paths: readonly string[]): Promise<string> {
  const stamps = await Promise.all(paths.map(async (path) => {
    try {
      const { mtime, size, ino, dev } = await Deno.stat(path);
      return [mtime?.getTime(), size, ino, dev].join(":");
    } catch {
      // Missing or not readable: the one who reads it tells why.
      return "none";
    }
  }));
  return stamps.join(" ");
}

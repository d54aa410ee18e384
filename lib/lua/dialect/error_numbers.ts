/**
 * Error numbers as scripts know them, those of Linux: Lua's C library in wasm has the numbers of WASI.
 *
 * @module
 */

/**
 * Linux's number by WASI's, for what files can fail with.
 *
 * See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno and errno(3).
 */
const LINUX: Readonly<Record<number, number>> = {
  2: 13, // EACCES
  8: 9, // EBADF
  10: 16, // EBUSY
  20: 17, // EEXIST
  22: 27, // EFBIG
  28: 22, // EINVAL
  29: 5, // EIO
  31: 21, // EISDIR
  32: 40, // ELOOP
  33: 24, // EMFILE
  37: 36, // ENAMETOOLONG
  41: 23, // ENFILE
  44: 2, // ENOENT
  48: 12, // ENOMEM
  51: 28, // ENOSPC
  52: 38, // ENOSYS
  54: 20, // ENOTDIR
  55: 39, // ENOTEMPTY
  63: 1, // EPERM
  64: 32, // EPIPE
  69: 30, // EROFS
  75: 18, // EXDEV
};

/** The number of the same error on Linux; the number itself if it is none of those. */
export function linuxErrorNumber(wasi: number): number {
  return LINUX[wasi] ?? wasi;
}

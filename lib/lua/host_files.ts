/**
 * The host's files for Lua's C library: the imports behind `io`, `os.remove`, `os.rename`, `os.tmpname`, `print` and
 * `require`.
 *
 * The C library does its own buffering and formats; what it asks of the system is answered here by Deno's synchronous calls.
 * Reading and writing files blocks, as in the original. A refused permission is `EACCES`, so it reaches the script as
 * `nil, "...: Permission denied", 2`. The error numbers are WASI's.
 *
 * @module
 */
import { concat } from "../protocol/mod.ts";
import type { Heap } from "./heap.ts";
import type { Imports } from "./wasm_imports.ts";

/** Where the script's output goes; the program's own streams by default. */
export interface Streams {
  /** The bytes are valid during the call only. */
  readonly stdout?: (bytes: Uint8Array) => void;
  readonly stderr?: (bytes: Uint8Array) => void;
}

// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
const Errno = {
  EACCES: 2,
  EBADF: 8,
  EBUSY: 10,
  EEXIST: 20,
  EINVAL: 28,
  EIO: 29,
  EISDIR: 31,
  ELOOP: 32,
  EMFILE: 33,
  ENAMETOOLONG: 37,
  ENOENT: 44,
  ENOSPC: 51,
  ENOSYS: 52,
  ENOTDIR: 54,
  ENOTEMPTY: 55,
  ENOTTY: 59,
  EPERM: 63,
  EPIPE: 64,
  EROFS: 69,
  ESPIPE: 70,
  ETXTBSY: 74,
  EXDEV: 75,
} as const;

// Flags of open() in emscripten's C library, as on Linux.
const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const TIOCGWINSZ = 0x5413;
const AT_REMOVEDIR = 0x200;

/** An open file descriptor. */
interface Descriptor {
  read(target: Uint8Array): number;
  write(source: Uint8Array): void;
  /** `undefined` for streams that have no position. */
  readonly seek?: (offset: bigint, whence: number) => number;
  close(): void;
}

class Refusal extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

/** Adds the imports. */
export function hostFiles(imports: Imports, heap: Heap, streams: Streams): void {
  const descriptors: (Descriptor | undefined)[] = [
    stream({ read: (target) => Deno.stdin.readSync(target) ?? 0 }),
    stream({ write: streams.stdout ?? ((bytes) => writeAll(Deno.stdout, bytes)) }),
    stream({ write: streams.stderr ?? ((bytes) => writeAll(Deno.stderr, bytes)) }),
  ];

  const text = (at: number) => {
    const memory = heap.bytes;
    return new TextDecoder().decode(memory.slice(at, memory.indexOf(0, at)));
  };
  const descriptor = (fd: number): Descriptor => {
    const found = descriptors[fd];
    if (found === undefined) throw new Refusal(Errno.EBADF);
    return found;
  };
  /** Runs over the `count` buffers of an iovec until one is not used up; the sum goes to `*result`. */
  const eachBuffer = (iov: number, count: number, result: number, use: (buffer: Uint8Array) => number): void => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const at = heap.words[(iov >> 2) + 2 * i] ?? 0;
      const length = heap.words[(iov >> 2) + 2 * i + 1] ?? 0;
      if (length === 0) continue;
      const used = use(heap.bytes.subarray(at, at + length));
      sum += used;
      if (used < length) break;
    }
    heap.words[result >> 2] = sum;
  };

  Object.assign(imports.env, {
    __syscall_openat: system((_directory: number, path: number, flags: number, rest: number) => {
      const mode = (flags & O_CREAT) !== 0 && rest !== 0 ? heap.words[rest >> 2] ?? 0o666 : 0o666;
      const opened = openFile(text(path), flags, mode);
      let fd = 3;
      while (descriptors[fd] !== undefined) fd++;
      descriptors[fd] = opened;
      return fd;
    }),
    __syscall_fcntl64: system((fd: number) => {
      descriptor(fd);
      return 0;
    }),
    // A terminal's size is asked for to find out whether there is a terminal: output to one is buffered by lines only.
    __syscall_ioctl: system((fd: number, operation: number) => {
      descriptor(fd);
      if ((fd !== 1 && fd !== 2) || operation !== TIOCGWINSZ) throw new Refusal(Errno.ENOTTY);
      return 0;
    }),
    __syscall_dup3: () => -Errno.ENOSYS,
    // os.tmpname() takes a name that is no link and does not exist.
    __syscall_readlinkat: system((_directory: number, path: number): number => {
      Deno.lstatSync(text(path));
      throw new Refusal(Errno.EINVAL);
    }),
    __syscall_unlinkat: system((_directory: number, path: number, flags: number) => {
      const name = text(path);
      if ((flags & AT_REMOVEDIR) === 0 && Deno.lstatSync(name).isDirectory) throw new Refusal(Errno.EISDIR);
      Deno.removeSync(name);
      return 0;
    }),
    __syscall_rmdir: system((path: number) => {
      Deno.removeSync(text(path));
      return 0;
    }),
    __syscall_renameat: system((_from: number, path: number, _to: number, newPath: number) => {
      Deno.renameSync(text(path), text(newPath));
      return 0;
    }),
    // A string asks for a command, 0 whether there is a shell. os.execute does not come here: see host_process.ts.
    system: (command: number) => command === 0 ? 0 : -1,
  });

  Object.assign(imports.wasi_snapshot_preview1, {
    fd_read: wasi((fd: number, iov: number, count: number, result: number) => {
      const { read } = descriptor(fd);
      eachBuffer(iov, count, result, read);
    }),
    fd_write: wasi((fd: number, iov: number, count: number, result: number) => {
      const { write } = descriptor(fd);
      const buffers: Uint8Array[] = [];
      eachBuffer(iov, count, result, (buffer) => {
        buffers.push(buffer);
        return buffer.length;
      });
      // In one go: other threads write to the same terminal, and must not get into the middle of a line.
      if (buffers.length > 0) write(concat(...buffers));
    }),
    fd_seek: wasi((fd: number, offset: bigint, whence: number, result: number) => {
      const { seek } = descriptor(fd);
      if (seek === undefined) throw new Refusal(Errno.ESPIPE);
      const position = seek(offset, whence);
      heap.words[result >> 2] = position >>> 0;
      heap.words[(result >> 2) + 1] = Math.floor(position / 2 ** 32);
    }),
    fd_close: wasi((fd: number) => {
      const { close } = descriptor(fd);
      descriptors[fd] = undefined;
      close();
    }),
    // The environment is empty for the C library: os.getenv asks Deno, variable by variable.
    environ_sizes_get: wasi((count: number, size: number) => {
      heap.words[count >> 2] = 0;
      heap.words[size >> 2] = 0;
    }),
    environ_get: wasi(() => {}),
  });
}

function stream(part: Partial<Pick<Descriptor, "read" | "write">>): Descriptor {
  const refuse = (): never => {
    throw new Refusal(Errno.EBADF);
  };
  return { read: part.read ?? refuse, write: part.write ?? refuse, close() {} };
}

function writeAll(target: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let n = 0; n < bytes.length;) n += target.writeSync(bytes.subarray(n));
}

function openFile(path: string, flags: number, mode: number): Descriptor {
  const access = flags & O_ACCMODE;
  const writes = access !== O_RDONLY;
  const append = (flags & O_APPEND) !== 0;
  const create = (flags & O_CREAT) !== 0;
  const exclusive = (flags & O_EXCL) !== 0;
  const file = Deno.openSync(path, {
    read: access !== O_WRONLY,
    write: writes && !append,
    append,
    truncate: writes && (flags & O_TRUNC) !== 0,
    create: create && !exclusive,
    createNew: create && exclusive,
    ...(create ? { mode: mode & 0o777 } : {}),
  });
  return {
    read: (target) => file.readSync(target) ?? 0,
    write: (source) => writeAll(file, source),
    seek: (offset, whence) => file.seekSync(offset, whence),
    close: () => file.close(),
  };
}

/** A call of the system: returns its result, or the negative error number. */
function system<A extends unknown[]>(call: (...args: A) => number): (...args: A) => number {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      return -errnoOf(error);
    }
  };
}

/** A call of WASI: returns 0, or the error number. */
function wasi<A extends unknown[]>(call: (...args: A) => void): (...args: A) => number {
  return (...args) => {
    try {
      call(...args);
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  };
}

function errnoOf(error: unknown): number {
  if (error instanceof Refusal) return error.errno;
  if (!(error instanceof Error)) return Errno.EIO;
  if ("code" in error) {
    const found = Object.entries(Errno).find(([name]) => name === error.code);
    if (found !== undefined) return found[1];
  }
  switch (error.name) {
    case "NotFound":
      return Errno.ENOENT;
    case "PermissionDenied":
    case "NotCapable":
      return Errno.EACCES;
    case "AlreadyExists":
      return Errno.EEXIST;
    case "IsADirectory":
      return Errno.EISDIR;
    case "NotADirectory":
      return Errno.ENOTDIR;
    case "FilesystemLoop":
      return Errno.ELOOP;
    case "BrokenPipe":
      return Errno.EPIPE;
    case "TypeError":
      return Errno.EINVAL;
    default:
      return Errno.EIO;
  }
}

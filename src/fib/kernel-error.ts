import { getSystemErrorName } from 'node:util'

/** `ENETUNREACH` for 101; `errno 524` for a number that has no name outside the kernel. */
export function errnoName(errno: number): string {
  if (errno <= 0) return 'no error'
  const name = getSystemErrorName(-errno)
  return name.startsWith('E') ? name : `errno ${errno}`
}

/** What the kernel refused: the operation, its errno, and the kernel's own words where it has some. */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  readonly errno: number
  /** Of the kernel, or for it; '' without. */
  readonly words: string

  constructor(operation: string, errno: number, words = '') {
    super(`${operation}: ${errnoName(errno)}${words === '' ? '' : ` (${words})`}`)
    this.errno = errno
    this.words = words
  }
}

// biome-ignore format: one row a kind
export const Errno = {
  EPERM: 1, ENOENT: 2, ESRCH: 3, EINTR: 4, EIO: 5, EAGAIN: 11, ENOMEM: 12, EBUSY: 16, EEXIST: 17, ENODEV: 19,
  EINVAL: 22, EOPNOTSUPP: 95, EADDRINUSE: 98, ENETDOWN: 100, ENETUNREACH: 101, ENOBUFS: 105, EHOSTUNREACH: 113,
} as const

/** The device is down or gone: that is said of the device, not of everything that goes by it. */
export function isDeviceDown(errno: number): boolean {
  return errno === Errno.ENETDOWN || errno === Errno.ENODEV
}

/** Refusals that pass by themselves: the same request a few milliseconds later may succeed. */
export function isTransient(errno: number): boolean {
  return (
    errno === Errno.ENOMEM ||
    errno === Errno.ENOBUFS ||
    errno === Errno.EAGAIN ||
    errno === Errno.EINTR ||
    errno === Errno.EBUSY
  )
}

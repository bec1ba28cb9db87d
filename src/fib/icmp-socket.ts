/** Raw ICMP sockets by FFI: ICMPv6 Packet Too Big in, ICMP and ICMPv6 errors out of a device. */
import { read } from 'node:fs'
import koffi from 'koffi'
import { errnoName, KernelError } from './kernel-error.ts'
import { LITTLE_ENDIAN } from './netlink-writer.ts'
import { ICMPV6_PACKET_TOO_BIG } from './packet-too-big.ts'
import {
  AF_INET,
  AF_INET6,
  SO_BINDTODEVICE,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from './rtnetlink-constants.ts'

const IPPROTO_ICMP = 1
const IPPROTO_ICMPV6 = 58
/** A bit a message type; set: not let through. */
const ICMP6_FILTER = 1
const SOL_IPV6 = 41
/** Binds to an address that is not there yet. */
const IPV6_FREEBIND = 78
const READ_BYTES = 2048
/** The longest that the end of the watch has to wait for. */
const WAIT_SECONDS = 1

const lib = koffi.load(null)
const libc = {
  socket: lib.func('int socket(int, int, int)'),
  setsockopt: lib.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  bind: lib.func('int bind(int, const void *, uint32_t)'),
  sendto: lib.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)'),
  close: lib.func('int close(int)'),
}

function open(family: number, protocol: number, flags: number): number {
  const fd = libc.socket(family, SOCK_RAW | SOCK_CLOEXEC | flags, protocol)
  if (fd < 0) throw new KernelError('ICMP socket', koffi.errno())
  return fd
}

/**
 * Hears every ICMPv6 Packet Too Big that comes to `address`, until the returned function is called.
 * To that one alone: a customer may send what it likes to the router's addresses on its circuits.
 * Throws a KernelError where the process may not (CAP_NET_RAW).
 */
export function watchPacketTooBig(
  address: Uint8Array,
  onMessage: (message: Uint8Array) => void,
): () => void {
  const fd = open(AF_INET6, IPPROTO_ICMPV6, 0)
  const name = socketAddress(address)
  const on = new Uint8Array(Int32Array.of(1).buffer)
  libc.setsockopt(fd, SOL_IPV6, IPV6_FREEBIND, on, on.length)
  if (libc.bind(fd, name, name.length) < 0) {
    const errno = koffi.errno()
    libc.close(fd)
    throw new KernelError('bind of the ICMP socket', errno)
  }
  const filter = new Uint8Array(new Uint32Array(8).fill(0xffffffff).buffer)
  filter[ICMPV6_PACKET_TOO_BIG >> 3] = ~(1 << (ICMPV6_PACKET_TOO_BIG & 7)) & 0xff
  libc.setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter, filter.length)
  const wait = new BigInt64Array([BigInt(WAIT_SECONDS), 0n])
  libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(wait.buffer), 16)
  const buf = new Uint8Array(READ_BYTES)
  let ended = false
  const again = () => {
    if (ended) libc.close(fd)
    else read(fd, buf, 0, buf.length, null, done)
  }
  const done = (error: NodeJS.ErrnoException | null, length: number) => {
    if (!ended && error === null) onMessage(buf.subarray(0, length))
    again()
  }
  again()
  return () => {
    ended = true
  }
}

/** Sends an ICMP message out of the VRF that `device` is in; what is wrong, or null. */
export function sendIcmp(
  message: Uint8Array,
  destination: Uint8Array,
  device: string | undefined,
): string | null {
  const address = socketAddress(destination)
  let fd = -1
  try {
    const [family, protocol] =
      destination.length === 4 ? [AF_INET, IPPROTO_ICMP] : [AF_INET6, IPPROTO_ICMPV6]
    fd = open(family, protocol, SOCK_NONBLOCK)
    if (device !== undefined) {
      const name = new TextEncoder().encode(`${device}\0`)
      if (libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0) {
        return `SO_BINDTODEVICE ${device}: ${errnoName(koffi.errno())}`
      }
    }
    const sent = libc.sendto(fd, message, message.length, 0, address, address.length)
    return sent < 0 ? errnoName(koffi.errno()) : null
  } catch (error) {
    return (error as Error).message
  } finally {
    if (fd >= 0) libc.close(fd)
  }
}

/** sockaddr_in: family(2) port(2) address(4) pad(8); sockaddr_in6: family(2) port(2) flow(4) address(16) scope(4) */
function socketAddress(address: Uint8Array): Uint8Array {
  const isV4 = address.length === 4
  const name = new Uint8Array(isV4 ? 16 : 28)
  new DataView(name.buffer).setUint16(0, isV4 ? AF_INET : AF_INET6, LITTLE_ENDIAN)
  name.set(address, isV4 ? 4 : 8)
  return name
}

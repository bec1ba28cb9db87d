/**
 * Stream sockets with what Node cannot set: TCP MD5 keys, TTL, SO_BINDTODEVICE, IPV6_V6ONLY, each
 * before the first SYN goes out or may come in. Made by FFI, then handed to Node by descriptor
 * (`new net.Socket({ fd })`, `server.listen({ fd })`), which owns and closes them from there on.
 */
import { isIP } from 'node:net'
import { endianness } from 'node:os'
import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'
import { putU16 } from '../base/bytes.ts'
import { formatAddress, parseAddress } from '../wire/address.ts'

// Linux numbers (asm-generic: x86_64, arm64, riscv64).
const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_REUSEPORT = 15
const SO_BINDTODEVICE = 25
const IPPROTO_IP = 0
const IP_TOS = 1
const IP_TTL = 2
const IP_MINTTL = 21
const IPPROTO_IPV6 = 41
const IPV6_UNICAST_HOPS = 16
const IPV6_V6ONLY = 26
const IPV6_TCLASS = 67
const IPV6_MINHOPCOUNT = 73
const IPPROTO_TCP = 6
const TCP_MD5SIG = 14
const MD5_STRUCT_BYTES = 216
const MD5_MAX_KEY = 80
/** RFC 4271 App. E asks for IP precedence; 6 is internetwork control. */
const PRECEDENCE_INTERNETWORK_CONTROL = 0xc0

type IntCall = (...args: (number | string | Uint8Array)[]) => number

interface Libc {
  socket: IntCall
  setsockopt: IntCall
  getsockopt: (fd: number, level: number, name: number, value: Uint8Array, len: number[]) => number
  bind: IntCall
  close: IntCall
  ifNameToIndex: IntCall
}

let loaded: Libc | undefined

function libc(): Libc {
  if (loaded) return loaded
  const lib = koffi.load('libc.so.6')
  loaded = {
    socket: lib.func('int socket(int, int, int)'),
    setsockopt: lib.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    getsockopt: lib.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)'),
    bind: lib.func('int bind(int, const void *, uint32_t)'),
    close: lib.func('int close(int)'),
    ifNameToIndex: lib.func('uint32_t if_nametoindex(const char *)'),
  }
  return loaded
}

/** A refused system call: `setsockopt SO_BINDTODEVICE vrf-red: ENODEV`. */
export class SocketError extends Error {
  /** 'ENODEV', as in Node's own errors. */
  readonly code: string

  constructor(operation: string, errno: number) {
    const code = errno === 0 ? 'UNKNOWN' : getSystemErrorName(-errno)
    super(`${operation}: ${code}`)
    this.name = 'SocketError'
    this.code = code
  }
}

function check(result: number, operation: string): number {
  if (result < 0) throw new SocketError(operation, koffi.errno())
  return result
}

const LITTLE_ENDIAN = endianness() === 'LE'

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}

function putHostU16(buf: Uint8Array, at: number, value: number): void {
  buf[at] = LITTLE_ENDIAN ? value : value >>> 8
  buf[at + 1] = LITTLE_ENDIAN ? value >>> 8 : value
}

/** 'fe80::1%eth0' -> 'fe80::1' and 'eth0'; without a zone the second is ''. */
export function splitZone(address: string): [address: string, zone: string] {
  const at = address.indexOf('%')
  return at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at + 1)]
}

/** 4 or 6, by the text; a zone is fine. */
export function familyOfAddress(address: string): 4 | 6 {
  const family = isIP(address)
  if (family === 0) throw new Error(`not an IP address: ${address}`)
  return family === 4 ? 4 : 6
}

/** One spelling an address, so that text compares: lower case, `::` where it belongs, zone kept. */
export function canonicalAddress(address: string): string {
  const [text, zone] = splitZone(address)
  const bytes = parseAddress(text)
  const name = formatAddress(bytes, 0, bytes.length === 4 ? 4 : 16)
  return zone === '' ? name : `${name}%${zone}`
}

/** struct sockaddr_in or sockaddr_in6. */
export function socketAddress(address: string, port: number): Uint8Array {
  const [text, zone] = splitZone(address)
  const bytes = parseAddress(text)
  const out = new Uint8Array(bytes.length === 4 ? 16 : 28)
  putHostU16(out, 0, bytes.length === 4 ? AF_INET : AF_INET6)
  putU16(out, 2, port)
  out.set(bytes, bytes.length === 4 ? 4 : 8)
  if (bytes.length === 16 && zone !== '') out.set(int32(interfaceIndex(zone)), 24)
  return out
}

function interfaceIndex(zone: string): number {
  const index = /^\d+$/.test(zone) ? Number(zone) : libc().ifNameToIndex(zone)
  if (index === 0) throw new SocketError(`interface ${zone}`, koffi.errno())
  return index
}

/** A non-blocking TCP socket; whoever gets it must hand it to Node or call closeSocket. */
export function openSocket(family: 4 | 6): number {
  return check(
    libc().socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM_NONBLOCK_CLOEXEC, 0),
    'socket',
  )
}

/** Only for a descriptor Node has not been given. */
export function closeSocket(fd: number): void {
  libc().close(fd)
}

function setInt(fd: number, level: number, name: number, value: number, what: string): void {
  check(libc().setsockopt(fd, level, name, int32(value), 4), `setsockopt ${what} ${value}`)
}

export function setReuseAddress(fd: number): void {
  setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR')
}

/** Whether another socket with the same may be bound to the port. */
export function setReusePort(fd: number, on: boolean): void {
  setInt(fd, SOL_SOCKET, SO_REUSEPORT, on ? 1 : 0, 'SO_REUSEPORT')
}

export function setV6Only(fd: number): void {
  setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, 'IPV6_V6ONLY')
}

/** Time to live or hop limit of what the socket sends. */
export function setTtl(fd: number, family: 4 | 6, ttl: number): void {
  if (family === 4) setInt(fd, IPPROTO_IP, IP_TTL, ttl, 'IP_TTL')
  else setInt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, 'IPV6_UNICAST_HOPS')
}

/** GTSM (RFC 5082): the kernel drops what arrives with less. Never on a listener. */
export function setMinTtl(fd: number, family: 4 | 6, ttl: number): void {
  if (family === 4) setInt(fd, IPPROTO_IP, IP_MINTTL, ttl, 'IP_MINTTL')
  else setInt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, ttl, 'IPV6_MINHOPCOUNT')
}

/** Marks BGP as internetwork control, as routers do, so that queues treat it so. */
export function setControlPrecedence(fd: number, family: 4 | 6): void {
  const value = PRECEDENCE_INTERNETWORK_CONTROL
  if (family === 4) setInt(fd, IPPROTO_IP, IP_TOS, value, 'IP_TOS')
  else setInt(fd, IPPROTO_IPV6, IPV6_TCLASS, value, 'IPV6_TCLASS')
}

/** Ties the socket to a device: with a VRF device, to its routing table. */
export function bindToDevice(fd: number, device: string): void {
  const name = new TextEncoder().encode(`${device}\0`)
  check(
    libc().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length),
    `setsockopt SO_BINDTODEVICE ${device}`,
  )
}

/** The device a socket is tied to, '' for none: tells which VRF an accepted connection came by. */
export function boundDevice(fd: number): string {
  const name = new Uint8Array(16)
  const len = [name.length]
  check(libc().getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, len), 'getsockopt SO_BINDTODEVICE')
  const end = name.indexOf(0)
  return new TextDecoder().decode(name.subarray(0, end < 0 ? (len[0] ?? 0) : end))
}

export function bindSocket(fd: number, address: string, port: number): void {
  const sockaddr = socketAddress(address, port)
  check(libc().bind(fd, sockaddr, sockaddr.length), `bind ${address} port ${port}`)
}

/**
 * TCP MD5 (RFC 2385) with one peer; an empty key takes the peer's key away. `struct tcp_md5sig`:
 * sockaddr_storage(128) flags(1) prefixlen(1) keylen(2) ifindex(4) key(80). Without the ifindex
 * flag the key holds in every VRF the socket is reachable from.
 */
export function setMd5Key(fd: number, peer: string, key: string): void {
  const bytes = new TextEncoder().encode(key)
  if (bytes.length > MD5_MAX_KEY) {
    throw new Error(`TCP MD5 key of ${bytes.length} octets: expected at most ${MD5_MAX_KEY}`)
  }
  const sig = new Uint8Array(MD5_STRUCT_BYTES)
  sig.set(socketAddress(peer, 0), 0)
  putHostU16(sig, 130, bytes.length)
  sig.set(bytes, 136)
  check(
    libc().setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, sig, sig.length),
    `setsockopt TCP_MD5SIG for ${peer}`,
  )
}

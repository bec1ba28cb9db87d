import { i32, u32 } from '../base/bytes.ts'
import type { Interfaces } from '../fib/interfaces.ts'

const LOOPBACK_V4 = 127
/** The third word of ::ffff:0:0/96. */
const V4_MAPPED = 0xffff

/**
 * HOT: whether a next hop (4, 16 or 32 octets, the link-local one behind) is this node, as speakers
 * beside us write it: loopback in either family, IPv4-mapped, or an address of an interface.
 */
export function isThisNode(
  interfaces: Interfaces,
  buf: Uint8Array,
  at: number,
  len: number,
): boolean {
  if (len === 4) return buf[at] === LOOPBACK_V4 || interfaces.hasAddress(buf, at, 4)
  if (i32(buf, at) === 0 && i32(buf, at + 4) === 0) {
    const third = u32(buf, at + 8)
    if (third === 0 && u32(buf, at + 12) === 1) return true
    if (third === V4_MAPPED) return isThisNode(interfaces, buf, at + 12, 4)
  }
  return interfaces.hasAddress(buf, at, 16)
}

/**
 * The two capabilities that keep routes over a lost session: graceful restart (RFC 4724 §3 with
 * RFC 8538 §2) and its long-lived form (RFC 9494 §3.1).
 */
import { Parser } from 'binary-parser/dist/binary_parser.js'
import type { SmartBuffer } from 'smart-buffer'
import { type Family, familyOf, familySpec } from './registry.ts'

/** Restart flags and time with the families the peer keeps forwarding. */
export interface GracefulRestart {
  /** R bit: the speaker has restarted. */
  restarting: boolean
  /** N bit: a NOTIFICATION, too, starts the procedure. */
  notification: boolean
  /** Seconds, 12 bits. */
  restartTime: number
  families: { family: Family; forwarding: boolean }[]
}

/** How long a family's routes may be kept once the restart time is over. */
export interface LongLivedFamily {
  family: Family
  forwarding: boolean
  /** Seconds, 24 bits. */
  staleTime: number
}

/** What is kept of a family's routes over a lost session. */
export interface Retention {
  family: Family
  /** Seconds as ordinary stale routes (RFC 4724 §4.2). */
  restartTime: number
  /** Seconds after that as long-lived stale ones (RFC 9494 §4.2); 0: none. */
  longLivedTime: number
  /** The F bits: the speaker's forwarding outlived its last restart. */
  preserved: boolean
  longLivedPreserved: boolean
}

/**
 * By what the neighbour advertised and, for the long-lived time, by our own limit. A family of
 * one capability only has the time of the other at zero (RFC 9494 §4.2); without the graceful
 * restart capability the long-lived one does not count (§4.5).
 */
export function retentionOf(
  families: readonly Family[],
  restart: GracefulRestart | undefined,
  longLived: readonly LongLivedFamily[] | undefined,
  maxLongLived: number,
): Retention[] {
  if (restart === undefined) return []
  return families.flatMap((family) => {
    const short = restart.families.find((row) => row.family === family)
    const long = longLived?.find((row) => row.family === family)
    const longLivedTime = Math.min(long?.staleTime ?? 0, maxLongLived)
    if (short === undefined && longLivedTime === 0) return []
    return {
      family,
      restartTime: short === undefined ? 0 : restart.restartTime,
      longLivedTime,
      preserved: short?.forwarding ?? false,
      longLivedPreserved: longLivedTime > 0 && long!.forwarding,
    }
  })
}

const RESTARTING = 0x8
const NOTIFICATION = 0x4
const FORWARDING = 0x80

interface FamilyTuple {
  afi: number
  safi: number
  flags: number
}

const bigEndian = () => new Parser().endianness('big')
const restartTuple = bigEndian().uint16('afi').uint8('safi').uint8('flags')
const restart = bigEndian()
  .bit4('flags')
  .bit12('restartTime')
  .array('list', { type: restartTuple, readUntil: 'eof' })
const longLivedTuple = bigEndian()
  .uint16('afi')
  .uint8('safi')
  .uint8('flags')
  .uint8('high')
  .uint16('low')
const longLived = bigEndian().array('list', { type: longLivedTuple, readUntil: 'eof' })

/** flags(4 bits) time(12 bits) then AFI(2) SAFI(1) flags(1), repeated; undefined: useless. */
export function decodeGracefulRestart(value: Buffer): GracefulRestart | undefined {
  if (value.length % 4 !== 2) return undefined
  const { flags, restartTime, list } = restart.parse(value) as {
    flags: number
    restartTime: number
    list: FamilyTuple[]
  }
  const families: GracefulRestart['families'] = []
  for (const tuple of list) {
    const family = familyOf(tuple.afi, tuple.safi)
    if (family !== 0) families.push({ family, forwarding: (tuple.flags & FORWARDING) !== 0 })
  }
  return {
    restarting: (flags & RESTARTING) !== 0,
    notification: (flags & NOTIFICATION) !== 0,
    restartTime,
    families,
  }
}

/** AFI(2) SAFI(1) flags(1) time(3), repeated, perhaps not at all; undefined: useless. */
export function decodeLongLived(value: Buffer): LongLivedFamily[] | undefined {
  if (value.length % 7 !== 0) return undefined
  const { list } = longLived.parse(value) as {
    list: (FamilyTuple & { high: number; low: number })[]
  }
  const families: LongLivedFamily[] = []
  for (const { afi, safi, flags, high, low } of list) {
    const family = familyOf(afi, safi)
    if (family === 0) continue
    const forwarding = (flags & FORWARDING) !== 0
    families.push({ family, forwarding, staleTime: high * 65536 + low })
  }
  return families
}

export function writeGracefulRestart(out: SmartBuffer, of: GracefulRestart): void {
  const flags = (of.restarting ? RESTARTING : 0) | (of.notification ? NOTIFICATION : 0)
  out.writeUInt16BE((flags << 12) | (of.restartTime & 0xfff))
  for (const { family, forwarding } of of.families) writeFamily(out, family, forwarding)
}

export function writeLongLived(out: SmartBuffer, families: readonly LongLivedFamily[]): void {
  for (const { family, forwarding, staleTime } of families) {
    writeFamily(out, family, forwarding)
    out.writeUInt8((staleTime >>> 16) & 255).writeUInt16BE(staleTime & 0xffff)
  }
}

function writeFamily(out: SmartBuffer, family: Family, forwarding: boolean): void {
  const { afi, safi } = familySpec(family)
  out.writeUInt16BE(afi).writeUInt8(safi)
  out.writeUInt8(forwarding ? FORWARDING : 0)
}

/** 'long-lived-graceful-restart vpnv4 3600 s vpnv6 3600 s'. */
export function describeLongLived(name: string, families: readonly LongLivedFamily[]): string {
  const list = families.map((f) => `${familySpec(f.family).name} ${f.staleTime} s`)
  return list.length === 0 ? name : `${name} ${list.join(' ')}`
}

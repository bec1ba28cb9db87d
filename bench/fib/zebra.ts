/**
 * FRR's zebra, asked for routes over its socket as FRR's own test daemon sharpd does (Debian leaves
 * sharpd out): what is measured is zebra alone, until the kernel has the last route. Plain
 * gateways instead of SIDs: zebra puts them into nexthop objects just the same.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { silentLogger } from '../../src/base/logger.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { packageVersion } from '../peers/peer.ts'
import { BITS, type FibCorpus, prefixes } from './corpus.ts'
import type { Figures, SubjectFigures } from './figures.ts'

const ZEBRA = '/usr/lib/frr/zebra'
/** Numbers of the protocol between zebra and its clients, version 6, as FRR 8.4 counts. */
const VERSION = 6
const Command = { ROUTE_ADD: 8, ROUTE_DELETE: 9, HELLO: 18 } as const
const ROUTE_SHARP = 23
const HAS_NEXTHOP = 1
const SAFI_UNICAST = 1
const NEXTHOP = { 4: 2, 6: 4 } as const
const FAMILY = { 4: 2, 6: 10 } as const
const CHUNK = 64 * 1024
const LOOK_MS = 10
/** Routes that the kernel makes and removes itself meanwhile: link-local, multicast. */
const KERNELS_OWN = 16
/** Nothing changes any more: a route was refused, and zebra does not ask again. */
const STUCK_MS = 20_000

/** Why zebra cannot be measured here. */
export function zebraMissing(): string | undefined {
  const version = packageVersion('frr')
  if (version === undefined) {
    return 'not installed: apt-get install -y --no-install-recommends frr'
  }
  if (!version.startsWith('8.4')) return `FRR ${version}: its socket is known of 8.4 only`
  return process.getuid?.() === 0 ? undefined : 'it drops its rights, which takes root'
}

export function zebraName(): string {
  return `zebra ${packageVersion('frr')}`
}

/** length(2) marker(1) version(1) VRF(4) command(2), then the body. */
function message(command: number, body: Uint8Array): Buffer {
  const out = Buffer.alloc(10 + body.length)
  out.writeUInt16BE(out.length, 0)
  out.set([0xfe, VERSION], 2)
  out.writeUInt16BE(command, 8)
  out.set(body, 10)
  return out
}

/** The gateway of SID `k` of a set, on the network of the link. */
function gateway(family: 4 | 6, set: number, k: number): Uint8Array {
  const host = [set, (k + 2) >>> 8, (k + 2) & 0xff]
  if (family === 4) return Uint8Array.of(10, ...host)
  const address = new Uint8Array(16)
  address.set([0x20, 0x01, 0x0d, 0xb8])
  address.set(host, 13)
  return address
}

/** type(1) instance(2) flags(4) message(4) safi(1) family(1) bits(1) prefix, then the nexthop. */
function route(corpus: FibCorpus, words: Int32Array, k: number, set: number): Buffer {
  const { family } = corpus
  const bits = BITS[family]
  const body = Buffer.alloc(80)
  const put = set !== 0
  body[0] = ROUTE_SHARP
  body.writeUInt32BE(put ? HAS_NEXTHOP : 0, 7)
  body[11] = SAFI_UNICAST
  body[12] = FAMILY[family]
  body[13] = bits
  for (let word = 0; word < 2; word++) body.writeInt32BE(words[k * 4 + word]!, 14 + word * 4)
  let at = 14 + bits / 8
  body.fill(0, at)
  if (put) {
    // count(2) VRF(4) type(1) flags(1) gateway ifindex(4)
    body.writeUInt16BE(1, at)
    body[at + 6] = NEXTHOP[family]
    const address = gateway(family, set, k % corpus.sids)
    body.set(address, at + 8)
    at += 12 + address.length
  }
  return message(put ? Command.ROUTE_ADD : Command.ROUTE_DELETE, body.subarray(0, at))
}

function routes(corpus: FibCorpus, set: number): Buffer[] {
  const words = prefixes(corpus)
  const chunks: Buffer[] = []
  let chunk: Buffer[] = []
  let octets = 0
  for (let k = 0; k < corpus.routes; k++) {
    const one = route(corpus, words, k, set)
    chunk.push(one)
    octets += one.length
    if (octets < CHUNK && k < corpus.routes - 1) continue
    chunks.push(Buffer.concat(chunk))
    chunk = []
    octets = 0
  }
  return chunks
}

/** Routes of this namespace as the kernel counts them. */
function kernelCount(family: 4 | 6): number {
  if (family === 6) {
    const columns = readFileSync('/proc/net/rt6_stats', 'utf8').trim().split(' ')
    return Number.parseInt(columns[3]!, 16)
  }
  const text = readFileSync('/proc/net/fib_triestat', 'utf8')
  return Math.max(...[...text.matchAll(/Prefixes:\s+(\d+)/g)].map((found) => Number(found[1])))
}

/** CPU seconds of a process, all threads. */
function cpuOf(pid: number): number {
  const [, rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const fields = rest!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function start(folder: string): Promise<{ zebra: ChildProcess; client: Socket }> {
  const socket = join(folder, 'zserv.sock')
  const files = ['-z', socket, '-i', join(folder, 'zebra.pid'), '-f', '/dev/null']
  const args = ['-P', '0', '-s', '2000000', '--vty_socket', folder, ...files]
  const zebra = spawn(ZEBRA, args, { stdio: 'ignore' })
  for (let tries = 0; !existsSync(socket); tries++) {
    if (tries === 500 || zebra.exitCode !== null) throw new Error('zebra does not start')
    await pause(LOOK_MS)
  }
  const client = connect(socket)
  client.resume()
  // type(1) instance(2) session(4) notify(1) synchronous(1)
  client.write(message(Command.HELLO, Uint8Array.of(ROUTE_SHARP, 0, 0, 0, 0, 0, 0, 0, 0)))
  return { zebra, client }
}

export async function measureZebra(corpus: FibCorpus): Promise<SubjectFigures> {
  const { family } = corpus
  const address = family === 4 ? '10.1.0.1/8' : '2001:db8::ff:1/64'
  spawnSync('ip', ['addr', 'add', address, 'dev', 'core', 'nodad'])
  const kernel = new LinuxKernel(silentLogger)
  const folder = mkdtempSync(join(tmpdir(), 'srv6d-bench-'))
  spawnSync('chown', ['frr:frr', folder])
  const { zebra, client } = await start(folder)
  await pause(1000)
  const before = kernelCount(family)
  const words = prefixes(corpus)
  const routeText = `${corpus.routes} routes`
  const last = new DataView(new ArrayBuffer(family === 4 ? 4 : 16))
  for (let at = 0; at < last.byteLength; at += 4) {
    last.setInt32(at, words[(corpus.routes - 1) * 4 + at / 4]!)
  }
  const lastGateway = async () => {
    const way = await kernel.routeTo(new Uint8Array(last.buffer))
    return 'errno' in way ? '' : Buffer.from(way.gateway ?? []).toString('hex')
  }
  /** Sends all, then looks until the last is as it should be, and all are there. */
  const take = async (set: number): Promise<Figures> => {
    const chunks = routes(corpus, set)
    const expected = set === 0 ? '' : gateway(family, set, (corpus.routes - 1) % corpus.sids)
    const text = Buffer.from(expected).toString('hex')
    const cpu = cpuOf(zebra.pid!)
    const from = performance.now()
    for (const chunk of chunks) {
      if (!client.write(chunk)) await new Promise((resolve) => client.once('drain', resolve))
    }
    const count = before + (set === 0 ? 0 : corpus.routes)
    let seen = -1
    for (let since = performance.now(); ; await pause(LOOK_MS)) {
      const now = kernelCount(family)
      if (Math.abs(now - count) <= KERNELS_OWN && (await lastGateway()) === text) break
      const progress = now + cpuOf(zebra.pid!)
      if (progress !== seen) since = performance.now()
      seen = progress
      if (performance.now() - since > STUCK_MS) throw new Error(`${now - before} of ${routeText}`)
    }
    return { seconds: (performance.now() - from) / 1000, cpu: cpuOf(zebra.pid!) - cpu }
  }
  const figures: SubjectFigures = {}
  try {
    figures.add = await take(1)
    figures.replace = await take(2)
    figures.delete = await take(0)
    return figures
  } catch (error) {
    return { ...figures, note: `stopped at ${(error as Error).message}` }
  } finally {
    zebra.kill('SIGKILL')
    await kernel.close()
    rmSync(folder, { recursive: true })
  }
}

/**
 * A PE between a customer and two egress routers, in namespaces of a sandbox of its own:
 *
 *   src ---- psrc (PE, table 100) core1 ---- e1   fcbb:bb00:2::/48
 *                                 core2 ---- e2   fcbb:bb00:3::/48
 *
 * The PE is the namespace of this process. Without a VRF device: a rule by incoming interface leads
 * to the table, the egress routers have End.DX4 and End.DT6 to an address of their own.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

export const TABLE = 100
const EGRESS = ['e1', 'e2'] as const
export type Egress = (typeof EGRESS)[number]
/** An address of both egress routers, in the IPv6 prefix number 0 to 255 of `prefixOf`. */
const INSIDE_6 = Array.from({ length: 256 }, (_, k) => `2a00:0:${k.toString(16)}::9`)

export function run(...argv: string[]): string {
  return execFileSync(argv[0]!, argv.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** `ip` in the PE, or in another namespace. */
export function ip(line: string, namespace?: string): string {
  return run('ip', ...(namespace ? ['-n', namespace] : []), ...line.split(' '))
}

export function sysctl(setting: string, namespace?: string): void {
  const inside = namespace ? ['ip', 'netns', 'exec', namespace] : []
  run(...inside, 'sysctl', '-qw', setting)
}

/** Needs mount and network namespaces of its own: `unshare --mount --net`. */
export async function build(): Promise<void> {
  run('mount', '-t', 'tmpfs', 'failover', '/run')
  mkdirSync('/run/netns', { recursive: true })
  ip('link set lo up')
  for (const name of ['src', ...EGRESS]) {
    ip(`netns add ${name}`)
    ip('link set lo up', name)
  }
  for (const name of [undefined, 'src', ...EGRESS]) {
    for (const setting of ['ipv4.conf.all.rp_filter=0', 'ipv4.conf.default.rp_filter=0']) {
      sysctl(`net.${setting}`, name)
    }
    sysctl('net.ipv4.ip_forward=1', name)
    sysctl('net.ipv6.conf.all.forwarding=1', name)
  }
  link('psrc', 'src', ['10.0.0', '2001:db8:0:1:'])
  ip('route add default via 10.0.0.254', 'src')
  ip('-6 route add default via 2001:db8:0:1::fe', 'src')
  for (const [k, egress] of EGRESS.entries()) await buildEgress(egress, k + 1)
  ip(`rule add iif psrc lookup ${TABLE} pref 100`)
  ip(`-6 rule add iif psrc lookup ${TABLE} pref 100`)
}

function link(device: string, namespace: string, [four, six]: [string | null, string]): void {
  ip(`link add ${device} type veth peer name port netns ${namespace}`)
  if (four !== null) {
    ip(`addr add ${four}.254/24 dev ${device}`)
    ip(`addr add ${four}.1/24 dev port`, namespace)
  }
  ip(`addr add ${six}:fe/64 dev ${device} nodad`)
  ip(`addr add ${six}:1/64 dev port nodad`, namespace)
  ip(`link set ${device} up`)
  ip('link set port up', namespace)
}

async function buildEgress(egress: Egress, number: number): Promise<void> {
  link(`core${number}`, egress, [null, `2001:db8:f${number}:`])
  const block = blockOf(egress)
  ip('addr add 10.255.0.1/32 dev lo', egress)
  ip(
    `-6 route add ${block}:4000::/52 encap seg6local action End.DX4 nh4 10.255.0.1 dev port`,
    egress,
  )
  ip(`-6 route add ${block}:6000::/52 encap seg6local action End.DT6 table 255 dev port`, egress)
  const addresses = INSIDE_6.map((text) => `addr add ${text}/128 dev lo nodad`)
  execFileSync('ip', ['-n', egress, '-batch', '-'], { input: `${addresses.join('\n')}\n` })
  await locator(egress, true)
  // The neighbour is known, as it is where an IGP runs.
  run('ping', '-c', '1', '-W', '2', `2001:db8:f${number}::1`)
}

const blockOf = (egress: Egress) => `fcbb:bb00:${egress === 'e1' ? 2 : 3}`

/** The IGP's route to an egress router's locator comes or goes; not done by this process. */
export async function locator(egress: Egress, there: boolean): Promise<void> {
  const number = egress === 'e1' ? 1 : 2
  const route = `${blockOf(egress)}::/48 via 2001:db8:f${number}::1`
  const line = `-6 route ${there ? 'replace' : 'del'} ${route}`
  await promisify(execFile)('ip', line.split(' '))
}

/** SID number 0 to 4095 of an egress router for a family. */
export function sidOf(egress: Egress, family: 4 | 6, number: number): string {
  return `${blockOf(egress)}:${(family * 0x1000 + number).toString(16)}::`
}

/** Words and length of the n-th prefix. */
export function prefixOf(family: 4 | 6, n: number): { words: Int32Array; bits: number } {
  if (family === 4) return { words: Int32Array.of(0x0b000000 + n * 256), bits: 24 }
  return { words: Int32Array.of(0x2a000000 + (n >>> 16), (n & 0xffff) << 16, 0, 0), bits: 48 }
}

/** An address in the n-th prefix, 0 to 255, that the egress routers answer for. */
export function hostOf(family: 4 | 6, n: number): string {
  return family === 4 ? `11.0.${n}.9` : INSIDE_6[n]!
}

/** A probe program in a namespace: answers each line on its standard input with one of JSON. */
export class Probe {
  readonly #child: ChildProcess
  readonly #answers: ((line: string) => void)[] = []

  constructor(namespace: string, args: string[]) {
    const script = new URL('./probe.mjs', import.meta.url).pathname
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    createInterface({ input: this.#child.stdout! }).on('line', (line) =>
      this.#answers.shift()?.(line),
    )
  }

  async ask<Answer>(command: string): Promise<Answer> {
    const answer = new Promise<string>((resolve) => this.#answers.push(resolve))
    this.#child.stdin!.write(`${command}\n`)
    return JSON.parse(await answer) as Answer
  }

  stop(): void {
    this.#child.kill()
  }
}

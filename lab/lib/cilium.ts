/**
 * gobgpd configured to behave as Cilium's agent does: it only dials out, takes nothing in, and an
 * export policy adds the communities of each advertisement. (Cilium's speaker is GoBGP, as a
 * library.)
 */
import { writeFileSync } from 'node:fs'
import { inRoot } from './roots.ts'
import { LabProcess, must } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { InVain, waitUntil } from './wait-until.ts'

/** A CiliumBGPAdvertisement: prefixes of these pools, with these communities. */
export interface Advertisement {
  name: string
  pools: readonly string[]
  standard?: string
  large?: string
}

export interface CiliumOptions {
  /** The root that holds gobgpd, made by lab/root ('/': the host's own). */
  root: string
  namespace: string
  as: number
  routerId: string
  peerAs: number
  /** Address and port of each peer, and what it is told. */
  peers: readonly { address: string; port: number; tells: readonly string[] }[]
  advertisements: readonly Advertisement[]
  /** CiliumBGPPeerConfig.gracefulRestart. */
  gracefulRestart?: number
}

const FAMILIES = ['ipv4', 'ipv6'] as const
const LONGEST = { ipv4: 32, ipv6: 128 } as const
type FamilyName = (typeof FAMILIES)[number]
export const familyName = (prefix: string): FamilyName => (prefix.includes(':') ? 'ipv6' : 'ipv4')
const familiesOf = (a: Advertisement) =>
  FAMILIES.filter((f) => a.pools.some((p) => familyName(p) === f))

function prefixSet(a: Advertisement, family: FamilyName): string {
  const rows = a.pools.filter((p) => familyName(p) === family)
  return `[[defined-sets.prefix-sets]]
  prefix-set-name = "${a.name}-${family}"
${rows
  .map(
    (pool) => `  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "${pool}"
    masklength-range = "${pool.split('/')[1]}..${LONGEST[family]}"
`,
  )
  .join('')}`
}

function neighborSet(address: string): string {
  return `[[defined-sets.neighbor-sets]]
  neighbor-set-name = "to-${address}"
  neighbor-info-list = ["${address}/${address.includes(':') ? 128 : 32}"]
`
}

function add(kind: 'community' | 'large-community', value: string | undefined): string {
  if (value === undefined) return ''
  const set = `policy-definitions.statements.actions.bgp-actions.set-${kind}`
  return `      [${set}]
        options = "add"
        [${set}.set-${kind}-method]
          communities-list = ["${value}"]
`
}

function statement(address: string, a: Advertisement, family: FamilyName): string {
  const conditions = 'policy-definitions.statements.conditions'
  return `  [[policy-definitions.statements]]
    name = "${a.name}-${family}-${address}"
    [${conditions}.match-neighbor-set]
      neighbor-set = "to-${address}"
    [${conditions}.match-prefix-set]
      prefix-set = "${a.name}-${family}"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
${add('community', a.standard)}${add('large-community', a.large)}`
}

function neighbor(o: CiliumOptions, { address, port }: CiliumOptions['peers'][number]): string {
  const graceful = o.gracefulRestart
    ? `  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = ${o.gracefulRestart}
    notification-enabled = true
`
    : ''
  const families = FAMILIES.map(
    (family) => `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}-unicast"
${o.gracefulRestart ? '    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n' : ''}`,
  )
  return `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${o.peerAs}
  [neighbors.timers.config]
    connect-retry = 5
    hold-time = 9
    keepalive-interval = 3
    idle-hold-time-after-reset = 5
  [neighbors.transport.config]
    remote-port = ${port}
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 1
${graceful}${families.join('')}`
}

/** gobgpd.toml. */
export function ciliumConfig(o: CiliumOptions): string {
  const named = (name: string) => o.advertisements.find((a) => a.name === name)!
  const statements = o.peers.flatMap(({ address, tells }) =>
    tells.flatMap((name) => familiesOf(named(name)).map((f) => statement(address, named(name), f))),
  )
  return `[global.config]
  as = ${o.as}
  router-id = "${o.routerId}"
  port = -1
[global.apply-policy.config]
  default-import-policy = "reject-route"
  import-policy-list = ["allow-local"]
  default-export-policy = "reject-route"
  export-policy-list = ["advertisements"]
${o.peers.map(({ address }) => neighborSet(address)).join('')}${o.advertisements
  .flatMap((a) => familiesOf(a).map((f) => prefixSet(a, f)))
  .join('')}[[policy-definitions]]
  name = "allow-local"
  [[policy-definitions.statements]]
    name = "allow-local"
    [policy-definitions.statements.conditions.bgp-conditions]
      route-type = "local"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
[[policy-definitions]]
  name = "advertisements"
${statements.join('')}${o.peers.map((p) => neighbor(o, p)).join('')}`
}

export class CiliumSpeaker {
  readonly #options: CiliumOptions
  #process: LabProcess | null = null

  constructor(options: CiliumOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { namespace: ns, root, gracefulRestart } = this.#options
    const file = `${LOGS}/${ns}-cilium.toml`
    writeFileSync(file, ciliumConfig(this.#options))
    const restarting = gracefulRestart ? ['-r'] : []
    const argv = ['gobgpd', '-f', file, '--api-hosts', '127.0.0.1:50051', ...restarting]
    const log = `${LOGS}/${ns}-cilium.log`
    this.#process = new LabProcess(`gobgpd ${ns}`, inNamespace(ns, inRoot(root, argv)), log)
    await waitUntil(`gobgpd answers in ${ns}`, 60, async () => {
      if (this.#process?.status != null) throw new InVain(this.#process.output().slice(-300))
      await this.#gobgp('global')
      return undefined
    })
  }

  /** The agent is gone without a word to its peers. */
  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL')
  }

  async announce(...prefixes: string[]): Promise<void> {
    for (const prefix of prefixes) {
      await this.#gobgp('global', 'rib', '-a', familyName(prefix), 'add', prefix, 'origin', 'igp')
    }
  }

  async withdraw(...prefixes: string[]): Promise<void> {
    for (const prefix of prefixes) {
      await this.#gobgp('global', 'rib', '-a', familyName(prefix), 'del', prefix)
    }
  }

  /** The prefix goes over from one advertisement to another, and every peer is told anew. */
  async retag(prefix: string, from: string, to: string): Promise<void> {
    const family = familyName(prefix)
    const row = [prefix, `${prefix.split('/')[1]}..${LONGEST[family]}`]
    await this.#gobgp('policy', 'prefix', 'add', `${to}-${family}`, ...row)
    await this.#gobgp('policy', 'prefix', 'del', `${from}-${family}`, ...row)
    for (const { address } of this.#options.peers) {
      await this.#gobgp('neighbor', address, 'softresetout', '-a', family)
    }
  }

  #gobgp(...args: string[]): Promise<string> {
    const { namespace, root } = this.#options
    const argv = ['gobgp', '-u', '127.0.0.1', '-p', '50051', ...args]
    return must(inNamespace(namespace, inRoot(root, argv)))
  }

  output(): string {
    return this.#process?.output() ?? ''
  }
}

/**
 * gobgpd as Cilium's agent configures the library: it only dials, takes nothing in, sends nothing
 * but its own prefixes, and puts communities on them by prefix. `kill -9` is what its restart looks
 * like from outside; a NOTIFICATION is only sent when its configuration goes.
 */
import { writeFileSync } from 'node:fs'
import { inRoot } from './roots.ts'
import { LabProcess, must, run } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { InVain, waitUntil } from './wait-until.ts'

export interface Tag {
  /** Prefixes within this one. */
  within: string
  communities?: string[]
  large?: string[]
}

export interface CiliumOptions {
  /** The root that holds gobgpd. */
  root: string
  namespace: string
  as: number
  routerId: string
  peerAs: number
  /** Where srv6d listens. */
  peer: string
  port: number
  families?: ('ipv4-unicast' | 'ipv6-unicast')[]
  gracefulRestart?: boolean
  /** Seconds; 120 as Cilium's default. */
  restartTime?: number
  tags: Tag[]
  /** Of gobgpd's own API, where two run in one namespace. */
  apiPort?: number
}

const API_PORT = 50051

export class CiliumSpeaker {
  #options: CiliumOptions
  #process: LabProcess | null = null
  #version = ''

  constructor(options: CiliumOptions) {
    this.#options = options
  }

  /** Takes effect at the next start. */
  configure(change: Partial<CiliumOptions>): void {
    this.#options = { ...this.#options, ...change }
  }

  /** `3.10.0` */
  get version(): string {
    return this.#version
  }

  /** `prefixes`: announced before it dials, so that its End-of-RIB stands behind them. */
  async start(...prefixes: string[]): Promise<void> {
    const { root, namespace, gracefulRestart } = this.#options
    const name = `${namespace}-gobgpd-${this.#port}`
    const file = `${LOGS}/${name}.toml`
    writeFileSync(file, configOf(this.#options, prefixes.length > 0))
    const words = (await run(inRoot(root, ['gobgpd', '--version']))).stdout
    this.#version = /\d+\.\d+\.\d+/.exec(words)?.[0] ?? words.trim()
    const argv = ['gobgpd', '-f', file, '--api-hosts', `127.0.0.1:${this.#port}`]
    if (gracefulRestart) argv.push('-r')
    this.#process = new LabProcess(
      name,
      inNamespace(namespace, inRoot(root, argv)),
      `${LOGS}/${name}.log`,
    )
    await waitUntil('gobgpd answers', 180, async () => {
      if (this.#process?.status != null) throw new InVain(this.#process.output().slice(-300))
      await this.gobgp('global')
      return undefined
    })
    if (prefixes.length === 0) return
    await this.announce(...prefixes)
    await this.gobgp('neighbor', this.#options.peer, 'enable')
  }

  /** As the agent is upgraded: the connection ends, nothing is said. */
  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#process?.stop('SIGTERM')
  }

  gobgp(...args: string[]): Promise<string> {
    const { root, namespace } = this.#options
    const argv = ['gobgp', '-u', '127.0.0.1', '-p', `${this.#port}`, ...args]
    return must(inNamespace(namespace, inRoot(root, argv)))
  }

  /** Without a next hop, as Cilium: the session's own address is put in. */
  async announce(...prefixes: string[]): Promise<void> {
    for (const prefix of prefixes) {
      await this.gobgp('global', 'rib', '-a', familyOf(prefix), 'add', prefix, 'origin', 'igp')
    }
  }

  async withdraw(...prefixes: string[]): Promise<void> {
    for (const prefix of prefixes) {
      await this.gobgp('global', 'rib', '-a', familyOf(prefix), 'del', prefix)
    }
  }

  /** A prefix that is a tag's whole `within` gets another tag's communities, by their numbers. */
  async retag(prefix: string, from: number, to: number): Promise<void> {
    const range = `${prefix.split('/')[1]}..${prefix.includes(':') ? 128 : 32}`
    await this.gobgp('policy', 'prefix', 'add', `set-${to}`, prefix, range)
    await this.gobgp('policy', 'prefix', 'del', `set-${from}`, prefix, range)
    await this.gobgp('neighbor', this.#options.peer, 'softresetout', '-a', familyOf(prefix))
  }

  /** What srv6d has sent it: prefixes received. */
  async received(): Promise<number> {
    const text = await this.gobgp('neighbor', this.#options.peer, '-j')
    const found = JSON.parse(text) as { afi_safis?: { state?: { received?: number } }[] }
    return (found.afi_safis ?? []).reduce((sum, { state }) => sum + (state?.received ?? 0), 0)
  }

  output(): string {
    return this.#process?.output() ?? ''
  }

  get #port(): number {
    return this.#options.apiPort ?? API_PORT
  }
}

const familyOf = (prefix: string) => (prefix.includes(':') ? 'ipv6' : 'ipv4')
const quoted = (list: string[]) => `[${list.map((each) => `"${each}"`).join(', ')}]`

function configOf(o: CiliumOptions, adminDown: boolean): string {
  const families = o.families ?? ['ipv4-unicast', 'ipv6-unicast']
  const host = o.peer.includes(':') ? `${o.peer}/128` : `${o.peer}/32`
  const multihop =
    o.as === o.peerAs
      ? ''
      : '  [neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = 1\n'
  const restart = o.gracefulRestart
    ? `  [neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = ${o.restartTime ?? 120}\n    notification-enabled = true\n`
    : ''
  return `[global.config]
  as = ${o.as}
  router-id = "${o.routerId}"
  port = -1
[global.apply-policy.config]
  default-import-policy = "reject-route"
  import-policy-list = ["allow-local"]
  default-export-policy = "reject-route"
  export-policy-list = ["to-srv6d"]
[[defined-sets.neighbor-sets]]
  neighbor-set-name = "srv6d"
  neighbor-info-list = ["${host}"]
${o.tags.map(prefixSet).join('')}[[policy-definitions]]
  name = "allow-local"
  [[policy-definitions.statements]]
    name = "allow-local"
    [policy-definitions.statements.conditions.bgp-conditions]
      route-type = "local"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
[[policy-definitions]]
  name = "to-srv6d"
${o.tags.map(statement).join('')}[[neighbors]]
  [neighbors.config]
    neighbor-address = "${o.peer}"
    peer-as = ${o.peerAs}
    admin-down = ${adminDown}
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 9
    keepalive-interval = 3
    idle-hold-time-after-reset = 1
  [neighbors.transport.config]
    remote-port = ${o.port}
${multihop}${restart}${families.map((family) => familyConfig(family, o.gracefulRestart)).join('')}`
}

function prefixSet({ within }: Tag, at: number): string {
  const [, length] = within.split('/')
  const most = within.includes(':') ? 128 : 32
  return `[[defined-sets.prefix-sets]]
  prefix-set-name = "set-${at}"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "${within}"
    masklength-range = "${length}..${most}"
`
}

function statement({ communities = [], large = [] }: Tag, at: number): string {
  const actions = '      [policy-definitions.statements.actions.bgp-actions'
  const plain = `${actions}.set-community]
        options = "add"
        [policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
          communities-list = ${quoted(communities)}
`
  const wide = `${actions}.set-large-community]
        options = "add"
        [policy-definitions.statements.actions.bgp-actions.set-large-community.set-large-community-method]
          communities-list = ${quoted(large)}
`
  return `  [[policy-definitions.statements]]
    name = "statement-${at}"
    [policy-definitions.statements.conditions.match-neighbor-set]
      neighbor-set = "srv6d"
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "set-${at}"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
${communities.length > 0 ? plain : ''}${large.length > 0 ? wide : ''}`
}

function familyConfig(family: string, gracefulRestart: boolean | undefined): string {
  const restart = gracefulRestart
    ? '    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n'
    : ''
  return `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}"
${restart}`
}

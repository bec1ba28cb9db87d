/** gobgpd as a CE: it speaks BGP with its PE; what it learns it does not put into the kernel. */
import { writeFileSync } from 'node:fs'
import { inRoot } from './roots.ts'
import { LabProcess, must } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { InVain, waitUntil } from './wait-until.ts'

export interface GobgpOptions {
  /** The root that holds gobgpd, made by lab/root ('/': the host's own). */
  root: string
  namespace: string
  as: number
  routerId: string
  peerAs: number
  /** Neighbour address -> the families of the session. */
  neighbors: Record<string, string[]>
  /** Neighbour address -> our address of the session, where the kernel would take another. */
  local?: Record<string, string>
}

function config(o: GobgpOptions): string {
  const neighbor = ([address, families]: [string, string[]]) => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${o.peerAs}
  [neighbors.timers.config]
    hold-time = 9
    keepalive-interval = 3
    connect-retry = 1
${o.local?.[address] ? `  [neighbors.transport.config]\n    local-address = "${o.local[address]}"\n` : ''}${families
  .map(
    (f) =>
      `  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "${f}"`,
  )
  .join('\n')}`
  return `[global.config]
  as = ${o.as}
  router-id = "${o.routerId}"
${Object.entries(o.neighbors).map(neighbor).join('\n')}
`
}

export class Gobgp {
  readonly #options: GobgpOptions
  #process: LabProcess | null = null

  constructor(options: GobgpOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const ns = this.#options.namespace
    const file = `${LOGS}/${ns}-gobgpd.toml`
    writeFileSync(file, config(this.#options))
    const argv = inNamespace(
      ns,
      inRoot(this.#options.root, ['gobgpd', '-f', file, '--api-hosts', '127.0.0.1:50051']),
    )
    this.#process = new LabProcess(`gobgpd ${ns}`, argv, `${LOGS}/${ns}-gobgpd.log`)
    await waitUntil('gobgpd answers', 180, async () => {
      if (this.#process?.status != null) throw new InVain(this.#process.output().slice(-300))
      await this.gobgp('global')
      return undefined
    })
  }

  async stop(): Promise<void> {
    await this.#process?.stop('SIGTERM')
  }

  gobgp(...args: string[]): Promise<string> {
    return must(
      inNamespace(this.#options.namespace, inRoot(this.#options.root, ['gobgp', ...args])),
    )
  }

  async announce(prefix: string): Promise<void> {
    await this.gobgp('global', 'rib', '-a', familyOf(prefix), 'add', prefix, 'origin', 'igp')
  }

  async withdraw(prefix: string): Promise<void> {
    await this.gobgp('global', 'rib', '-a', familyOf(prefix), 'del', prefix)
  }

  /** The prefixes in its table, its own too. */
  async prefixes(family: 4 | 6): Promise<string[]> {
    const text = await this.gobgp('global', 'rib', '-a', `ipv${family}`, '-j')
    return Object.keys(JSON.parse(text) as object)
  }

  async session(address: string): Promise<string | undefined> {
    const text = await this.gobgp('neighbor', address)
    return /BGP state = ESTABLISHED/i.test(text)
      ? undefined
      : text.split('\n').slice(0, 4).join(' ')
  }

  output(): string {
    return this.#process?.output() ?? ''
  }
}

const familyOf = (prefix: string) => (prefix.includes(':') ? 'ipv6' : 'ipv4')

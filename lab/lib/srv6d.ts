/** srv6d as a PE: its configuration, the process, and its API over the Unix socket. */
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { NeighborsReply, RoutesReply, SidsReply } from '../../src/daemon/api-schema.ts'
import { RTPROT_SRV6D } from '../../src/fib/rtnetlink-constants.ts'
import {
  CUSTOMERS,
  type Customer,
  locatorOf,
  loopback,
  otherSide,
  peOf,
  routerId,
  site,
  TABLE,
} from './network.ts'
import { type Pe, type PeOptions, rdOf, tail, type VpnPrefix } from './pe.ts'
import { LabProcess, type RunResult, run } from './run.ts'
import { LOGS } from './sandbox.ts'
import { inNamespace } from './topology.ts'
import { InVain, waitUntil } from './wait-until.ts'

export interface Srv6dOptions extends PeOptions {
  encapsulation?: 'encap' | 'encap.red'
  onStop?: 'keep' | 'remove'
  /** Another one than the side's. */
  locator?: string
  drainSeconds?: number
  /** BGP sessions with the CEs of these customers, over IPv4 and IPv6; blue's dial. */
  ceSessions?: { customers: readonly Customer[]; as: number }
  dataplane?: 'vrf' | 'table'
  /** Another configuration than srv6dConfig's. */
  config?: string | undefined
  /** Where it is not the PE of its side. */
  namespace?: string
}

// debug shows every step of the state machine, and costs time in the virtual machine
const { SRV6D_LAB_LOG } = process.env

/** dist/, seen from dist/lab/NAME.mjs. */
const dist = fileURLToPath(new URL('../', import.meta.url))

/** srv6d.yaml of one PE. */
export function srv6dConfig(o: Srv6dOptions): string {
  const far = loopback(otherSide(o.side))
  return `router: { as: ${o.as}, router-id: ${routerId(o.side)}, source: "${loopback(o.side)}" }
dataplane:
  mode: ${o.dataplane ?? 'auto'}
  encapsulation: ${o.encapsulation ?? 'encap.red'}
  on-stop: ${o.onStop ?? 'keep'}
  sid-drain-time: ${o.drainSeconds ?? 60}
api: { socket: /run/srv6d/${peOf(o.side)}.sock }
log: { level: ${SRV6D_LAB_LOG ?? 'info'} }
locators:
  main:
    prefix: "${o.locator ?? locatorOf(o.side)}"
    block-length: 32
    node-length: 16
    function-length: 16
    behavior: ${o.usid ? 'usid' : 'classic'}
vrfs:
${CUSTOMERS.map((c) => vrfConfig(o, c)).join('')}neighbors:
  - address: "${far}"
    as: ${o.peerAs}
    families: [vpnv4, vpnv6]
    update-source: "${loopback(o.side)}"
    hold-time: 9
    connect-retry: 1
${o.as === o.peerAs ? '' : '    ebgp-multihop: 255\n'}`
}

function vrfConfig(o: Srv6dOptions, customer: Customer): string {
  const v4 = site(o.side, 4)
  const v6 = site(o.side, 6)
  const ce = o.ceSessions?.customers.includes(customer) ? o.ceSessions : undefined
  const session = (address: string, family: string) => `
      - address: "${address}"
        as: ${ce!.as}
        families: [${family}]
        hold-time: 9
        connect-retry: 1
        passive: ${customer === 'blue'}`
  const neighbors = ce
    ? `    neighbors:${session(v4.ce, 'ipv4-unicast')}${session(v6.ce, 'ipv6-unicast')}\n`
    : ''
  return `  ${customer}:
    table: ${TABLE[customer]}
    rd: "${rdOf(o.side, TABLE[customer])}"
    route-targets: { both: ["65000:${TABLE[customer]}"] }
    sid: ${o.sid}
    interfaces: [${customer}]
    redistribute: [connected, static]
    static-routes:
      - { prefix: ${v4.behindPrefix}, via: ${v4.ce} }
      - { prefix: "${v6.behindPrefix}", via: "${v6.ce}" }
${neighbors}`
}

export class Srv6dPe implements Pe {
  readonly side: Srv6dOptions['side']
  readonly program = 'srv6d'
  readonly protocol = `${RTPROT_SRV6D}`
  readonly socket: string
  readonly configFile: string
  #options: Srv6dOptions
  #process: LabProcess | null = null
  readonly #ns: string

  constructor(options: Srv6dOptions) {
    this.#options = options
    this.side = options.side
    this.#ns = options.namespace ?? peOf(options.side)
    this.socket = `/run/srv6d/${this.#ns}.sock`
    this.configFile = `${LOGS}/${this.#ns}.yaml`
  }

  get options(): Srv6dOptions {
    return this.#options
  }

  /** Takes effect at the next start or reload. */
  configure(change: Partial<Srv6dOptions>): void {
    this.#options = { ...this.#options, ...change }
  }

  async start(): Promise<void> {
    this.launch()
    await waitUntil(`${this.#ns}: srv6d answers on ${this.socket}`, 120, async () => {
      await this.api('/v1/status')
      return undefined
    })
  }

  #writeConfig(): void {
    writeFileSync(this.configFile, this.#options.config ?? srv6dConfig(this.#options))
  }

  /** Has the process take the configuration; waits for nothing. */
  reload(): void {
    this.#writeConfig()
    this.signal('SIGHUP')
  }

  /** Starts the process and waits for nothing. */
  launch(): void {
    this.#writeConfig()
    this.#process = this.startWith(this.configFile)
  }

  /** A process with any configuration file. */
  startWith(file: string): LabProcess {
    const argv = [process.execPath, `${dist}srv6d.js`, '-c', file]
    const log = `${LOGS}/${this.#ns}-srv6d.log`
    return new LabProcess(`srv6d ${this.#ns}`, inNamespace(this.#ns, argv), log)
  }

  /** What the process has used of the processor. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.#process?.pid}/stat`, 'utf8')
      .split(') ')[1]!
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  get exitStatus(): number | string | null {
    return this.#process ? this.#process.status : null
  }

  async stop(): Promise<void> {
    const status = await this.#process?.stop('SIGTERM', 120)
    if (status !== 0 && status !== undefined) {
      throw new Error(`srv6d on ${this.#ns} ended with ${status}`)
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.child.kill(name)
  }

  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL')
  }

  api<T>(path: string): Promise<T> {
    if (this.exitStatus !== null) {
      const status = this.exitStatus
      throw new InVain(`srv6d on ${this.#ns} ended with ${status}: ${tail(this.log(), 12)}`)
    }
    return new Promise((resolve, reject) => {
      const r = request({ socketPath: this.socket, path, timeout: 60_000 }, (answer) => {
        let body = ''
        answer.setEncoding('utf8').on('data', (s: string) => {
          body += s
        })
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(JSON.parse(body) as T)
          else reject(new Error(`GET ${path}: ${answer.statusCode} ${body.slice(0, 200)}`))
        })
      })
      r.on('timeout', () => r.destroy(new Error(`GET ${path}: no answer`)))
      r.on('error', reject)
      r.end()
    })
  }

  /** srv6d-cli, as a user would run it. */
  cli(...args: string[]): Promise<RunResult> {
    const cli = [process.execPath, `${dist}srv6d-cli.js`, '--socket', this.socket, ...args]
    return run(inNamespace(this.#ns, cli))
  }

  async neighbors(): Promise<NeighborsReply['neighbors']> {
    return (await this.api<NeighborsReply>('/v1/neighbors')).neighbors
  }

  async sids(): Promise<SidsReply['sids']> {
    return (await this.api<SidsReply>('/v1/sids')).sids
  }

  async session(): Promise<string | undefined> {
    const peer = loopback(otherSide(this.side))
    const n = (await this.neighbors()).find((x) => x.vrf === null && x.address === peer)
    if (n?.state === 'Established') return undefined
    return n ? `${peer} is ${n.state}, last error ${n.lastError}` : `no neighbour ${peer}`
  }

  async vpnRoutes(family: 4 | 6, wanted: VpnPrefix[]): Promise<string | undefined> {
    const path = `/v1/routes?table=vpn&family=vpnv${family}`
    const { routes } = await this.api<RoutesReply>(path)
    for (const { rd, prefix } of wanted) {
      const route = routes.find((r) => r.rd === rd && r.prefix === prefix)
      if (!route) return `${rd} ${prefix} is not there`
      if (!route.paths.some((p) => p.valid && p.best)) return JSON.stringify(route).slice(0, 300)
    }
    return undefined
  }

  log(): string {
    return this.#process?.output() ?? ''
  }

  logs(): Map<string, string> {
    return new Map([[`${this.#ns} srv6d`, tail(this.log(), 80)]])
  }
}

/**
 * FRR's zebra beside srv6d in the same kernel: OSPFv3 in the core, static routes in the main table
 * and in a VRF's. What it installs is the routes of somebody else.
 */
import { prepareInstance, startDaemon } from './frr-daemon.ts'
import type { LabProcess } from './run.ts'

export interface IgpOptions {
  root: string
  namespace: string
  routerId: string
  interfaces: string[]
  /** What OSPFv3 announces besides its own links. */
  redistribute: string[]
  /** Lines of staticd's configuration; without any it is not started. */
  statics?: string
}

export class Igp {
  readonly #options: IgpOptions
  #daemons: LabProcess[] = []

  constructor(options: IgpOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { root, namespace, interfaces, routerId, redistribute, statics } = this.#options
    const ospf6d = `${interfaces.map(interfaceLines).join('')}router ospf6
 ospf6 router-id ${routerId}
${redistribute.map((source) => ` redistribute ${source}\n`).join('')}exit
`
    const files = { 'zebra.conf': '', 'ospf6d.conf': ospf6d, 'staticd.conf': statics ?? '' }
    await prepareInstance(root, namespace, files)
    for (const name of ['zebra', 'ospf6d', ...(statics ? ['staticd'] : [])]) {
      const more = ['-f', `/etc/frr/${namespace}/${name}.conf`]
      this.#daemons.push(await startDaemon(root, namespace, name, more))
    }
  }

  /** Throws when one of its daemons has ended. */
  checkAlive(): void {
    const ended = this.#daemons.find(({ status }) => status !== null)
    if (ended) throw new Error(`${ended.name} ended with ${ended.status}`)
  }

  output(): string {
    return this.#daemons.map((daemon) => `${daemon.name}: ${daemon.output()}`).join('\n')
  }
}

const interfaceLines = (name: string): string => `interface ${name}
 ipv6 ospf6 area 0.0.0.0
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
exit
`

/** One run of the daemon with one configuration: kernel, speaker, API, ICMP relay. */
import manifest from '../../package.json' with { type: 'json' }
import { SystemClock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Kernel } from '../fib/kernel.ts'
import type { HealthPorts } from './api-app.ts'
import { startApi } from './api-server.ts'
import type { Config } from './config-schema.ts'
import { kernelFor } from './kernel-for.ts'
import { createLogger } from './log.ts'
import { Metrics } from './metrics.ts'
import { startMonitor } from './monitor-server.ts'
import { icmpRelayOf } from './path-mtu.ts'
import { Show } from './show.ts'
import { Speaker } from './speaker.ts'

export class Service {
  readonly config: Config
  readonly log: Logger
  readonly #kernel: Kernel
  readonly #speaker: Speaker
  readonly #relay: ReturnType<typeof icmpRelayOf>
  #api: Closeable | undefined
  #started = false
  /** Of the last file that could not be taken. */
  #notTaken = ''

  private constructor(config: Config, log: Logger) {
    this.config = config
    this.log = log
    const clock = new SystemClock()
    this.#kernel = kernelFor(config, clock, log)
    this.#speaker = new Speaker(config, this.#kernel, log, clock)
    this.#relay = icmpRelayOf(this.#speaker)
  }

  /** Throws what keeps it from running, with nothing left open. */
  static async start(config: Config): Promise<Service> {
    const service = new Service(config, createLogger(config.log))
    try {
      await service.#start()
    } catch (error) {
      // As far as it came.
      await service.#speaker.stop(false).catch(() => {})
      await service.#close().catch(() => {})
      throw error
    }
    return service
  }

  async #start(): Promise<void> {
    const { config, log } = this
    const [speaker, relay] = [this.#speaker, this.#relay]
    const source = new Show(speaker, manifest.version)
    // The socket before the kernel: a second daemon on this host goes no further than here.
    this.#api = await openApi(config, {
      source,
      log: log.child({ in: 'api' }),
      ready: () => this.#started && !speaker.restarting,
      metrics: new Metrics({ speaker, show: source, relay }),
    })
    log.info({ version: manifest.version, pid: process.pid, config: config.file }, 'starting')
    await speaker.start()
    this.#started = true
    const why = relay.start()
    if (why !== null) {
      speaker.problems.push(why)
      log.warn({}, why)
    }
    log.info({ vrfs: speaker.vrfs.length, neighbors: speaker.neighbors.length }, 'started')
  }

  /** What `show status` says of a file that was to be taken instead; '' when there is none. */
  set notTaken(problem: string) {
    const { problems } = this.#speaker
    if (this.#notTaken !== '') problems.splice(problems.indexOf(this.#notTaken), 1)
    if (problem !== '') problems.push(problem)
    this.#notTaken = problem
  }

  /** The kernel keeps what is ours where another run follows, else as `on-stop` says. */
  async stop(anotherFollows: boolean): Promise<void> {
    const remove = !anotherFollows && this.config.dataplane.onStop === 'remove'
    this.#relay.stop()
    await this.#speaker.stop(remove)
    await this.#close()
  }

  async #close(): Promise<void> {
    await this.#api?.close()
    await this.#kernel.close()
  }
}

interface Closeable {
  close(): Promise<void>
}

/** The socket, and the address for monitoring where there is to be one: both or neither. */
async function openApi({ api }: Config, ports: HealthPorts): Promise<Closeable> {
  const socket = await startApi({ ...ports, socket: api.socket })
  if (api.listen === null) return socket
  try {
    const monitor = await startMonitor(api.listen, ports)
    return { close: async () => void (await Promise.all([monitor.close(), socket.close()])) }
  } catch (error) {
    await socket.close()
    throw error
  }
}

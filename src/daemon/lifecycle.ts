import { parseArgs } from 'node:util'
import manifest from '../../package.json' with { type: 'json' }
import { SystemClock } from '../base/clock.ts'
import { silentLogger } from '../base/logger.ts'
import { LinuxKernel } from '../fib/linux-kernel.ts'
import type { HealthPorts } from './api-app.ts'
import { startApi } from './api-server.ts'
import { ConfigError, loadConfig } from './config-load.ts'
import type { Config } from './config-schema.ts'
import { runDoctor } from './doctor.ts'
import { kernelFor } from './kernel-for.ts'
import { createLogger } from './log.ts'
import { Metrics } from './metrics.ts'
import { startMonitor } from './monitor-server.ts'
import { icmpRelayOf } from './path-mtu.ts'
import { Show } from './show.ts'
import { Speaker } from './speaker.ts'

const USAGE = `usage: srv6d [-c FILE] [--check | --doctor]
  -c, --config FILE   configuration (default /etc/srv6d/srv6d.yaml)
      --check         check the configuration and exit
      --doctor        examine this host for it, print findings as JSON and exit
      --version       print the version and exit
`

/** EX_SOFTWARE of sysexits.h. */
const CRASHED = 70

const OPTIONS = {
  config: { type: 'string', short: 'c', default: '/etc/srv6d/srv6d.yaml' },
  check: { type: 'boolean', default: false },
  doctor: { type: 'boolean', default: false },
  version: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** Runs the daemon until a signal ends it; the exit status: 0, 1 (cannot run), 2 (usage). */
export async function runDaemon(args: string[]): Promise<number> {
  let options: ReturnType<typeof readArgs>
  try {
    options = readArgs(args)
  } catch (error) {
    process.stderr.write(`srv6d: ${(error as Error).message}\n${USAGE}`)
    return 2
  }
  if (options.help) return print(USAGE)
  if (options.version) return print(`srv6d ${manifest.version}\n`)
  try {
    const config = loadConfig(options.config)
    if (options.check) return print(`${options.config}: ok\n`)
    if (options.doctor) return await doctor(config)
    return await run(config)
  } catch (error) {
    const known = error instanceof ConfigError
    process.stderr.write(`${known ? '' : 'srv6d: '}${(error as Error).message}\n`)
    return 1
  }
}

function readArgs(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: false }).values
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

/** For `srv6d-cli doctor` while no daemon runs. */
async function doctor(config: Config): Promise<number> {
  const kernel = new LinuxKernel(silentLogger)
  try {
    return print(`${JSON.stringify({ findings: await runDoctor(config, kernel) })}\n`)
  } finally {
    await kernel.close()
  }
}

async function run(config: Config): Promise<number> {
  const log = createLogger(config.log)
  // A bug of ours: say it as a log line, leave the kernel forwarding, let systemd start us again.
  process.on('uncaughtException', (err) => {
    log.error({ err }, 'crashed')
    process.exit(CRASHED)
  })
  const clock = new SystemClock()
  const kernel = kernelFor(config, clock, log)
  const speaker = new Speaker(config, kernel, log, clock)
  const source = new Show(speaker, manifest.version)
  const relay = icmpRelayOf(speaker)
  let started = false
  // Signals first: one that comes while we start is kept until we can stop cleanly.
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal))
  })
  // The socket before the kernel: a second daemon on this host goes no further than here.
  let api: Closeable
  try {
    api = await openApi(config, {
      source,
      log: log.child({ in: 'api' }),
      ready: () => started && !speaker.restarting,
      metrics: new Metrics({ speaker, show: source, relay }),
    })
  } catch (error) {
    await kernel.close()
    throw error
  }
  log.info({ version: manifest.version, pid: process.pid, config: config.file }, 'starting')
  await speaker.start()
  started = true
  const why = relay.start()
  if (why !== null) {
    speaker.problems.push(why)
    log.warn({}, why)
  }
  log.info({ vrfs: speaker.vrfs.length, neighbors: speaker.neighbors.length }, 'started')
  const signal = await ended
  log.info({ signal, onStop: config.dataplane.onStop }, 'stopping')
  relay.stop()
  await speaker.stop()
  await api.close()
  await kernel.close()
  log.info({}, 'stopped')
  return 0
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

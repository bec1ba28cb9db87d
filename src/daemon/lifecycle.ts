import { isDeepStrictEqual, parseArgs } from 'node:util'
import manifest from '../../package.json' with { type: 'json' }
import { silentLogger } from '../base/logger.ts'
import { LinuxKernel } from '../fib/linux-kernel.ts'
import { ConfigError, loadConfig } from './config-load.ts'
import type { Config } from './config-schema.ts'
import { runDoctor } from './doctor.ts'
import { createLogger } from './log.ts'
import { Service } from './service.ts'

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
    const config = loadConfig(options.config, (_, text) => process.stderr.write(`${text}\n`))
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

/** What signals ask for, the end before all; one that comes while we start or reload is kept. */
class Signals {
  #ending = ''
  #reload = false
  #wake = () => {}

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        this.#ending ||= signal
        this.#wake()
      })
    }
    process.on('SIGHUP', () => {
      this.#reload = true
      this.#wake()
    })
  }

  async next(): Promise<string> {
    while (this.#ending === '' && !this.#reload) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#reload = false
    return this.#ending || 'SIGHUP'
  }
}

async function run(first: Config): Promise<number> {
  const signals = new Signals()
  let service: Service | undefined
  // A bug of ours: say it as a log line, leave the kernel forwarding, let systemd start us again.
  process.on('uncaughtException', (err) => {
    const log = service?.log ?? createLogger(first.log)
    log.error({ err }, 'crashed')
    process.exit(CRASHED)
  })
  service = await Service.start(first)
  for (;;) {
    const signal = await signals.next()
    if (signal === 'SIGHUP') {
      service = await reload(service)
      continue
    }
    const { log, config } = service
    log.info({ signal, onStop: config.dataplane.onStop }, 'stopping')
    await service.stop(false)
    log.info({}, 'stopped')
    return 0
  }
}

/**
 * A graceful restart (RFC 4724) in this process: forwarding goes on. A file with mistakes, or the
 * one there is already, changes nothing.
 */
async function reload(service: Service): Promise<Service> {
  const { config, log } = service
  let next: Config
  try {
    next = loadConfig(config.file, ({ line, column, path, message }) =>
      log.warn({ file: config.file, line, column, path }, message),
    )
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { file, problems } = error
    for (const { line, column, path, message } of problems) {
      log.error({ file, line, column, path }, `configuration not taken: ${message}`)
    }
    const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`
    service.notTaken = `${file} has ${count} and was not taken: srv6d -c ${file} --check`
    return service
  }
  service.notTaken = ''
  if (isDeepStrictEqual(next, config)) {
    log.info({ config: config.file }, 'nothing has changed in the configuration')
    return service
  }
  log.info({ config: config.file }, 'taking the new configuration, forwarding goes on')
  await service.stop(true)
  try {
    return await Service.start(next)
  } catch (err) {
    log.error({ err }, 'cannot run with the new configuration: going on with the one before')
    const before = await Service.start(config)
    before.notTaken = `${next.file} could not be taken: ${(err as Error).message}`
    return before
  }
}

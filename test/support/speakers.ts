/**
 * FRR's bgpd and gobgpd as neighbours on the loopback, without zebra and without a kernel table:
 * control plane only, each on high ports with its files in a directory of its own.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const BGPD = '/usr/lib/frr/bgpd'
const GOBGPD = '/usr/bin/gobgpd'

/** Why bgpd cannot be run here, '' if it can. */
export function frrMissing(): string {
  if (!existsSync(BGPD)) return `${BGPD} is not installed`
  return process.getuid?.() === 0 ? '' : 'bgpd needs root'
}

/** Why gobgpd cannot be run here, '' if it can. */
export function gobgpMissing(): string {
  return existsSync(GOBGPD) ? '' : `${GOBGPD} is not installed`
}

export interface Speaker {
  /** Runs a command of the speaker's own tool and returns what it printed. */
  show(...command: string[]): string
  /** Ends the process without a word to its neighbours. */
  kill(): Promise<void>
}

/** A directory of its own, with a short path: Unix sockets in it must fit 108 octets. */
function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'srv6d-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A TCP port nobody listens on, for programs that must be told one. */
export async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a program that never outlives the test; the function returned kills it. */
function start(program: string, args: string[], log: string): () => Promise<void> {
  const out = openSync(log, 'a')
  const child = spawn(program, args, { stdio: ['ignore', out, out] })
  closeSync(out)
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return () => {
    process.off('exit', kill)
    kill()
    return exited
  }
}

/** Waits until the speaker's tool answers; if it never does, shows what the speaker said. */
async function answering(speaker: Speaker, log: string, ...command: string[]): Promise<Speaker> {
  for (let tries = 0; tries < 1200; tries++) {
    try {
      speaker.show(...command)
      return speaker
    } catch {
      await sleep(100)
    }
  }
  await speaker.kill()
  throw new Error(`no answer after two minutes; it said: ${readFileSync(log, 'utf8')}`)
}

/** bgpd listening on `address` and `port`. */
export async function startBgpd(options: {
  address: string
  port: number
  config: string
}): Promise<Speaker> {
  const { address, port, config } = options
  const dir = makeDir()
  const file = join(dir, 'bgpd.conf')
  writeFileSync(file, config)
  writeFileSync(join(dir, 'vtysh.conf'), '')
  // biome-ignore format: flags and their values in pairs
  const args = [
    '--no_kernel', '--no_zebra', '--skip_runas', '--vty_port', '0',
    '--config_file', file, '--pid_file', join(dir, 'bgpd.pid'), '--vty_socket', dir,
    '--listenon', address, '--bgp_port', String(port),
  ]
  const kill = start(BGPD, args, join(dir, 'log'))
  const show = (...command: string[]) =>
    execFileSync(
      'vtysh',
      ['--vty_socket', dir, '--config_dir', dir, '-d', 'bgpd', '-c', command.join(' ')],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    )
  return answering({ show, kill }, join(dir, 'log'), 'show bgp summary')
}

/** gobgpd with a TOML configuration; `restarting` sets the R bit of graceful restart. */
export async function startGobgpd(options: {
  config: string
  restarting?: boolean
}): Promise<Speaker> {
  const dir = makeDir()
  const apiPort = await freePort('127.0.0.1')
  const file = join(dir, 'gobgpd.toml')
  writeFileSync(file, options.config)
  const args = ['-f', file, '--api-hosts', `127.0.0.1:${apiPort}`, '--pprof-disable']
  const kill = start(GOBGPD, options.restarting ? [...args, '-r'] : args, join(dir, 'log'))
  const show = (...command: string[]) =>
    execFileSync('gobgp', ['-u', '127.0.0.1', '-p', String(apiPort), ...command], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  return answering({ show, kill }, join(dir, 'log'), 'neighbor')
}

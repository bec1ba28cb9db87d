/** What the parse bench asks of another implementation, and how a program is run and timed. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from '../corpus.ts'

/** Figures of one run over a corpus. */
export interface PeerRun {
  /** User CPU time in microseconds, start-up left out. */
  cpu: number
  /** Octets, messages and prefixes it was given in that time: a corpus may be read more than once. */
  octets: number
  messages: number
  prefixes: number
  /** Octets allocated in all, where the peer can tell. */
  allocated?: number
  /** Of one pass, where it can tell: what it refused, and how many prefixes it counted itself. */
  refused?: string | undefined
  counted?: number
}

/** A parser of another project. */
export interface Peer {
  /** Name and version: the subject of its measurements. */
  name: string
  /** How many rounds of the bench it takes part in. */
  rounds: number
  /** Why it does not read a corpus, else undefined. */
  skips(corpus: Corpus): string | undefined
  /**
   * Writes what it reads, once, unless it takes `file`, the messages back to back. Then each call
   * is one run, of at least `ms` where it can choose.
   */
  prepare(corpus: Corpus, file: string): (ms: number) => PeerRun
}

/** A peer, or why there is none. */
export type PeerOrReason = Peer | { name: string; reason: string }

const root = join(import.meta.dirname, '../..')

/** A folder for built programs and input files, out of version control. */
export function cacheFolder(): string {
  const folder = join(root, 'dist/bench/peers')
  mkdirSync(folder, { recursive: true })
  return folder
}

/** The upstream version of an installed Debian package, undefined when it is not installed. */
export function packageVersion(name: string): string | undefined {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own
  const format = '-f=${Status}\t${Version}'
  const { stdout, status } = spawnSync('dpkg-query', ['-W', format, name], { encoding: 'utf8' })
  if (status !== 0) return undefined
  const [state, version] = stdout.split('\t')
  return state === 'install ok installed'
    ? version!.replace(/^\d+:/, '').replace(/[-+].*/, '')
    : undefined
}

/** The sentence for missing packages. */
export function missing(...names: string[]): string {
  const absent = names.filter((name) => packageVersion(name) === undefined)
  return `not installed: apt-get install -y --no-install-recommends ${absent.join(' ')}`
}

/** Runs a program with its output thrown away; its user CPU time in microseconds. */
export function userTime(command: string, args: string[]): number {
  const timed = 'TIMEFORMAT=%3U; time "$@" >/dev/null 2>/dev/null'
  const { status, error, stderr } = spawnSync('bash', ['-c', timed, 'bash', command, ...args], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: status ${status}`)
  return Number(stderr.trim()) * 1e6
}

/** GoBGP's packet library, from Debian's source package: bench/peers/gobgp/main.go. */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from '../corpus.ts'
import { cacheFolder, missing, type PeerOrReason, type PeerRun, packageVersion } from './peer.ts'

const LIBRARY = 'golang-github-osrg-gobgp-dev'
const SOURCE = join(import.meta.dirname, 'gobgp/main.go')

/** Where Debian keeps the sources of Go packages; nothing is fetched. */
const GO_ENV = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOPROXY: 'off', GOFLAGS: '' }

/** Builds the program where it is not there yet. */
export function gobgp(): PeerOrReason {
  const version = packageVersion(LIBRARY)
  const name = version === undefined ? 'GoBGP' : `GoBGP ${version}`
  if (version === undefined || packageVersion('golang-go') === undefined) {
    return { name, reason: missing('golang-go', LIBRARY) }
  }
  const program = join(cacheFolder(), `gobgp-${version}`)
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(SOURCE).mtimeMs) {
    const { status, stderr, error } = spawnSync('go', ['build', '-o', program, SOURCE], {
      encoding: 'utf8',
      env: { GOCACHE: join(cacheFolder(), 'go'), ...process.env, ...GO_ENV },
    })
    if (status !== 0) return { name, reason: `go build: ${error?.message ?? stderr.trim()}` }
  }
  return {
    name,
    rounds: Number.POSITIVE_INFINITY,
    skips: () => undefined,
    prepare: (corpus, file) => prepare(program, corpus, file),
  }
}

function prepare(program: string, { octets }: Corpus, file: string): (ms: number) => PeerRun {
  return (ms) => {
    const { status, stdout, stderr } = spawnSync(program, [file, String(ms)], {
      encoding: 'utf8',
      env: { ...process.env, GOMAXPROCS: '1' },
    })
    if (status !== 0) throw new Error(`${program}: ${stderr}`)
    const { cpu, passes, messages, prefixes, errors, panics, allocated } = JSON.parse(stdout)
    return {
      cpu,
      octets: octets.length * passes,
      messages: messages * passes,
      prefixes: prefixes * passes,
      allocated,
      counted: prefixes,
      refused: refusals(errors, panics),
    }
  }
}

function refusals(errors: number, panics: number): string | undefined {
  if (errors + panics === 0) return undefined
  return `gives an error for ${errors} messages, panics at ${panics}`
}

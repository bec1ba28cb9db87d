/** Runs a lab scenario (lab/*.ts, bundled) and makes every check it reports an assertion. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { findPlace, LAB, runProgram } from '../../lab/lib/host.ts'

const { CI } = process.env

export interface Scenario {
  /** dist/lab/NAME.mjs. */
  program: string
  args?: string[]
  /** A Debian suite whose root (lab/root) is the program's first argument. */
  suite?: 'bookworm' | 'trixie' | 'sid'
  seconds: number
  /** It runs in the virtual machine unless the kernel has VRF devices. */
  needsVrf?: boolean
}

const hasCommand = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0

/** Makes a root; its path, or why it could not be made. */
function makeRoot(suite: string): Promise<{ path: string } | { why: string }> {
  const child = spawn(`${LAB}root`, [suite], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (s) => {
    out += s
  })
  child.stderr.on('data', (s) => {
    err += s
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      if (code === 0) resolve({ path: out.trim().split('\n').at(-1)! })
      else resolve({ why: `lab/root ${suite}: ${err.trim().split('\n').slice(-3).join('; ')}` })
    })
  })
}

/** What keeps the scenario from running here, '' if nothing does. */
function missing(kind: 'native' | 'vm'): string {
  const wanted = ['ip', 'ping', 'tcpdump', ...(kind === 'vm' ? ['qemu-system-x86_64'] : [])]
  const absent = wanted.filter((c) => !hasCommand(c))
  return absent.length > 0 ? `not installed: ${absent.join(', ')}` : ''
}

export async function runScenario(t: Test, s: Scenario): Promise<void> {
  const built = fileURLToPath(new URL(`../../dist/lab/${s.program}.mjs`, import.meta.url))
  if (!existsSync(built)) {
    t.fail(`${built} is not built: node scripts/build.mjs && node lab/build.mjs`)
    return
  }
  const place = findPlace({
    frr: s.suite !== undefined,
    dataplane: s.needsVrf ? 'vrf' : 'table',
  })
  const why = missing(place.kind)
  if (why) return skip(t, why)
  const args = [...(s.args ?? [])]
  if (s.suite) {
    const root = await makeRoot(s.suite)
    if ('why' in root) return skip(t, root.why)
    args.unshift(root.path)
  }
  t.comment(place.why)
  let finished = false
  const { status, stderr } = await runProgram(
    { place, name: s.program, args, seconds: s.seconds },
    (line) => {
      if ('check' in line) t.ok(line.ok, line.check, line.ok ? {} : { seen: line.detail })
      else if ('skip' in line) t.pass(line.skip, { skip: line.why })
      else if ('note' in line) t.comment(line.note)
      else if ('log' in line) process.stderr.write(`--- ${line.log}\n${line.tail}\n`)
      else finished = true
    },
  )
  if (!finished) {
    t.fail(`${s.program} ended with ${status} before its summary`, { stderr: stderr.slice(-4000) })
  }
}

/** A skip on a user's machine, a failure under CI. */
function skip(t: Test, why: string): void {
  if (CI) t.fail(why)
  else t.pass(why, { skip: why })
}

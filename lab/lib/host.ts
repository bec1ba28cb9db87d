/**
 * On the host: where a lab program can run, and running it there. Natively in namespaces of its
 * own (as an ordinary user in a user namespace) where the kernel has what the program needs, else
 * in the throw-away virtual machine of lab/vm.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { ScenarioLine } from './checks.ts'

/** The repository: two folders up from here, and from the bundles in dist/lab. */
const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
export const LAB = `${REPOSITORY}lab/`

export interface Place {
  kind: 'native' | 'vm'
  /** What srv6d finds there by itself. */
  dataplane: 'vrf' | 'table'
  /** One line for the user. */
  why: string
  /** Put before the program. */
  prefix: string[]
}

/** The namespaces a program gets; everything in them ends with it, also after SIGKILL. */
const NAMESPACES = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']

// what each data plane needs of a kernel
const PROBES = {
  vrf: `set -e
mount -t tmpfs lab /run
ip link add lab-vrf type vrf table 10
ip link set lab-vrf up
ip link add lab-a type veth peer name lab-b
sysctl -qw net.vrf.strict_mode=1
ip -6 route add fcbb::1/128 encap seg6local action End.DT46 vrftable 10 dev lab-vrf
ip link set lab-a up
ip -6 route add fcbb::2/128 encap seg6 mode encap.red segs fcbb::3 dev lab-a`,
  table: `set -e
mount -t tmpfs lab /run
ip link add lab-a type veth peer name lab-b
ip link set lab-a up
ip -6 rule add iif lab-a lookup 10
ip -6 route add fcbb::1/128 encap seg6local action End.DT6 table 10 dev lab-a
ip -6 route add fcbb::4/128 encap seg6local action End.DX4 nh4 240.0.0.1 dev lab-a
ip -6 route add fcbb::2/128 encap seg6 mode encap.red segs fcbb::3 dev lab-a`,
} as const

export interface Needs {
  /** FRR needs more than one user id, which a user namespace made without root does not have. */
  frr?: boolean
  /** `vrf`: VRF devices; else either data plane will do. */
  dataplane?: 'vrf' | 'table'
}

/** Decides where a lab program runs on this machine. SRV6D_LAB=vm or native forces it. */
export function findPlace(needs: Needs = {}): Place {
  const { SRV6D_LAB: forced } = process.env
  const root = process.getuid?.() === 0
  const vm = (why: string): Place => {
    const prefix = [`${LAB}vm`]
    return {
      kind: 'vm',
      dataplane: 'vrf',
      why: `${why}: the lab runs in a virtual machine.`,
      prefix,
    }
  }
  if (forced === 'vm') return vm('SRV6D_LAB=vm')
  if (!root && needs.frr) return vm('FRR needs root')
  const prefix = ['unshare', ...(root ? [] : ['--user', '--map-root-user']), ...NAMESPACES]
  const missing = { vrf: lacks(prefix, 'vrf'), table: '' }
  const how = root ? 'in network namespaces' : 'in a user namespace, without root'
  const native = (dataplane: Place['dataplane'], with_: string): Place => {
    const why = `The lab runs on this kernel, ${how}: VRFs are ${with_}.`
    return { kind: 'native', dataplane, why, prefix }
  }
  if (missing.vrf === '') return native('vrf', 'VRF devices')
  if (needs.dataplane !== 'vrf') missing.table = lacks(prefix, 'table')
  const may = needs.dataplane !== 'vrf' && missing.table === ''
  if (may || forced === 'native')
    return native('table', 'routing tables and rules, as it has no VRF devices')
  return vm(`This kernel has no VRF devices for us (${missing.vrf})`)
}

/** The last line of the complaint of a kernel that a data plane does not work on, else ''. */
function lacks(prefix: string[], dataplane: Place['dataplane']): string {
  const argv = [...prefix.slice(1), 'sh', '-c', PROBES[dataplane]]
  const r = spawnSync(prefix[0]!, argv, { encoding: 'utf8' })
  if (r.status === 0) return ''
  return (r.stderr || r.error?.message || `exit ${r.status}`).trim().split('\n').at(-1)!
}

export interface ProgramOptions {
  place: Place
  /** Name of dist/lab/NAME.mjs. */
  name: string
  args?: string[]
  seconds: number
  /** The program gets this terminal (demo --keep). */
  interactive?: boolean
  /** Whether its stderr (progress) comes out here. */
  progress?: boolean
  /** A Unix socket to talk to the program by, while it runs (demo --keep). */
  control?: string
}

/** Where the lab keeps what it fetched; lab/vm, lab/root and lab/enter know the same place. */
export function cacheDirectory(): string {
  const { SRV6D_LAB_CACHE, XDG_CACHE_HOME } = process.env
  return SRV6D_LAB_CACHE || `${XDG_CACHE_HOME || `${homedir()}/.cache`}/srv6d-lab`
}

/** The whole command line; the kernel ends the program with this process, whatever ends that. */
export function commandLine(o: ProgramOptions): string[] {
  const program = [process.execPath, `${REPOSITORY}dist/lab/${o.name}.mjs`, ...(o.args ?? [])]
  if (o.place.kind === 'native') {
    return ['setpriv', '--pdeathsig', 'KILL', ...o.place.prefix, ...program]
  }
  const tied = ['setpriv', '--pdeathsig', 'TERM']
  const limit = ['-t', `${o.interactive ? 0 : o.seconds}`]
  const control = o.control ? ['-c', o.control] : []
  return [
    ...tied,
    ...o.place.prefix,
    ...limit,
    ...(o.interactive ? ['-i'] : []),
    ...control,
    ...program,
  ]
}

/** Ends a lab program early. (unshare holds SIGTERM back while it waits for its child.) */
export function stopChild(child: ChildProcess, place: Place): void {
  child.kill(place.kind === 'native' ? 'SIGKILL' : 'SIGTERM')
}

/** Runs a lab program to its end. Each line of its stdout that is a report goes to `onLine`. */
export function runProgram(
  o: ProgramOptions,
  onLine: (line: ScenarioLine) => void,
): Promise<{ status: number; stderr: string }> {
  const argv = commandLine(o)
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SRV6D_LAB_SANDBOX: '1' },
  })
  let rest = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (s: string) => {
    const lines = (rest + s).split('\n')
    rest = lines.pop()!
    for (const l of lines) {
      if (l.startsWith('{')) onLine(JSON.parse(l) as ScenarioLine)
    }
  })
  child.stderr.setEncoding('utf8').on('data', (s: string) => {
    stderr = (stderr + s).slice(-20_000)
    if (o.progress) process.stderr.write(s)
  })
  const timer = setTimeout(() => stopChild(child, o.place), (o.seconds + 60) * 1000)
  return new Promise((resolve) => {
    child.on('error', (e) => resolve({ status: 127, stderr: e.message }))
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ status: code ?? 1, stderr })
    })
  })
}

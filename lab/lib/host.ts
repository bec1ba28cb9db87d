/**
 * On the host: where a lab program can run, and running it there. Natively in namespaces of its
 * own where the kernel has VRF devices (as an ordinary user in a user namespace), else in the
 * throw-away virtual machine of lab/vm.
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
  /** One line for the user. */
  why: string
  /** Put before the program. */
  prefix: string[]
}

/** The namespaces a program gets; everything in them ends with it, also after SIGKILL. */
const NAMESPACES = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']

// what the lab needs of a kernel: VRF devices, veth, seg6 routes and End.DT46
const PROBE = `set -e
mount -t tmpfs lab /run
ip link add lab-vrf type vrf table 10
ip link set lab-vrf up
ip link add lab-a type veth peer name lab-b
sysctl -qw net.vrf.strict_mode=1
ip -6 route add fcbb::1/128 encap seg6local action End.DT46 vrftable 10 dev lab-vrf
ip link set lab-a up
ip -6 route add fcbb::2/128 encap seg6 mode encap.red segs fcbb::3 dev lab-a`

/**
 * Decides where lab programs run on this machine. SRV6D_LAB=vm or native forces it. A program with
 * FRR in it needs more than one user id, which a user namespace made without root does not have.
 */
export function findPlace(withFrr = false): Place {
  const { SRV6D_LAB: forced } = process.env
  const root = process.getuid?.() === 0
  const unshare = ['unshare', ...(root ? [] : ['--user', '--map-root-user']), ...NAMESPACES]
  if (forced !== 'vm' && (root || !withFrr)) {
    const r = spawnSync(unshare[0]!, [...unshare.slice(1), 'sh', '-c', PROBE], { encoding: 'utf8' })
    if (r.status === 0 || forced === 'native') {
      const how = root ? 'in network namespaces' : 'in a user namespace, without root'
      return { kind: 'native', why: `The lab runs on this kernel, ${how}.`, prefix: unshare }
    }
    const reason = (r.stderr || r.error?.message || '').trim().split('\n').at(-1)
    const why = `This kernel has no VRF devices for us (${reason}): the lab runs in a virtual machine.`
    return { kind: 'vm', why, prefix: [`${LAB}vm`] }
  }
  return {
    kind: 'vm',
    why: 'SRV6D_LAB=vm: the lab runs in a virtual machine.',
    prefix: [`${LAB}vm`],
  }
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

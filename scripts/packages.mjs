/**
 * The Debian packages the lab needs: which are missing, and installing them as root or with
 * `sudo -n`. Services of packages installed here are not started: the lab runs its own.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Command or file -> package. */
const NETWORK = {
  ip: 'iproute2',
  ping: 'iputils-ping',
  sysctl: 'procps',
  nsenter: 'util-linux',
}
const MACHINE = {
  'qemu-system-x86_64': 'qemu-system-x86',
  zstd: 'zstd',
  xz: 'xz-utils',
  depmod: 'kmod',
}
const TESTS = {
  tcpdump: 'tcpdump',
  mmdebstrap: 'mmdebstrap',
  buildah: 'buildah',
  getcap: 'libcap2-bin',
  tshark: 'tshark',
  bpftool: 'bpftool',
  iptables: 'iptables',
  gobgpd: 'gobgpd',
  '/usr/lib/frr/bgpd': 'frr',
}
/** What stands in for Cilium's agent in the demos of the edges. */
const SPEAKER = { gobgpd: TESTS.gobgpd }
const SERVICES = ['frr', 'gobgpd']

const PATH = [...(process.env.PATH ?? '').split(':'), '/sbin', '/usr/sbin']
const isThere = (what) =>
  what.startsWith('/') ? existsSync(what) : PATH.some((d) => existsSync(`${d}/${what}`))
const run = (argv, options = {}) => spawnSync(argv[0], argv.slice(1), options).status === 0

/** Whether the lab must bring a kernel of its own: this one lacks something or may not be asked. */
function needsMachine(purpose) {
  if (process.env.SRV6D_LAB === 'vm') return true
  const unshare = process.getuid?.() === 0 ? ['unshare', '-n'] : ['unshare', '-Urn']
  const can = (script) => run([...unshare, 'sh', '-c', script], { stdio: 'ignore' })
  if (can('ip link add lab-vrf type vrf table 10')) return false
  // the demo does without VRF devices, some tests do not
  const sid = 'ip -6 route add fcbb::1/128 encap seg6local action End.DT6 table 10 dev lab-a'
  const link = 'ip link add lab-a type veth peer name lab-b && ip link set lab-a up'
  return purpose === 'test' || !can(`${link} && ${sid}`)
}

/** The packages missing for `demo`, `edge-demo` or `test`. */
export function missingPackages(purpose) {
  const missing = (table) =>
    Object.keys(table)
      .filter((k) => !isThere(k))
      .map((k) => table[k])
  const names = missing(NETWORK)
  if (names.includes('iproute2') || needsMachine(purpose)) names.push(...missing(MACHINE))
  if (purpose === 'edge-demo') names.push(...missing(SPEAKER))
  if (purpose === 'test') {
    names.push(...missing(TESTS))
    // without root, mmdebstrap needs a range of user ids
    if (process.getuid?.() !== 0 && !isThere('newuidmap')) names.push('uidmap')
  }
  return names
}

/** Installs what is missing; gives a sentence if that cannot be done. */
export function installMissing(purpose) {
  const names = missingPackages(purpose)
  if (names.length === 0) return undefined
  const by = `apt-get install --no-install-recommends ${names.join(' ')}`
  if (!isThere('apt-get')) return `Missing, and this is not Debian: ${names.join(' ')}`
  const root = process.getuid?.() === 0
  if (!root && !run(['sudo', '-n', 'true'], { stdio: 'ignore' })) {
    return `Missing packages; install them with: sudo ${by}`
  }
  process.stdout.write(`Installing ${names.join(' ')}\n`)
  const as = root ? [] : ['sudo', '-n']
  const quiet = ['env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8']
  const services = SERVICES.filter((s) => names.includes(s))
  const held = holdServices(as, services)
  const apt = (...args) =>
    run([...as, ...quiet, 'apt-get', '-q', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const install = () => apt('install', '-y', '--no-install-recommends', ...names)
  const done = install() || (apt('update') && install())
  held()
  return done ? undefined : `Could not install packages: ${by}`
}

/** Where systemd runs, keeps services from starting while they are installed, and from then on. */
function holdServices(as, services) {
  if (!existsSync('/run/systemd/system') || services.length === 0) return () => {}
  const systemctl = (...args) => run([...as, 'systemctl', ...args], { stdio: 'ignore' })
  systemctl('mask', '--runtime', ...services)
  return () => {
    systemctl('disable', ...services)
    systemctl('unmask', '--runtime', ...services)
  }
}

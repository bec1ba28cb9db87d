/**
 * Packets too big for the core, on this machine's kernel: a customer behind a router that
 * encapsulates. The kernel itself tells the customer nothing; IcmpRelay does, in both families.
 */
import { spawn, spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { SystemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { IcmpRelay } from '../../src/fib/icmp-relay.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { inOwnNamespace } from '../support/namespace.ts'

const run = (line: string, status: number | null = 0) => {
  const { stdout, stderr, status: got } = spawnSync('sh', ['-ec', line], { encoding: 'utf8' })
  if (status !== null && got !== status) throw new Error(`${line}: ${stderr}`)
  return `${stdout}${stderr}`
}

// Neighbours are not asked for before an address is sure: the first packets would be lost.
const NO_DAD = 'sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0'

/** ce — this namespace, core of 1500 octets — far; the far side takes the customer's packets out. */
function build(): void {
  run(`
    mount -t tmpfs none /run && mkdir /run/netns
    ip netns add ce && ip netns add far
    ${NO_DAD} && ip netns exec ce ${NO_DAD} && ip netns exec far ${NO_DAD}
    ip link set lo up && ip -n ce link set lo up && ip -n far link set lo up
    ip link add access type veth peer name ce0 netns ce
    ip link add core type veth peer name core netns far
    ip link set access up && ip link set core up
    ip -n ce link set ce0 up && ip -n far link set core up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.access.rp_filter=0
    ip netns exec far sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip addr add 10.1.0.1/24 dev access && ip addr add 2001:db8:1::1/64 dev access nodad
    ip -n ce addr add 10.1.0.2/24 dev ce0 && ip -n ce addr add 2001:db8:1::2/64 dev ce0 nodad
    ip -n ce route add default via 10.1.0.1 && ip -n ce -6 route add default via 2001:db8:1::1
    ip addr add fd00::1/64 dev core nodad && ip -n far addr add fd00::2/64 dev core nodad
    ip -6 route add fcbb:2::/48 via fd00::2 && ip -n far -6 route add fcbb:1::/48 via fd00::1
    ip sr tunsrc set fd00::1
    ip -n far addr add 10.2.0.1/32 dev lo && ip -n far addr add 2001:db8:2::1/128 dev lo
    ip -n far -6 route add fcbb:2::4 encap seg6local action End.DX4 nh4 10.2.0.1 dev core
    ip -n far -6 route add fcbb:2::6 encap seg6local action End.DT6 table local dev core
    ip -n far route add 10.1.0.0/24 encap seg6 mode encap.red segs fcbb:1::4 dev core
    ip -n far -6 route add 2001:db8:1::/64 encap seg6 mode encap.red segs fcbb:1::6 dev core
    ip -6 route add fcbb:1::4 encap seg6local action End.DX4 nh4 10.1.0.2 dev access
    ip -6 route add fcbb:1::6 encap seg6local action End.DT6 table main dev access
    ip -6 nexthop add id 4 dev lo encap seg6 mode encap.red segs fcbb:2::4
    ip -6 nexthop add id 6 dev lo encap seg6 mode encap.red segs fcbb:2::6
    ip route add 10.2.0.1/32 nhid 4 && ip -6 route add 2001:db8:2::1/128 nhid 6
  `)
}

/** A ping of so many octets from the customer: 'reply', the MTU it was told, or 'silence'. */
async function ping(size: number, address: string, seconds = 20): Promise<string> {
  const headers = address.includes(':') ? 48 : 28
  const argv = [
    'netns',
    'exec',
    'ce',
    'ping',
    '-c1',
    `-W${seconds}`,
    '-Mdo',
    `-s${size - headers}`,
    address,
  ]
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  child.stdout.on('data', (data) => (out += data))
  child.stderr.on('data', (data) => (out += data))
  await new Promise((resolve) => child.on('close', resolve))
  if (/bytes from/.test(out)) return 'reply'
  return /mtu ?[=:] ?(\d+)/.exec(out)?.[1] ?? 'silence'
}

const SENDER = fileURLToPath(new URL('../../src/fib/icmp-socket.ts', import.meta.url))
/** Packet Too Big, 1500, about H.Encaps.Red of fd00::1 to fcbb:2::4, within it an echo to 10.2.0.1. */
const FORGED =
  '02000000000005dc 6000000005dc0440 fd000000000000000000000000000001 fcbb0002000000000000000000000004 450005dc000040004001211c0a0100020a020001 0800b47367710001'

/** The customer makes up such an error, to one of the router's addresses. */
function forge(to: string): void {
  const octets = parseAddress(to).join()
  const script = `import { sendIcmp } from '${SENDER}'
    const message = Buffer.from('${FORGED.replaceAll(' ', '')}', 'hex')
    const why = sendIcmp(message, Uint8Array.of(${octets}), undefined)
    if (why !== null) throw new Error(why)`
  const node = [process.execPath, '--import=tsx', '--input-type=module', '-e', script]
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', 'ce', ...node], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

async function inNamespace(): Promise<void> {
  build()
  for (const address of ['10.2.0.1', '2001:db8:2::1']) {
    await t.test(
      `${address}: what fits passes, what does not is lost without a word`,
      async (t) => {
        t.equal(await ping(1460, address), 'reply')
        t.equal(await ping(1461, address, 2), 'silence')
      },
    )
  }
  const relay = new IcmpRelay({
    clock: new SystemClock(),
    log: silentLogger,
    source: parseAddress('fd00::1'),
    route: () => ({ device: 'access' }),
  })
  t.equal(relay.start(), null)
  for (const address of ['10.2.0.1', '2001:db8:2::1']) {
    await t.test(`${address}: with the relay the sender is told what fits`, async (t) => {
      t.equal(await ping(1500, address), '1460')
      t.equal(await ping(1460, address), 'reply')
    })
  }
  t.equal(relay.relayed, 2)
  await t.test('only what comes to the source of our encapsulation counts', async (t) => {
    forge('2001:db8:1::1')
    forge('fd00::1')
    for (let k = 0; k < 1200 && relay.relayed < 3; k++) await pause(50)
    t.match(relay, { relayed: 3, dropped: 0 })
  })
  relay.stop()
}

await inOwnNamespace(t, import.meta.url, inNamespace, ['--mount'])

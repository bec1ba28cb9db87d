/** The network of kernel-check: we are the PE, the namespace the check runs in. */
import { must } from './run.ts'
import { Topology } from './topology.ts'

/** The VPN's SID at pe2. */
export const REMOTE_SID = 'fcbb:bb00:2:46::'

export const ip = (line: string) => must(['ip', ...line.split(' ')])

export async function buildKernelNetwork(): Promise<void> {
  const t = new Topology()
  t.namespace('ce1', 'p', 'pe2', 'ce2')
  t.link('p', 'pe2', 'pe2', 'core')
  t.link('ce2', 'pe', 'pe2', 'red')
  await t.apply()
  await must(
    ['ip', '-batch', '-'],
    `link set lo up
link add red type veth peer name pe netns ce1
link add core type veth peer name pe1 netns p
link set red up
link set core up
addr add 2001:db8:ffff::1/128 dev lo
addr add 2001:db8:f1::1/64 dev core nodad
addr add 10.1.0.254/24 dev red
addr add 2001:db8:1::fe/64 dev red nodad
route add fcbb:bb00:2::/48 via 2001:db8:f1::f
`,
  )
  t.ip('ce1', 'link set pe up', 'addr add 10.1.0.1/24 dev pe', 'addr add 2001:db8:1::1/64 dev pe')
  t.ip('ce1', 'route add default via 10.1.0.254', 'route add ::/0 via 2001:db8:1::fe')
  t.ip('ce2', 'addr add 10.2.0.1/24 dev pe', 'addr add 2001:db8:2::1/64 dev pe')
  t.ip('ce2', 'route add default via 10.2.0.254', 'route add ::/0 via 2001:db8:2::fe')
  t.ip('p', 'link set pe1 up', 'addr add 2001:db8:f1::f/64 dev pe1')
  t.ip('p', 'addr add 2001:db8:f2::f/64 dev pe2')
  t.ip('p', 'route add fcbb:bb00:1::/48 via 2001:db8:f1::1')
  t.ip('p', 'route add fcbb:bb00:2::/48 via 2001:db8:f2::1')
  t.sysctl('p', 'net.ipv6.conf.all.forwarding=1')
  const vrf = ['link add vrf-red type vrf table 10', 'link set vrf-red up']
  t.ip('pe2', ...vrf, 'link set red master vrf-red', 'addr add 2001:db8:f2::1/64 dev core')
  t.ip('pe2', 'addr add 10.2.0.254/24 dev red', 'addr add 2001:db8:2::fe/64 dev red')
  t.ip('pe2', 'route add fcbb:bb00:1::/48 via 2001:db8:f2::f')
  await t.apply()
  t.sysctl('pe2', 'net.vrf.strict_mode=1', 'net.ipv4.ip_forward=1')
  t.sysctl('pe2', 'net.ipv6.conf.all.forwarding=1')
  t.ip('pe2', `route add ${REMOTE_SID}/128 encap seg6local action End.DT46 vrftable 10 dev vrf-red`)
  await t.apply()
  await remoteSends('fcbb:bb00:1:46::', 'fcbb:bb00:1:46::')
}

/** pe2 sends IPv4 to the one SID of ours, IPv6 to the other. */
export async function remoteSends(sid4: string, sid6: string): Promise<void> {
  const via = (sid: string) => `encap seg6 mode encap segs ${sid} dev core`
  await ip(`-n pe2 route replace 10.1.0.0/24 vrf vrf-red ${via(sid4)}`)
  await ip(`-n pe2 -6 route replace 2001:db8:1::/64 vrf vrf-red ${via(sid6)}`)
}

/**
 * Netfilter on a node as Cilium without eBPF masquerading and kube-proxy lay it, and whom servers
 * see then: pods of no network have the node's address outside the cluster, in a VPN pods have
 * their own.
 */
import { type Checks, emit } from './checks.ts'
import { site } from './network.ts'
import {
  INTERNET,
  NODE,
  NODE_ADDRESS,
  NODE_CIDRS,
  PEER_PODS,
  POD_CIDRS,
  PODS,
} from './provider-network.ts'
import { must, run } from './run.ts'
import { addressSeen, whoAnswers } from './tcp.ts'
import { inNamespace } from './topology.ts'
import { waitUntil } from './wait-until.ts'

type Family = 4 | 6
const FAMILIES = [4, 6] as const
const CHAIN = 'CILIUM_POST_nat'
const ofFamily = (list: readonly string[], family: Family) =>
  list.filter((prefix) => prefix.includes(':') === (family === 6))

/** `egress`: Cilium's `egressMasqueradeInterfaces`; null: it has none, but one pod CIDR. */
export function masquerade(egress: string | null) {
  return (family: Family): string[] => {
    const rules = ofFamily(POD_CIDRS, family).flatMap((pods) => [
      ...ofFamily(NODE_CIDRS, family).map((nodes) => `-s ${pods} -d ${nodes} -j ACCEPT`),
      egress === null
        ? `-s ${pods} ! -d ${pods} ! -o lxc+ -j MASQUERADE`
        : `! -d ${pods} -o ${egress} -j MASQUERADE`,
    ])
    return [
      '*nat',
      `:${CHAIN} - [0:0]`,
      `-A POSTROUTING -j ${CHAIN}`,
      ...rules.map((rule) => `-A ${CHAIN} ${rule}`),
      'COMMIT',
    ]
  }
}

/** kube-proxy drops what connection tracking takes for a part of nothing; `before`: what is accepted. */
export function kubeProxy(before: (family: Family) => string[] = () => []) {
  return (family: Family): string[] => [
    '*filter',
    ...before(family).map((match) => `-A FORWARD ${match} -j ACCEPT`),
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    'COMMIT',
  ]
}

/**
 * Linux tracks no packet that it has encapsulated or decapsulated. `source`: of the encapsulation;
 * `inside`: devices of the VRFs.
 */
export function srv6Packets(source: string, inside: readonly string[]) {
  return (family: Family): string[] => [
    ...(family === 6 ? [`-s ${source}`] : []),
    ...inside.flatMap((device) => [`-i ${device}`, `-o ${device}`]),
  ]
}

/** Lays the rules, looks whom servers see, takes the rules away. `plainAs`: an untagged pod. */
export async function checkNetfilter(
  checks: Checks,
  name: string,
  rules: (family: Family) => string[],
  plainAs: 'itself' | 'its node',
): Promise<void> {
  const { code, stderr } = await run(inNamespace(NODE, ['iptables', '-t', 'nat', '-S']))
  if (code !== 0) return emit({ skip: name, why: stderr.trim() })
  await checks.check(name, async () => {
    await lay(rules)
    for (const family of FAMILIES) {
      const { blue, plain } = PODS
      await mustSee(
        plain.name,
        INTERNET[family],
        (plainAs === 'itself' ? plain : NODE_ADDRESS)[family],
      )
      for (const to of [site(2, family).ce, INTERNET[family], PEER_PODS.blue[family]]) {
        await mustSee(blue.name, to, blue[family])
      }
      await wait(`ce4 -> ${blue[family]}`, () => whoAnswers('ce4', blue[family]), blue.name)
    }
  })
  await lay(() => ['*nat', 'COMMIT', '*filter', 'COMMIT'])
}

async function lay(rules: (family: Family) => string[]): Promise<void> {
  for (const family of FAMILIES) {
    const restore = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
    await must(inNamespace(NODE, [restore]), `${rules(family).join('\n')}\n`)
  }
}

/** The server at `to` must see `source`. */
const mustSee = (from: string, to: string, source: string) =>
  wait(`${from} -> ${to}`, () => addressSeen(from, to), source)

/** However busy the machine is. */
const wait = (what: string, ask: () => Promise<string>, wanted: string) =>
  waitUntil(what, 30, async () => {
    const seen = await ask()
    return seen === wanted ? undefined : seen || 'nobody'
  })

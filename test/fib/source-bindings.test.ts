import t from 'tap'
import { silentLogger } from '../../src/base/logger.ts'
import type { KernelRule, RulePrefix } from '../../src/fib/kernel.ts'
import { RTPROT_SRV6D } from '../../src/fib/rtnetlink-constants.ts'
import { ruleText } from '../../src/fib/rtnetlink-rule.ts'
import { RuleTable } from '../../src/fib/rule-table.ts'
import { SourceBindings } from '../../src/fib/source-bindings.ts'
import { thrownRules } from '../../src/fib/table-rules.ts'
import { address } from '../support/builder.ts'
import { FakeKernel } from '../support/fake-kernel.ts'

const BLUE = 20
const RED = 10

function prefix(text: string): RulePrefix {
  const [host, bits] = text.split('/') as [string, string]
  return { address: address(host), bits: Number(bits) }
}

class WatchedKernel extends FakeKernel {
  afterRule = () => {}
  looks = 0

  override rules(): Promise<KernelRule[]> {
    this.looks++
    return super.rules()
  }

  override async putRule(rule: KernelRule): Promise<void> {
    await super.putRule(rule)
    this.afterRule()
  }

  override async deleteRule(rule: KernelRule): Promise<void> {
    await super.deleteRule(rule)
    this.afterRule()
  }
}

/** A cluster with a pool of blue and one of red. */
function setUp() {
  const kernel = new WatchedKernel()
  const rules = new RuleTable(kernel, silentLogger, [])
  rules.sweep()
  const sources = new SourceBindings(rules, {
    prefixes: [prefix('10.244.0.0/16'), prefix('fd00:244::/32')],
    pools: new Map([
      [BLUE, [prefix('10.244.8.0/22')]],
      [RED, [prefix('10.244.12.0/22')]],
    ]),
  })
  const ours = () =>
    kernel.ruleList.filter(({ protocol }) => protocol === RTPROT_SRV6D).map(ruleText)
  return { kernel, rules, sources, ours }
}

t.test('what a VRF device let go on meets no source rule, as long as there are any', async (t) => {
  const { rules, sources, ours } = setUp()
  sources.setFirst(thrownRules(['vrf-red', 'red']))
  await rules.flush()
  t.same(ours(), [])
  sources.bind(prefix('192.0.2.0/24'), BLUE)
  await rules.flush()
  t.same(
    ours()
      .filter((text) => text.includes('iif'))
      .toSorted(),
    [
      'IPv4 1984: from all iif red lookup 254',
      'IPv4 1984: from all iif vrf-red lookup 254',
      'IPv6 1984: from all iif red lookup 254',
      'IPv6 1984: from all iif vrf-red lookup 254',
    ],
  )
  sources.unbind(prefix('192.0.2.0/24'), BLUE)
  await rules.flush()
  t.same(ours(), [])
})

const POOL_OF_BLUE = [
  'IPv4 1990: from 10.244.8.0/22 to 10.244.8.0/22 lookup 254',
  'IPv4 1991: from 10.244.8.0/22 to 10.244.12.0/22 unreachable',
  'IPv4 1992: from 10.244.8.0/22 to 10.244.0.0/16 lookup 254',
]
const own = (text: string, table: number) => [
  `IPv4 2000: from ${text} lookup ${table}`,
  `IPv4 2001: from ${text} unreachable`,
]

t.test('what stays in the cluster is said once a pool, however many prefixes', async (t) => {
  const { rules, sources, ours } = setUp()
  const prefixes = ['10.244.8.0/26', '10.244.8.64/26', '10.244.9.7/32']
  for (const each of prefixes) sources.bind(prefix(each), BLUE)
  await rules.flush()
  const all = [...POOL_OF_BLUE, ...prefixes.flatMap((each) => own(each, BLUE))]
  t.same(ours().sort(), all.sort())
  sources.unbind(prefix('10.244.8.0/26'), BLUE)
  sources.unbind(prefix('10.244.8.64/26'), BLUE)
  await rules.flush()
  t.same(ours().sort(), [...POOL_OF_BLUE, ...own('10.244.9.7/32', BLUE)].sort())
  sources.unbind(prefix('10.244.9.7/32'), BLUE)
  await rules.flush()
  t.same(ours(), [])
})

t.test('a prefix of no pool has the rules of the cluster for itself', async (t) => {
  const { rules, sources, ours } = setUp()
  sources.bind(prefix('10.96.0.7/32'), RED)
  await rules.flush()
  t.same(
    ours().sort(),
    [
      'IPv4 1990: from 10.96.0.7/32 to 10.96.0.7/32 lookup 254',
      'IPv4 1990: from 10.96.0.7/32 to 10.244.12.0/22 lookup 254',
      'IPv4 1991: from 10.96.0.7/32 to 10.244.8.0/22 unreachable',
      'IPv4 1992: from 10.96.0.7/32 to 10.244.0.0/16 lookup 254',
      ...own('10.96.0.7/32', RED),
    ].sort(),
  )
})

t.test('a prefix is one VRF’s at a time', async (t) => {
  const { sources } = setUp()
  sources.bind(prefix('10.244.8.0/26'), BLUE)
  t.throws(() => sources.bind(prefix('10.244.8.0/26'), RED), { message: /table 20/ })
})

t.test('from one VRF into another it is closed at every moment between', async (t) => {
  const { kernel, rules, sources } = setUp()
  const moved = prefix('10.96.0.7/32')
  sources.bind(moved, BLUE)
  await rules.flush()
  /** What a packet from the prefix to an address finds, after each change. */
  const ways = new Set<string>()
  const look = () => {
    const list = kernel.ruleList.filter(({ priority }) => priority > 0)
    list.sort((a, b) => a.priority - b.priority)
    for (const to of ['10.244.8.1', '10.244.12.1', '198.51.100.1']) {
      const first = list.find((rule) => fits(rule, '10.96.0.7', to))!
      ways.add(`${to} ${first.table}`)
    }
  }
  kernel.afterRule = look
  sources.unbind(moved, BLUE, true)
  await rules.flush()
  ways.clear()
  look()
  t.same([...ways], ['10.244.8.1 0', '10.244.12.1 0', '198.51.100.1 0'], 'closed between')
  sources.bind(moved, RED)
  await rules.flush()
  look()
  t.notOk(ways.has('10.244.8.1 254'), 'never to the pods of blue while it joins red')
  t.notOk(ways.has('198.51.100.1 254'), 'never by the main table')
  t.ok(ways.has('198.51.100.1 10') && ways.has('10.244.12.1 254'), 'red in the end')
})

/** Whether a rule is for packets from and to these. */
function fits({ family, iif, oif, from, to }: KernelRule, source: string, target: string): boolean {
  const within = (inner: string, outer: RulePrefix | null) =>
    outer === null || bitsOf(address(inner)).startsWith(bitsOf(outer.address).slice(0, outer.bits))
  return family === 4 && iif === '' && oif === '' && within(source, from) && within(target, to)
}

function bitsOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
}

t.test('one prefix more among many is written without a look at the many', async (t) => {
  const { kernel, rules, sources, ours } = setUp()
  const pods = Array.from({ length: 50 }, (_, k) => prefix(`10.244.9.${k + 1}/32`))
  for (const pod of pods) sources.bind(pod, BLUE)
  await rules.flush()
  const looks = kernel.looks
  const before = ours()
  sources.bind(prefix('10.244.8.0/26'), BLUE)
  await rules.flushChanges()
  t.same(ours().toSorted(), [...before, ...own('10.244.8.0/26', BLUE)].toSorted())
  sources.unbind(prefix('10.244.8.0/26'), BLUE)
  await rules.flushChanges()
  t.same(ours(), before)
  t.equal(kernel.looks, looks)
  kernel.ruleList.splice(kernel.ruleList.length - 4, 4)
  await rules.flush()
  t.same(ours().toSorted(), before.toSorted(), 'a look puts back what others took')
})

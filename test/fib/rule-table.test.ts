import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { KernelRule } from '../../src/fib/kernel.ts'
import { Errno } from '../../src/fib/kernel-error.ts'
import { ruleText } from '../../src/fib/rtnetlink-rule.ts'
import { RuleTable } from '../../src/fib/rule-table.ts'
import { circuitRules, localRules, ownRules, RulePriority } from '../../src/fib/table-rules.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { LogLines } from '../support/log-lines.ts'

const SOURCE = parseAddress('2001:db8:ffff::1')
const KERNELS = [
  'IPv4 0: from all lookup 255',
  'IPv6 0: from all lookup 255',
  'IPv4 32766: from all lookup 254',
  'IPv6 32766: from all lookup 254',
]
const KERNELS_LOCAL = new FakeKernel().ruleList.filter((rule) => rule.table === 255)
const POD = { address: parseAddress('10.244.7.0'), bits: 26 }
const KEPT = [RulePriority.SOURCE]

const turn = () => new Promise((resolve) => setImmediate(resolve))

const tableOf = (kernel: FakeKernel) => new RuleTable(kernel, silentLogger, KEPT)
const source = (table: number) =>
  ({ family: 4, priority: RulePriority.SOURCE, from: POD, table }) as const

async function withCircuit(kernel = new FakeKernel()) {
  const rules = tableOf(kernel)
  rules.set('local', localRules())
  rules.set('vrf red', circuitRules('red', 10, SOURCE))
  await rules.flush()
  return { kernel, rules }
}

const done = (kernel: FakeKernel): string[] =>
  kernel.operations.flatMap((row) =>
    row.what === 'rule' ? [`${row.op} ${ruleText(row.rule)}`] : [],
  )

t.test('a circuit is looked up in its VRF and nowhere else, before local addresses', async (t) => {
  const { kernel } = await withCircuit()
  t.same(
    kernel.rulesAsText.filter((text) => text.startsWith('IPv6')).toSorted(),
    [
      'IPv6 1: from all to fe80::/10 iif red lookup 255',
      'IPv6 1: from all to ff00::/8 iif red lookup 255',
      'IPv6 1: from all to fe80::/10 oif red lookup 254',
      'IPv6 1: from all to ff00::/8 oif red lookup 255',
      'IPv6 2: from all iif red lookup 10',
      'IPv6 2: from all oif red lookup 10',
      'IPv6 3: from 2001:db8:ffff::1/128 iif red lookup 254',
      'IPv6 4: from all iif red unreachable',
      'IPv6 5: from all lookup 255',
      'IPv6 32766: from all lookup 254',
    ].toSorted(),
  )
  const order = done(kernel)
  const at = (text: string) => order.indexOf(text)
  t.ok(
    at('put IPv4 4: from all iif red unreachable') < at('put IPv4 2: from all iif red lookup 10'),
  )
  t.ok(at('put IPv4 5: from all lookup 255') < at('delete IPv4 0: from all lookup 255'))
  t.equal(at('delete IPv4 0: from all lookup 255') > 0, true)
})

t.test('where ours is refused, the rule for local addresses stays as it is', async (t) => {
  const kernel = new FakeKernel()
  kernel.fail = (row) => (row.what === 'rule' && row.rule.priority === 5 ? Errno.ENOMEM : 0)
  const { rules } = await withCircuit(kernel)
  t.match(kernel.rulesAsText, /IPv4 0: from all lookup 255/)
  t.equal(rules.problems.length, 2)
  kernel.fail = () => 0
  await rules.flush()
  t.notMatch(kernel.rulesAsText, /IPv4 0:/)
  t.same(rules.problems, [])
})

t.test(
  'others have moved the look-up of local addresses already: theirs stays, ours is not added',
  async (t) => {
    const kernel = new FakeKernel()
    const theirs = kernel.ruleList.map((rule) => ({ ...rule, priority: rule.priority || 100 }))
    for (const both of [false, true]) {
      // Cilium adds its own at 100, then takes the kernel's away: both are there for a moment.
      kernel.ruleList.splice(0, Number.POSITIVE_INFINITY, ...theirs, ...(both ? KERNELS_LOCAL : []))
      const { rules } = await withCircuit(kernel)
      const local = kernel.rulesAsText.filter((text) => text.endsWith(': from all lookup 255'))
      t.same(local.toSorted(), ['IPv4 100: from all lookup 255', 'IPv6 100: from all lookup 255'])
      rules.clear()
      await rules.flush()
      t.same(kernel.ruleList.length, theirs.length, 'and stays when ours go')
    }
  },
)

t.test('a restart that finds everything asks the kernel for nothing', async (t) => {
  const { kernel } = await withCircuit()
  kernel.operations.length = 0
  await withCircuit(kernel)
  t.same(done(kernel), [])
})

t.test('rules of others are neither taken for ours nor touched', async (t) => {
  const kernel = new FakeKernel()
  const theirs: KernelRule = {
    ...{ family: 4, priority: 2, iif: 'red', oif: '', from: null, to: null },
    ...{ table: 10, protocol: 4 },
  }
  kernel.ruleList.push(theirs)
  const { rules } = await withCircuit(kernel)
  t.equal(
    kernel.ruleList.filter((rule) => rule.iif === 'red' && rule.protocol === 152).length > 0,
    true,
  )
  rules.clear()
  await rules.flush()
  t.same(
    kernel.ruleList.filter((rule) => rule.protocol === 4),
    [theirs],
  )
})

t.test('what others delete comes back; what they add of ours goes', async (t) => {
  const { kernel, rules } = await withCircuit()
  const before = kernel.rulesAsText
  kernel.ruleList.splice(
    kernel.ruleList.findIndex((rule) => rule.iif === 'red'),
    2,
  )
  kernel.ruleList.push({ ...kernel.ruleList[0]!, priority: 7, protocol: 152 })
  await rules.flush()
  t.same(kernel.rulesAsText.toSorted(), before.toSorted())
})

t.test('cleared: the kernel has its own rules again, and was never without one', async (t) => {
  const { kernel, rules } = await withCircuit()
  kernel.operations.length = 0
  rules.clear()
  await rules.flush()
  t.same(kernel.rulesAsText.toSorted(), KERNELS.toSorted())
  const order = done(kernel)
  const back = order.indexOf('put IPv4 0: from all lookup 255')
  t.ok(back >= 0 && back < order.indexOf('delete IPv4 5: from all lookup 255'))
})

t.test('what the kernel refuses is asked for again, after pauses that double', async (t) => {
  const kernel = new FakeKernel()
  const clock = new ManualClock()
  const log = new LogLines()
  const rules = new RuleTable(kernel, log, [], clock)
  kernel.fail = ({ what }) => (what === 'rule' ? Errno.ENOMEM : 0)
  rules.set('source', [source(10)])
  rules.set('other', [{ ...source(20), priority: 77 }])
  await rules.flush()
  const said = ['error ip rule refused, trying again', 'error ip rule refused, trying again']
  t.same(log.take(), said, 'each once')
  t.match(rules.whyNot('source'), /RTM_NEWRULE|ENOMEM/)
  t.equal(rules.whyNot('nobody'), null)
  rules.set('other', [])
  t.equal(rules.problems.length, 1, 'nobody wants the other any more')
  for (const pause of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
    const asked = kernel.operations.length
    clock.advance(pause - 1)
    await turn()
    t.equal(kernel.operations.length, asked, `not before ${pause} ms`)
    clock.advance(1)
    await turn()
    t.equal(kernel.operations.length, asked + 1)
  }
  t.same(log.take(), [], 'the same refusal again is no news')
  kernel.fail = () => 0
  clock.advance(5000)
  await turn()
  t.ok(kernel.rulesAsText.includes('IPv4 2000: from 10.244.7.0/26 lookup 10'))
  t.same([rules.problems, rules.whyNot('source')], [[], null])
  const asked = kernel.operations.length
  clock.advance(60_000)
  await turn()
  t.equal(kernel.operations.length, asked, 'and that is all')
})

t.test('a look at the kernel that fails is made again; none after the stop', async (t) => {
  const kernel = new FakeKernel()
  const clock = new ManualClock()
  const rules = new RuleTable(kernel, silentLogger, [], clock)
  const look = kernel.rules.bind(kernel)
  kernel.rules = async () => {
    throw new Error('no descriptor left')
  }
  rules.set('source', [source(10)])
  await t.rejects(rules.flush(), /no descriptor left/)
  kernel.rules = look
  clock.advance(100)
  await turn()
  t.ok(kernel.rulesAsText.includes('IPv4 2000: from 10.244.7.0/26 lookup 10'))
  kernel.fail = ({ what }) => (what === 'rule' ? Errno.ENOMEM : 0)
  rules.set('source', [source(20)])
  await rules.flush()
  rules.stop()
  const asked = kernel.operations.length
  clock.advance(60_000)
  await turn()
  t.equal(kernel.operations.length, asked)
})

t.test(
  'a binding of a former run stays until the sweep, unless the prefix is bound anew',
  async (t) => {
    const kernel = new FakeKernel()
    const former = tableOf(kernel)
    const circuit = { family: 4, priority: RulePriority.CIRCUIT, iif: 'red', table: 10 } as const
    former.set('sources', [source(10)])
    former.set('vrf', [circuit])
    await former.flush()

    const kept = tableOf(kernel)
    await kept.flush()
    const bound = 'IPv4 2000: from 10.244.7.0/26 lookup 10'
    t.ok(kernel.rulesAsText.includes(bound), 'kept')
    t.notOk(kernel.rulesAsText.includes('IPv4 2: from all iif red lookup 10'), 'a circuit is not')
    kept.sweep()
    await kept.flush()
    t.notOk(kernel.rulesAsText.includes(bound), 'swept')

    await former.flush()
    const moved = tableOf(kernel)
    moved.set('sources', [source(20)])
    await moved.flush()
    t.same(
      kernel.rulesAsText.filter((text) => text.includes('10.244.7.0')),
      ['IPv4 2000: from 10.244.7.0/26 lookup 20'],
      'another network has it now',
    )
  },
)

t.test(
  'what the router sends from an address of a circuit is of one VRF, or is not sent',
  async (t) => {
    const on = (ifindex: number, text: string, bits: number) => {
      return { ifindex, address: parseAddress(text), bits, scope: 0, flags: 0x80 }
    }
    const tables = new Map([
      [2, 10],
      [3, 20],
    ])
    const rules = ownRules(
      [
        on(1, '192.0.2.1', 32), // of no VRF
        on(2, '10.1.0.254', 24),
        on(3, '10.1.0.254', 24), // the same in another VRF
        on(3, '10.2.0.254', 24),
        on(1, '10.3.0.1', 24),
        on(3, '10.3.0.1', 24), // the provider's too
        on(2, 'fe80::1', 64),
        on(2, '2001:db8:1::fe', 64),
        on(3, '2001:db8:1::ff', 64), // the same network
      ],
      (ifindex) => tables.get(ifindex) ?? 0,
    )
    const kernel = new FakeKernel()
    kernel.ruleList.length = 0
    const table = tableOf(kernel)
    table.set('own', rules)
    await table.flush()
    t.same(kernel.rulesAsText.toSorted(), [
      'IPv4 1980: from 10.1.0.254/32 iif lo unreachable',
      'IPv4 1980: from 10.2.0.254/32 iif lo lookup 20',
      'IPv4 1981: from all to 10.1.0.0/24 iif lo unreachable',
      'IPv6 1980: from 2001:db8:1::fe/128 iif lo lookup 10',
      'IPv6 1980: from 2001:db8:1::ff/128 iif lo lookup 20',
      'IPv6 1981: from all to 2001:db8:1::/64 iif lo unreachable',
    ])
  },
)

import fc from 'fast-check'
import t from 'tap'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { FibTable } from '../../src/fib/fib-table.ts'
import { type NexthopContent, RouteKind } from '../../src/fib/kernel.ts'
import { Errno } from '../../src/fib/kernel-error.ts'
import { NexthopChoice } from '../../src/fib/nexthop-choice.ts'
import { type NexthopRow, NexthopTable } from '../../src/fib/nexthop-table.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { FakeKernel } from '../support/fake-kernel.ts'

const CORE = 2

class Life {
  readonly clock = new ManualClock()
  readonly kernel: FakeKernel
  readonly nexthops: NexthopTable
  readonly fib: FibTable
  readonly leaves: NexthopRow[]
  readonly #choice = new NexthopChoice()

  /** Leaves 0 to 3 are SIDs, 4 is a gateway on the core link. */
  constructor(kernel = new FakeKernel(), adopt = false) {
    this.kernel = kernel
    if (kernel.linkList.length === 1) kernel.addLink('core')
    this.nexthops = new NexthopTable(kernel, silentLogger, this.clock)
    this.fib = new FibTable(kernel, this.nexthops, silentLogger, this.clock)
    if (adopt) {
      this.nexthops.adopt([
        ...kernel.nexthops.values(),
        ...[...kernel.groups].map(([id, members]) => ({ id, members })),
      ])
      this.fib.adopt([...kernel.routes.values()])
    }
    const gateway = { ifindex: CORE, gateway: parseAddress('172.16.0.1') }
    this.leaves = [sid(0), sid(1), sid(2), sid(3), gateway].map((c) => this.nexthops.acquire(c))
  }

  /** `[0, 1]` shares, `[[0, 5], 1]` weighs. */
  row(active: (number | [number, number])[], backup?: number): NexthopRow {
    const choice = this.#choice
    choice.reset()
    for (const one of active) {
      const [leaf, weight] = typeof one === 'number' ? [one, 1] : one
      choice.add(this.leaves[leaf]!, weight)
    }
    choice.setBackup(backup === undefined ? 0 : this.leaves[backup]!)
    return this.nexthops.rowOfChoice(choice)
  }

  want(n: number, active: (number | [number, number])[], backup?: number): void {
    const row = this.row(active, backup)
    this.fib.want(10, 4, net(n), 0, 24, RouteKind.UNICAST, row)
  }

  /** Where the packets of 10.n.0.0/24 go, by leaf: `0*1 1*3`. */
  goes(n: number): string {
    const route = [...this.kernel.routes.values()].find((r) => r.words[0] === net(n)[0])
    if (route === undefined) return 'nowhere'
    const members = this.kernel.groups.get(route.nexthop) ?? [{ id: route.nexthop, weight: 0 }]
    return members
      .map(({ id, weight }) => {
        const leaf = this.leaves.findIndex((row) => this.nexthops.idOf(row) === id)
        return weight === 0 ? `${leaf}` : `${leaf}*${weight}`
      })
      .sort()
      .join(' ')
  }

  /** What was asked of the kernel since the last time. */
  asked(): string[] {
    const said = this.kernel.operations.map(({ what, op }) => `${op} ${what}`)
    this.kernel.operations.length = 0
    return said
  }
}

function sid(n: number): NexthopContent {
  return { ifindex: 1, segments: [parseAddress(`fcbb:bb00:${n}:46::`)], mode: 'encap.red' }
}

/** What waited for an answer of the kernel has it. */
const answered = () => new Promise((resolve) => setImmediate(resolve))

const net = (n: number) => Int32Array.of(0x0a000000 | (n << 16))

t.test('one way out is a leaf, several or a backup a group, shared by its routes', async (t) => {
  const life = new Life()
  life.want(1, [0])
  life.want(2, [0], 1)
  life.want(3, [1, 0])
  life.want(4, [0, 1])
  life.want(5, [0], 1)
  await life.fib.flush()
  t.same(
    [1, 2, 3, 4, 5].map((n) => life.goes(n)),
    ['0', '0*1', '0*1 1*1', '0*1 1*1', '0*1'],
  )
  t.equal(life.kernel.groups.size, 2)
  for (const n of [1, 2, 3, 4, 5]) life.fib.unwant(10, 4, net(n), 0, 24)
  for (const leaf of life.leaves) life.nexthops.release(leaf)
  await life.fib.flush()
  t.same([life.kernel.groups.size, life.kernel.nexthops.size, life.nexthops.count], [0, 0, 0])
})

t.test(
  'a new group that others delete while it is given other members is made again',
  async (t) => {
    const life = new Life()
    const { kernel, nexthops, leaves } = life
    life.want(1, [0, 1])
    kernel.meanwhile = async () => {
      const last = kernel.operations.at(-1)!
      if (last.what !== 'group') return
      if (last.op === 'put') nexthops.setReachable(leaves[0]!, false)
      else {
        kernel.meanwhile = () => {}
        kernel.groups.delete(last.id)
        nexthops.noticed(last.id, null)
      }
    }
    await life.fib.flush()
    t.equal(life.goes(1), '1*1')
    t.same(life.fib.counts, { wanted: 1, installed: 1, failed: 0, stale: 0 })
  },
)

t.test('a lost leaf costs one message a group, sent at once, and no route', async (t) => {
  const life = new Life()
  for (let n = 0; n < 100; n++) life.want(n, [0], 1 + (n % 2))
  life.want(100, [0, 3], 1)
  life.want(101, [3])
  await life.fib.flush()
  life.asked()
  life.nexthops.setReachable(life.leaves[0]!, false)
  t.same(life.asked(), ['replace group', 'replace group', 'replace group'], 'without a turn')
  t.same(
    [0, 1, 100, 101].map((n) => life.goes(n)),
    ['1*1', '2*1', '3*1', '3'],
  )
  life.nexthops.setReachable(life.leaves[0]!, false)
  await answered()
  t.same(life.asked(), [], 'told twice')
  life.nexthops.setReachable(life.leaves[0]!, true)
  t.equal(life.asked().length, 3)
  t.same(
    [0, 1, 100].map((n) => life.goes(n)),
    ['0*1', '0*1', '0*1 3*1'],
  )
})

t.test('weights go along, equal ways out count together', async (t) => {
  const life = new Life()
  life.want(
    1,
    [
      [0, 256],
      [1, 3],
    ],
    2,
  )
  life.want(
    2,
    [
      [0, 200],
      [0, 200],
    ],
    1,
  )
  await life.fib.flush()
  t.same([life.goes(1), life.goes(2)], ['0*256 1*3', '0*256'])
})

t.test('active and backup lost: the group stays as it was until the tables decide', async (t) => {
  const life = new Life()
  life.want(1, [0], 1)
  await life.fib.flush()
  life.nexthops.setReachable(life.leaves[0]!, false)
  life.nexthops.setReachable(life.leaves[1]!, false)
  await answered()
  t.equal(life.goes(1), '1*1')
  life.nexthops.setReachable(life.leaves[0]!, true)
  await answered()
  t.equal(life.goes(1), '0*1')
  life.nexthops.setReachable(life.leaves[0]!, false)
  life.want(2, [0], 2)
  life.nexthops.setReachable(life.leaves[2]!, false)
  await life.fib.flush()
  t.equal(life.goes(2), '0*1', 'a new group that has nobody is made all the same')
})

t.test('a message the kernel refuses: its errno stays, and it is sent again', async (t) => {
  const life = new Life()
  const row = life.row([0], 1)
  life.want(1, [0], 1)
  await life.fib.flush()
  let left = 2
  life.kernel.fail = ({ what, op }) =>
    what === 'group' && op === 'replace' && left-- > 0 ? Errno.EPERM : 0
  life.nexthops.setReachable(life.leaves[0]!, false)
  await answered()
  t.equal(life.nexthops.errnoOf(row), Errno.EPERM)
  t.equal(life.nexthops.stateOf(row), 'installed')
  life.clock.advance(100)
  await answered()
  t.same([left, life.goes(1)], [0, '0*1'])
  life.clock.advance(200)
  await answered()
  t.equal(life.goes(1), '1*1')
  t.equal(life.nexthops.errnoOf(row), 0)
})

t.test('a leaf lost while its group is being changed is not overlooked', async (t) => {
  const life = new Life()
  life.want(1, [0, 1], 2)
  await life.fib.flush()
  let meanwhile = true
  life.kernel.meanwhile = () => {
    if (meanwhile) life.nexthops.setReachable(life.leaves[1]!, false)
    meanwhile = false
  }
  life.nexthops.setReachable(life.leaves[0]!, false)
  await answered()
  t.equal(life.goes(1), '2*1')
})

t.test('an answer for a group that is gone is not written to who has its row now', async (t) => {
  const life = new Life()
  const before = life.row([0], 1)
  life.want(1, [0], 1)
  await life.fib.flush()
  let answer = () => {}
  const late = new Promise<void>((resolve) => (answer = resolve))
  life.kernel.meanwhile = () => (life.kernel.operations.at(-1)?.op === 'replace' ? late : undefined)
  life.kernel.fail = ({ what, op }) => (what === 'group' && op === 'replace' ? Errno.EPERM : 0)
  life.nexthops.setReachable(life.leaves[0]!, false)
  life.want(1, [2])
  await life.fib.flush()
  life.want(2, [2, 3])
  await life.fib.flush()
  t.equal(life.row([2, 3]), before)
  answer()
  await answered()
  t.same([life.nexthops.stateOf(before), life.nexthops.errnoOf(before)], ['installed', 0])
  life.kernel.operations.length = 0
  life.kernel.fail = () => 0
  life.clock.advance(100)
  await answered()
  t.same(life.asked(), [])
  t.equal(life.goes(2), '2*1 3*1')
})

t.test(
  'a group takes packets that fit all of its leaves, and says so when that changes',
  async (t) => {
    const life = new Life()
    const row = life.row([0, 1], 2)
    life.want(1, [0, 1], 2)
    await life.fib.flush()
    const told: number[] = []
    life.nexthops.onMtuChanged = (changed) => told.push(changed)
    t.same([life.nexthops.mtuOf(row), life.nexthops.routeMtuOf(row)], [0, 0])
    for (const [leaf, mtu] of [
      [0, 1460],
      [1, 1400],
      [2, 8960],
    ] as const) {
      life.nexthops.setMtu(life.leaves[leaf]!, mtu)
    }
    // seg6_lwt_headroom of one segment is 64.
    t.same([life.nexthops.mtuOf(row), life.nexthops.routeMtuOf(row)], [1400, 1464])
    t.equal(told.filter((each) => each === row).length, 3)
  },
)

t.test('a restart finds the groups and asks nothing of the kernel', async (t) => {
  const before = new Life()
  const wants = (life: Life) => {
    life.want(1, [0], 1)
    life.want(2, [0], 2)
    life.want(
      3,
      [
        [0, 2],
        [1, 3],
      ],
      2,
    )
    life.want(4, [3])
  }
  wants(before)
  await before.fib.flush()
  before.asked()
  const ids = [...before.kernel.groups.keys()].sort()
  const again = new Life(before.kernel, true)
  wants(again)
  await again.fib.flush()
  t.same(again.asked(), [])
  again.fib.sweep()
  again.nexthops.sweep()
  await again.fib.flush()
  t.same(again.asked(), [], 'nor at the sweep')
  t.same([...again.kernel.groups.keys()].sort(), ids)
  again.nexthops.setReachable(again.leaves[0]!, false)
  t.same(
    [1, 2, 3, 4].map((n) => again.goes(n)),
    ['1*1', '2*1', '1*3', '3'],
  )
})

t.test(
  'a restart while the backup carries: the group found is put right by one message',
  async (t) => {
    const before = new Life()
    before.want(1, [0], 1)
    await before.fib.flush()
    before.nexthops.setReachable(before.leaves[0]!, false)
    before.asked()
    const again = new Life(before.kernel, true)
    again.want(1, [0], 1)
    await again.fib.flush()
    t.same(again.asked(), ['replace group'])
    t.equal(again.goes(1), '0*1')
  },
)

t.test('a group that leads elsewhere is not taken for the one that would lie there', async (t) => {
  const before = new Life()
  before.want(1, [0], 1)
  await before.fib.flush()
  const [id] = [...before.kernel.groups.keys()]
  const other = before.nexthops.idOf(before.leaves[2]!)
  before.want(2, [2])
  await before.fib.flush()
  before.kernel.groups.set(id!, [
    { id: other === 0 ? before.nexthops.idOf(before.leaves[2]!) : other, weight: 1 },
  ])
  const again = new Life(before.kernel, true)
  again.want(1, [0], 1)
  await again.fib.flush()
  t.equal(again.goes(1), '0*1')
  t.equal(again.kernel.groups.size, 2, 'the other one waits for the sweep')
  again.nexthops.sweep()
  await again.fib.flush()
  t.equal(again.kernel.groups.size, 1)
})

t.test('what the kernel or others did to groups is put right', async (t) => {
  const life = new Life()
  life.want(1, [0, 4], 1)
  life.want(2, [4], 1)
  await life.fib.flush()
  const look = () =>
    life.fib.exclusively(async () => {
      const { nexthops, routes } = await life.kernel.dump()
      life.nexthops.resync(nexthops)
      life.fib.resync(routes)
    })
  // The gateway's object goes, with it the group that has nothing else, and its routes.
  life.kernel.linkDown(CORE)
  t.same([life.goes(1), life.goes(2)], ['0*1', 'nowhere'])
  life.kernel.linkList[1]!.up = true
  await look()
  t.same([life.goes(1), life.goes(2)], ['0*1 4*1', '4*1'])
  const id = [...life.kernel.groups].find(([, members]) => members.length === 2)![0]
  life.kernel.groups.set(id, [{ id: life.nexthops.idOf(life.leaves[2]!), weight: 1 }])
  await look()
  t.equal(life.goes(1), '0*1 4*1')
  t.same(
    life.nexthops.deviceLost(CORE).length,
    2,
    'the gateway, and the group that it was alone in',
  )
})

t.test('any choices, losses, faults and restarts: packets go where they should', async () => {
  const leaf = fc.nat({ max: 3 })
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('want' as const),
        n: fc.nat({ max: 3 }),
        active: fc.uniqueArray(leaf, { minLength: 1, maxLength: 3 }),
        backup: fc.option(leaf, { nil: undefined }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('reach' as const), leaf, up: fc.boolean() }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('unwant' as const), n: fc.nat({ max: 3 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('fault' as const), nth: fc.nat({ max: 3 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      let life = new Life()
      const wishes = new Map<number, { active: number[]; backup: number | undefined }>()
      const up = [true, true, true, true]
      const wantAll = () => {
        for (const [n, { active, backup }] of wishes) life.want(n, active, backup)
      }
      for (const one of steps) {
        if (one.do === 'want') {
          wishes.set(one.n, one)
          life.want(one.n, one.active, one.backup)
        } else if (one.do === 'unwant') {
          wishes.delete(one.n)
          life.fib.unwant(10, 4, net(one.n), 0, 24)
        } else if (one.do === 'reach') {
          up[one.leaf] = one.up
          life.nexthops.setReachable(life.leaves[one.leaf]!, one.up)
        } else if (one.do === 'flush') await life.fib.flush()
        else if (one.do === 'fault') {
          let left = one.nth
          life.kernel.fail = (o) => (o.what === 'group' && left-- === 0 ? Errno.ENOMEM : 0)
        } else {
          await life.fib.flush()
          life = new Life(life.kernel, true)
          for (const [k, on] of up.entries()) life.nexthops.setReachable(life.leaves[k]!, on)
          wantAll()
          await life.fib.flush()
          life.fib.sweep()
          life.nexthops.sweep()
        }
      }
      life.kernel.fail = () => 0
      await life.fib.flush()
      life.fib.retryFailed()
      await life.fib.flush()
      // Whatever was out of reach altogether: the tables would have said so.
      for (let k = 0; k < 4; k++) life.nexthops.setReachable(life.leaves[k]!, up[k]!)
      await answered()
      for (let n = 0; n < 4; n++) {
        const wish = wishes.get(n)
        if (wish === undefined) {
          if (life.goes(n) !== 'nowhere') return false
          continue
        }
        const backup = wish.active.includes(wish.backup!) ? undefined : wish.backup
        if (wish.active.length === 1 && backup === undefined) {
          if (life.goes(n) !== `${wish.active[0]}`) return false
          continue
        }
        const able = wish.active.filter((k) => up[k])
        const now = able.length > 0 ? able : backup !== undefined && up[backup] ? [backup] : null
        const text = now
          ?.map((k) => `${k}*1`)
          .sort()
          .join(' ')
        if (text !== undefined && life.goes(n) !== text) return false
      }
      life.fib.unwantAll()
      for (const row of life.leaves) life.nexthops.release(row)
      await life.fib.flush()
      return life.nexthops.count === 0 && life.kernel.groups.size === 0
    }),
    { seed: 43_001, numRuns: 500 },
  )
})

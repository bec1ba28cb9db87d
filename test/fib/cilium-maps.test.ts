import fc from 'fast-check'
import t from 'tap'
import { silentLogger } from '../../src/base/logger.ts'
import type { MapOp, MapStore, PinnedMap } from '../../src/fib/bpftool.ts'
import { CiliumMapTable } from '../../src/fib/cilium-map-table.ts'
import {
  CILIUM_MAPS,
  CILIUM_SIZES,
  type CiliumEntry,
  type CiliumMap,
  policyEntry,
  sidEntry,
  sidOf,
  sourceEntry,
  vrfIdOf,
} from '../../src/fib/cilium-maps.ts'
import { CiliumPolicies } from '../../src/fib/cilium-policies.ts'
import { type AddressPrefix, complementOf } from '../../src/fib/prefix-complement.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { toHex } from '../support/hex.ts'

const SID = parseAddress('fc00:0:2:e008::')

function prefix(text: string): AddressPrefix {
  const [host, bits] = text.split('/') as [string, string]
  return { address: parseAddress(host), bits: Number(bits) }
}

const textOf = ({ address, bits }: AddressPrefix) => `${[...address].join('.')}/${bits}`

t.test('keys and values as Cilium lays them out (a little-endian host)', async (t) => {
  // prefix length and ids little-endian, addresses as on the wire
  t.same(sourceEntry(parseAddress('10.244.8.0'), 26, 42), {
    map: 'cilium_srv6_vrf_v4',
    key: '1a000000 0af40800 00000000'.replaceAll(' ', ''),
    value: '2a000000',
  })
  t.same(policyEntry(42, parseAddress('10.3.0.0'), 16, SID), {
    map: 'cilium_srv6_policy_v4',
    key: '30000000 2a000000 0a030000'.replaceAll(' ', ''),
    value: 'fc00000000 02e008 0000000000000000'.replaceAll(' ', ''),
  })
  t.same(sidEntry(SID, 42), {
    map: 'cilium_srv6_sid',
    key: toHex(SID),
    value: '2a000000',
  })
  t.same(sidOf(sidEntry(SID, 42)), SID)
  const v6 = parseAddress('2001:db8:7::')
  for (const entry of [
    sourceEntry(v6, 48, 7),
    policyEntry(7, v6, 48, SID),
    sidEntry(SID, 7),
    sourceEntry(parseAddress('10.0.0.0'), 8, 7),
  ]) {
    t.equal(entry.key.length, CILIUM_SIZES[entry.map].key * 2, entry.map)
    t.equal(entry.value.length, CILIUM_SIZES[entry.map].value * 2, entry.map)
    t.equal(vrfIdOf(entry), 7)
  }
})

t.test('a prefix without the cluster’s: the fewest prefixes around it', async (t) => {
  const left = complementOf(prefix('10.0.0.0/8'), [prefix('10.244.0.0/14')])
  t.same(left.map(textOf).sort(), [
    '10.0.0.0/9',
    '10.128.0.0/10',
    '10.192.0.0/11',
    '10.224.0.0/12',
    '10.240.0.0/14',
    '10.248.0.0/13',
  ])
  t.same(complementOf(prefix('10.244.1.0/24'), [prefix('10.244.0.0/16')]), [])
  t.same(complementOf(prefix('10.1.0.0/16'), [prefix('10.244.0.0/16')]).map(textOf), [
    '10.1.0.0/16',
  ])
  t.same(complementOf(prefix('0.0.0.0/0'), [prefix('2001:db8::/32')]).map(textOf), ['0.0.0.0/0'])
})

t.test('property: an address is in the complement when it is in the prefix and in no hole', (t) => {
  const any = fc.record({ word: fc.nat(0xffff), bits: fc.nat(16) })
  const make = ({ word, bits }: { word: number; bits: number }): AddressPrefix => {
    const kept = bits === 0 ? 0 : word & (0xffff << (16 - bits)) & 0xffff
    return { address: Uint8Array.of(10, 0, kept >>> 8, kept & 255), bits: bits + 16 }
  }
  const holds = ({ address, bits }: AddressPrefix, word: number) => {
    const shift = 32 - bits
    return ((address[2]! << 8) | address[3]!) >>> shift === word >>> shift
  }
  fc.assert(
    fc.property(any, fc.array(any, { maxLength: 4 }), fc.nat(0xffff), (whole, holes, word) => {
      const outer = make(whole)
      const inner = holes.map(make)
      const wanted = holds(outer, word) && !inner.some((hole) => holds(hole, word))
      const left = complementOf(outer, inner)
      return left.filter((each) => holds(each, word)).length === Number(wanted)
    }),
    { seed: 7, numRuns: 2000 },
  )
  t.end()
})

/** Maps in memory; another number when they are made anew. */
class FakeStore implements MapStore {
  readonly maps = new Map<CiliumMap, { id: number; entries: Map<string, CiliumEntry> }>()
  readonly writes: MapOp[] = []
  refuse: (op: MapOp) => string | undefined = () => undefined
  #next = 1

  constructor() {
    for (const map of CILIUM_MAPS) this.make(map)
  }

  make(map: CiliumMap): void {
    this.maps.set(map, { id: this.#next++, entries: new Map() })
  }

  put(entry: CiliumEntry): void {
    this.maps.get(entry.map)!.entries.set(entry.key, entry)
  }

  async idOf(map: CiliumMap): Promise<number | undefined> {
    return this.maps.get(map)?.id
  }

  async read(map: CiliumMap): Promise<PinnedMap | undefined> {
    const found = this.maps.get(map)
    return found && { id: found.id, entries: [...found.entries.values()] }
  }

  async write(ops: readonly MapOp[]): Promise<Map<number, string>> {
    const failed = new Map<number, string>()
    for (const [k, each] of ops.entries()) {
      this.writes.push(each)
      const why = this.refuse(each)
      if (why !== undefined) failed.set(k, why)
      else if (each.op === 'update') this.put(each.entry)
      else this.maps.get(each.entry.map)!.entries.delete(each.entry.key)
    }
    return failed
  }

  all(): string[] {
    return [...this.maps.values()].flatMap(({ entries }) =>
      [...entries.values()].map(({ map, key, value }) => `${map} ${key} ${value}`),
    )
  }
}

const pool = (third: number, id: number) => sourceEntry(Uint8Array.of(10, 244, third, 0), 24, id)

t.test('only the difference is written; entries of other ids are nobody’s business', async (t) => {
  const store = new FakeStore()
  const foreign = pool(99, 4711)
  for (const entry of [foreign, pool(1, 10), pool(2, 10)]) store.put(entry)
  const table = new CiliumMapTable(store, [10, 20], silentLogger)
  await table.load()
  table.set(pool(1, 10))
  table.set(pool(3, 20))
  await table.flush()
  t.same(
    store.writes,
    [{ op: 'update', entry: pool(3, 20) }],
    'what is right already is left alone',
  )
  table.sweep()
  await table.flush()
  t.same(store.writes.slice(1), [{ op: 'delete', entry: pool(2, 10) }])
  table.clear()
  await table.flush()
  t.same(await store.read('cilium_srv6_vrf_v4').then((map) => map?.entries), [foreign])
})

t.test('maps that the agent made anew are filled again', async (t) => {
  const store = new FakeStore()
  const table = new CiliumMapTable(store, [10], silentLogger)
  await table.load()
  table.set(pool(1, 10))
  table.set(sidEntry(SID, 10))
  await table.flush()
  await table.watch()
  t.equal(store.writes.length, 2, 'nothing changed: nothing written')
  store.make('cilium_srv6_vrf_v4')
  await table.watch()
  t.same(store.writes.slice(2), [{ op: 'update', entry: pool(1, 10) }])
  store.maps.delete('cilium_srv6_sid')
  await table.watch()
  t.match(table.problems, [/cilium_srv6_sid is not pinned/])
  store.make('cilium_srv6_sid')
  await table.watch()
  t.same(table.problems, [])
  t.equal(store.all().length, 2)
})

t.test('what a map refused, or bpftool could not write, is tried again', async (t) => {
  const store = new FakeStore()
  const table = new CiliumMapTable(store, [7], silentLogger)
  await table.load()
  const entry = sidEntry(SID, 7)
  store.refuse = () => 'Error: update failed: No space left on device'
  table.set(entry)
  await table.flush()
  t.same(table.counts, { wanted: 1, installed: 0 })
  store.refuse = () => undefined
  await table.watch()
  t.same(table.counts, { wanted: 1, installed: 1 })
  t.same(table.problems, [])
  store.refuse = () => {
    throw new Error('bpftool is not installed')
  }
  table.delete(entry)
  await t.rejects(table.flush())
  store.refuse = () => undefined
  await table.watch()
  t.same([...table.found('cilium_srv6_sid')], [])
})

t.test('what a map refuses stays with its reason', async (t) => {
  const store = new FakeStore()
  const table = new CiliumMapTable(store, [10], silentLogger)
  await table.load()
  store.refuse = () => 'Error: update failed: No space left on device'
  table.set(pool(1, 10))
  await table.flush()
  t.match(table.whyNot(pool(1, 10)), /No space left/)
  t.match(table.problems, [/No space left/])
  t.same(table.counts, { wanted: 1, installed: 0 })
})

t.test(
  'a default route leaves the cluster alone; a longer route of the customer counts',
  async (t) => {
    const store = new FakeStore()
    const table = new CiliumMapTable(store, [10], silentLogger)
    await table.load()
    const policies = new CiliumPolicies(table, [prefix('10.244.0.0/16')])
    const other = parseAddress('fc00:0:3:e008::')
    t.ok(policies.set(10, prefix('0.0.0.0/0'), SID))
    await table.flush()
    t.equal(store.all().length, 16, 'one prefix for each bit that the cluster’s has')
    t.ok(policies.set(10, prefix('128.0.0.0/1'), other))
    await table.flush()
    const half = policyEntry(10, parseAddress('128.0.0.0'), 1, other)
    const at = () => store.maps.get('cilium_srv6_policy_v4')!.entries.get(half.key)?.value
    t.equal(at(), toHex(other), 'it is the same entry as a part of the default')
    policies.delete(10, prefix('128.0.0.0/1'))
    await table.flush()
    t.equal(at(), toHex(SID), 'the default’s part is back')
    t.notOk(policies.set(10, prefix('10.244.7.0/24'), SID), 'inside the cluster nothing is left')
    policies.delete(10, prefix('0.0.0.0/0'))
    await table.flush()
    t.same(store.all(), [])
  },
)

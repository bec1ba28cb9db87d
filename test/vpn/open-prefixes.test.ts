import t from 'tap'
import { networkWords } from '../../src/fib/interfaces.ts'
import { OpenPrefixes } from '../../src/vpn/open-prefixes.ts'
import type { Vrf } from '../../src/vpn/vrf.ts'
import { address } from '../support/builder.ts'

const [RED, BLUE] = [{} as Vrf, {} as Vrf]

/** Words as NetworkImport gives them: four, whatever the family. */
function of(text: string): [Int32Array, number] {
  const [host, length] = text.split('/') as [string, string]
  const words = new Int32Array(4)
  words.set(networkWords(address(host), Number(length)))
  return [words, Number(length)]
}

const clash = (open: OpenPrefixes, text: string, vrf: Vrf) => open.ownerOf(...of(text), vrf)

for (const [member, around, within, beside] of [
  [
    '10.50.0.0/16',
    ['10.0.0.0/8', '0.0.0.0/1', '10.50.0.0/15'],
    ['10.50.0.0/17', '10.50.255.255/32'],
    ['10.51.0.0/16', '10.49.0.0/16', '11.0.0.0/8'],
  ],
  [
    'fd00:50::/32',
    ['fc00::/7', 'fd00:50::/31'],
    ['fd00:50::/33', 'fd00:50:ffff:ffff:ffff:ffff:ffff:ffff/128'],
    ['fd00:51::/32', 'fd00:4f::/32', 'fd00:51::/128'],
  ],
] as const) {
  t.test(`shares an address with ${member} or does not`, async (t) => {
    const open = new OpenPrefixes()
    open.add(...of(member), RED)
    for (const text of [...around, ...within]) {
      t.equal(clash(open, text, BLUE), RED, text)
      t.equal(clash(open, text, RED), undefined, `${text}, of the same VRF`)
    }
    for (const text of beside) t.equal(clash(open, text, BLUE), undefined, text)
    t.equal(clash(open, member, BLUE), undefined, 'itself: the prefix that changes its VRF')
    open.remove(...of(member))
    for (const text of [...around, ...within]) t.equal(clash(open, text, BLUE), undefined, text)
    t.notOk(open.has(...of(member)))
  })
}

t.test('agrees with asking each member, whatever comes and goes', async (t) => {
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >>> 8) % below
  }
  const open = new OpenPrefixes()
  const members = new Map<string, { range: [number, number]; vrf: Vrf }>()
  const draw = () => {
    const bits = 20 + random(13)
    const first = 0x0a000000 + ((random(4096) >>> (32 - bits)) << (32 - bits))
    const text = [first >>> 24, (first >>> 16) & 255, (first >>> 8) & 255, first & 255].join('.')
    return {
      key: `${text}/${bits}`,
      range: [first, first + 2 ** (32 - bits) - 1] as [number, number],
    }
  }
  let clashes = 0
  for (let k = 0; k < 4000; k++) {
    const { key, range } = draw()
    const vrf = random(2) === 0 ? RED : BLUE
    const others = [...members].some(
      ([each, it]) =>
        each !== key && it.vrf !== vrf && it.range[0] <= range[1] && range[0] <= it.range[1],
    )
    if ((clash(open, key, vrf) !== undefined) !== others) {
      t.fail(`${key} after ${k} steps`)
      return
    }
    if (others) clashes++
    if (members.has(key)) {
      members.delete(key)
      open.remove(...of(key))
    } else if (!others) {
      members.set(key, { range, vrf })
      open.add(...of(key), vrf)
    }
  }
  t.ok(clashes > 100 && members.size > 100, `${clashes} clashes, ${members.size} members`)
})

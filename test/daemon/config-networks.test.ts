import t from 'tap'
import { ConfigError, parseConfig } from '../../src/daemon/config-load.ts'
import { Family } from '../../src/wire/registry.ts'

/** Lines 1 to 20; what a case adds begins at line 21. */
const NODE = `router:
  as: 65000
  router-id: 192.0.2.1
  source: "2001:db8:ffff::1"
locators:
  main: { prefix: "fcbb:bb00:1::/48" }
speakers:
  cilium: { as: 64512 }
vrfs:
  red:
    table: 10
    rd: "65000:110"
    route-targets: { both: ["65000:10"] }
    networks:
      - { from: cilium, community: "65000:1:100", pools: [10.244.8.0/22, "fd00:244:8::/56"] }
  blue:
    table: 20
    rd: "65000:120"
    route-targets: { both: ["65000:20"] }
    networks:
`

function problemsOf(text: string): string[] {
  try {
    parseConfig(text, 'srv6d.yaml')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, column, path, message }) =>
      `${line}:${column} ${path}: ${message}`.replace(' : ', ' '),
    )
  }
  return []
}

const OPEN = '      - { from: cilium, community: "65000:200", pools: any }\n'

t.test('a speaker of this node: two loopback addresses, both families, we listen', async (t) => {
  const { speakers, vrfs, listen } = parseConfig(NODE + OPEN, 'srv6d.yaml')
  const [cilium] = speakers
  t.match(cilium, { name: 'cilium', port: 1790, announce: false })
  t.match(cilium?.neighbors, [
    { address: { text: '127.0.0.1' }, as: 64512, passive: true, vrf: null, speaker: 'cilium' },
    { address: { text: '::1' }, as: 64512, passive: true, vrf: null, speaker: 'cilium' },
  ])
  t.same(cilium?.neighbors[0]?.families, [Family.IPV4_UNICAST, Family.IPV6_UNICAST])
  t.same(
    listen.map(({ address, port }) => `${address.text} ${port}`),
    [':: 179', '0.0.0.0 179'],
  )
  t.match(vrfs[0]?.networks, [
    {
      from: 'cilium',
      community: {
        text: '65000:1:100',
        bytes: Uint8Array.of(0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 0, 0, 100),
      },
      pools: [{ text: '10.244.8.0/22' }, { text: 'fd00:244:8::/56' }],
    },
  ])
  t.match(vrfs[1]?.networks, [
    { community: { bytes: Uint8Array.of(0xfd, 0xe8, 0, 200) }, pools: null },
  ])
})

t.test('its addresses, port and AS are a choice', async (t) => {
  const text = NODE.replace(
    '{ as: 64512 }',
    '{ as: 65000, addresses: [192.0.2.1], port: 179, families: [ipv4-unicast], announce: true }',
  )
  const [cilium] = parseConfig(text + OPEN, 'srv6d.yaml').speakers
  t.match(cilium, {
    port: 179,
    announce: true,
    neighbors: [{ as: 65000, families: [Family.IPV4_UNICAST] }],
  })
  t.equal(cilium?.neighbors.length, 1)
})

const MISTAKES: [what: string, text: string, ...problems: string[]][] = [
  [
    'pools of two VRFs overlap',
    `${NODE}      - { from: cilium, community: "65000:200", pools: [10.244.16.0/22, 10.244.10.0/24] }\n`,
    '21:73 vrfs.blue.networks[0].pools[1]: "10.244.10.0/24": expected a pool apart from 10.244.8.0/22 of vrfs.red.networks[0].pools[0]: in one cluster an address is one pod\'s, of one customer',
  ],
  [
    'pools of two VRFs overlap, of two speakers of one node',
    `${NODE.replace('{ as: 64512 }', '{ as: 64512 }\n  lb: { as: 64513, addresses: [127.0.0.2] }')}      - { from: lb, community: "65000:200", pools: [10.244.0.0/16] }\n`,
    '22:53 vrfs.blue.networks[0].pools[0]: "10.244.0.0/16": expected a pool apart from 10.244.8.0/22 of vrfs.red.networks[0].pools[0]: in one cluster an address is one pod\'s, of one customer',
  ],
  [
    'a pool of everything',
    `${NODE.replace('10.244.8.0/22, ', '')}      - { from: cilium, community: "65000:200", pools: [0.0.0.0/0] }\n`,
    '21:57 vrfs.blue.networks[0].pools[0]: "0.0.0.0/0": expected a prefix of pods: everything is no pool',
  ],
  [
    'a speaker that is not there',
    `${NODE}      - { from: celium, community: "65000:200", pools: any }\n`,
    '21:17 vrfs.blue.networks[0].from: "celium": expected one of cilium',
  ],
  [
    'communities that are none',
    `${NODE}      - { from: cilium, community: "65536:1", pools: any }\n      - { from: cilium, community: "1:2:3:4", pools: any }\n`,
    '21:36 vrfs.blue.networks[0].community: "65536:1": expected a community such as 65000:100 or 65000:1:100',
    '22:36 vrfs.blue.networks[1].community: "1:2:3:4": expected a community such as 65000:100 or 65000:1:100',
  ],
  [
    'pools that are neither prefixes nor any',
    `${NODE}      - { from: cilium, community: "65000:200", pools: [10.244.16.0/22, 10.244.20.1/22] }\n      - { from: cilium, community: "65000:201", pools: Any }\n      - { from: cilium, community: "65000:202", pools: [] }\n`,
    '21:73 vrfs.blue.networks[0].pools[1]: "10.244.20.1/22": expected 10.244.20.0/22 (there are bits set behind the prefix length)',
    '22:56 vrfs.blue.networks[1].pools: "Any": expected a list of prefixes, or any',
    '23:56 vrfs.blue.networks[2].pools: a list: expected at least one prefix, or any',
  ],
  [
    'one community for two VRFs without pools',
    `${NODE.replace('pools: [10.244.8.0/22, "fd00:244:8::/56"]', 'pools: any')}      - { from: cilium, community: "65000:1:100", pools: any }\n`,
    '21:36 vrfs.blue.networks[0].community: "65000:1:100": expected a community of its own (vrfs.red has it)',
  ],
  [
    'a speaker at the address of a neighbor, written otherwise',
    `${NODE}${OPEN}neighbors:\n  - { address: "0:0::1", as: 65001 }\n`,
    '8:11 speakers.cilium: a mapping: expected an address of no other neighbor (neighbors[0] has it)',
  ],
  [
    'a neighbor twice is one mistake',
    `${NODE}${OPEN}neighbors:\n  - { address: "2001:db8::2", as: 65001 }\n  - { address: "2001:db8:0::2", as: 65001 }\n`,
    '24:16 neighbors[1].address: "2001:db8:0::2": expected a neighbour not listed before (neighbors[0] has it)',
  ],
  [
    'a speaker at the address of a neighbor',
    `${NODE}${OPEN}neighbors:\n  - { address: 127.0.0.1, as: 65001 }\n`,
    '8:11 speakers.cilium: a mapping: expected an address of no other neighbor (neighbors[0] has it)',
  ],
]

for (const [what, text, ...problems] of MISTAKES) {
  t.test(`refused: ${what}`, async (t) => {
    t.same(problemsOf(text), problems)
  })
}

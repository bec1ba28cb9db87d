import t from 'tap'
import { formatAddress } from '../../src/wire/address.ts'
import { asPathOrigin } from '../../src/wire/as-path.ts'
import { type DecodedUpdate, decodeUpdate } from '../../src/wire/decode.ts'
import { MrtPeerTable } from '../../src/wire/mrt-peers.ts'
import { MrtError, MrtReader } from '../../src/wire/mrt-reader.ts'
import type { MrtRecord } from '../../src/wire/mrt-record.ts'
import { RibEntryCursor } from '../../src/wire/mrt-rib.ts'
import { MrtKind, MrtProblem, mrtProblemText, mrtTypeName } from '../../src/wire/mrt-type.ts'
import { ALL_FAMILIES, Attr, MessageType, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { UpdateView } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { concat, fromHex, toHex } from '../support/hex.ts'
import * as mrt from '../support/mrt.ts'
import { capturedMessages } from '../support/vectors.ts'

const ATTRS = [b.origin(0), b.asPath([65001, 65002]), b.nextHop('192.0.2.1')]
const V6_HOP = b.address('2001:db8::1')
/** The form of RFC 6396 §4.3.4: length and next hop only. */
const abbreviated = (hop: Uint8Array) => b.attr(b.OPTIONAL, 14, b.u8(hop.length), hop)

/** The records of a file, in chunks of `size` octets, as `look` saw each. */
function read<Seen>(file: Uint8Array, look: (record: MrtRecord) => Seen, size = 1 << 16): Seen[] {
  const seen: Seen[] = []
  const reader = new MrtReader({ onRecord: (record) => seen.push(look(record)) })
  for (let at = 0; at < file.length; at += size) reader.push(file.slice(at, at + size))
  reader.end()
  return seen
}

function one<Seen>(record: Uint8Array, look: (record: MrtRecord) => Seen): Seen {
  return read(record, look)[0]!
}

interface SeenEntry {
  peer: number
  originated: number
  pathId: number
  problem: number
  update: DecodedUpdate
}

const entries = new RibEntryCursor()

function entriesOf(record: MrtRecord): SeenEntry[] {
  const seen: SeenEntry[] = []
  entries.start(record)
  while (entries.next()) {
    const { peerIndex: peer, originatedTime: originated, pathId, problem } = entries
    const update = decodeUpdate(entries.buf, entries.at, entries.end, entries.session)
    seen.push({ peer, originated, pathId, problem, update })
  }
  return seen
}

/** Every prefix a decoded UPDATE announces. */
function announced(update: DecodedUpdate): { prefix: string; rd?: string; pathId?: number }[] {
  const reach = update.attributes.find(({ type }) => type === Attr.MP_REACH_NLRI)?.value
  const list = reach && typeof reach === 'object' && 'nlri' in reach ? reach.nlri : []
  return [...list, ...update.nlri].map(({ prefix, rd, pathId }) => ({
    prefix,
    ...(rd === undefined ? {} : { rd }),
    ...(pathId === undefined ? {} : { pathId }),
  }))
}

const value = (update: DecodedUpdate, type: number) =>
  update.attributes.find((attribute) => attribute.type === type)?.value

t.test('RFC 6396 §4.3.1: the peers of an index', async (t) => {
  const table = new MrtPeerTable()
  const record = mrt.peerIndexTable(
    [
      { id: '192.0.2.1', address: '192.0.2.1', as: 65001, asn4: false },
      { id: '192.0.2.2', address: '2001:db8::2', as: 4200000000 },
    ],
    'view-ü',
  )
  t.equal(
    one(record, (r) => table.load(r)),
    MrtProblem.NONE,
  )
  t.equal(table.viewName, 'view-ü')
  t.equal(table.collectorId, 0xc0000209)
  t.equal(table.count, 2)
  t.strictSame([...table.as], [65001, 4200000000])
  t.strictSame([...table.bgpId], [0xc0000201, 0xc0000202])
  t.strictSame(
    [0, 1, 2].map((row) => table.addressOf(row)),
    ['192.0.2.1', '2001:db8::2', undefined],
  )
  // cut short: what is whole is kept
  const cut = Uint8Array.from(record.subarray(0, record.length - 1))
  cut[11] = cut[11]! - 1
  t.equal(
    one(cut, (r) => table.load(r)),
    MrtProblem.PEER,
  )
  t.equal(table.count, 1)
})

t.test('RFC 6396 §4.3.2: a RIB record with two paths', async (t) => {
  const record = mrt.rib(2, 12, b.prefix('198.51.100.0/24'), [
    { peer: 0, attrs: ATTRS },
    { peer: 1, attrs: [...ATTRS, b.med(5), b.localPref(200)] },
  ])
  one(record, (r) => {
    t.equal(r.kind, MrtKind.RIB)
    t.equal(r.timestamp, mrt.TIME)
    t.equal(r.sequence, 12)
    t.equal(r.entryCount, 2)
    t.equal(mrtTypeName(r.type, r.subtype), 'TABLE_DUMP_V2/RIB_IPV4_UNICAST')
    t.equal(toHex(r.buf.subarray(r.nlriAt, r.nlriEnd)), '18c63364')
    const [first, second] = entriesOf(r)
    t.strictSame([first!.peer, second!.peer], [0, 1])
    t.equal(first!.originated, mrt.TIME - 60)
    t.equal(second!.update.outcome, 'ok', 'LOCAL_PREF is taken: a table may hold it')
    t.strictSame(announced(second!.update), [{ prefix: '198.51.100.0/24' }])
    t.equal(value(second!.update, Attr.AS_PATH), '65001 65002')
    t.equal(value(second!.update, Attr.LOCAL_PREF), 200)
    t.equal(entries.problem, 0)
  })
})

t.test('RFC 6396 §4.3.4: MP_REACH_NLRI without family and NLRI', async (t) => {
  const attrs = [b.origin(0), b.asPath([65001])]
  const linkLocal = concat(V6_HOP, b.address('fe80::1'))
  const forms: [string, Uint8Array, string[]][] = [
    ['one next hop', abbreviated(V6_HOP), ['2001:db8::1']],
    ['with a link-local', abbreviated(linkLocal), ['2001:db8::1', 'fe80::1']],
    ['extended length', b.attr(b.OPTIONAL | b.EXTENDED, 14, b.u8(16), V6_HOP), ['2001:db8::1']],
    ['written in full', b.mpReach(2, 1, V6_HOP, b.prefix('2001:db8:9::/48')), ['2001:db8::1']],
  ]
  for (const [name, reach, nextHops] of forms) {
    const list = [{ peer: 0, attrs: [reach, ...attrs, b.med(7)] }]
    one(mrt.rib(4, 0, b.prefix('2001:db8:7::/48'), list), (r) => {
      const [entry] = entriesOf(r)
      t.equal(entry!.update.outcome, 'ok', name)
      t.strictSame(announced(entry!.update), [{ prefix: '2001:db8:7::/48' }], name)
      t.match(value(entry!.update, Attr.MP_REACH_NLRI), { family: 'ipv6-unicast', nextHops }, name)
      t.equal(value(entry!.update, Attr.MULTI_EXIT_DISC), 7, name)
    })
  }
  // RFC 8950: IPv4 with an IPv6 next hop
  one(
    mrt.rib(2, 0, b.prefix('10.0.0.0/8'), [{ peer: 0, attrs: [...attrs, abbreviated(V6_HOP)] }]),
    (r) => {
      const [entry] = entriesOf(r)
      t.equal(entry!.update.outcome, 'ok')
      t.strictSame(announced(entry!.update), [{ prefix: '10.0.0.0/8' }])
      t.strictSame(entry!.update.nlri, [], 'not in the classic field')
    },
  )
})

t.test('a next hop that does not fill MP_REACH_NLRI is a problem of its entry alone', async (t) => {
  const bad = b.attr(b.OPTIONAL, 14, b.u8(17), V6_HOP)
  const attrs = [b.origin(0), b.asPath([65001])]
  const record = mrt.rib(4, 0, b.prefix('2001:db8:7::/48'), [
    { peer: 0, attrs: [bad, ...attrs] },
    { peer: 1, attrs: [abbreviated(V6_HOP), ...attrs] },
  ])
  one(record, (r) => {
    const list = entriesOf(r)
    t.strictSame(
      list.map(({ problem }) => problem),
      [MrtProblem.ABBREVIATED_REACH, 0],
    )
    t.equal(value(list[0]!.update, Attr.AS_PATH), '65001', 'the other attributes are read')
    t.strictSame(announced(list[1]!.update), [{ prefix: '2001:db8:7::/48' }])
  })
})

t.test('RFC 8050 §4.1: entries with path identifiers', async (t) => {
  const v4 = mrt.rib(8, 0, b.prefix('10.0.0.0/8'), [
    { peer: 0, pathId: 1, attrs: ATTRS },
    { peer: 0, pathId: 0xffffffff, attrs: ATTRS },
  ])
  one(v4, (r) => {
    t.strictSame(
      entriesOf(r).map((entry) => announced(entry.update)[0]),
      [
        { prefix: '10.0.0.0/8', pathId: 1 },
        { prefix: '10.0.0.0/8', pathId: 0xffffffff },
      ],
    )
  })
  const v6 = mrt.rib(10, 0, b.prefix('2001:db8::/32'), [
    { peer: 0, pathId: 3, attrs: [b.origin(0), b.asPath([1]), abbreviated(V6_HOP)] },
  ])
  one(v6, (r) => {
    t.strictSame(announced(entriesOf(r)[0]!.update), [{ prefix: '2001:db8::/32', pathId: 3 }])
  })
})

t.test('RFC 6396 §4.3.3, RFC 8050 §4.2: RIB_GENERIC', async (t) => {
  const vpn = { rd: '65000:1', label: 0x000101, prefix: '10.1.0.0/16' }
  const hop = abbreviated(b.vpnNextHop('2001:db8::1'))
  const attrs = [hop, b.origin(0), b.asPath([])]
  const expected = { rd: '65000:1', prefix: '10.1.0.0/16' }
  one(mrt.ribGeneric(6, [1, 128], b.vpnPrefix(vpn), [{ peer: 0, attrs }]), (r) => {
    const [entry] = entriesOf(r)
    t.equal(entry!.update.outcome, 'ok')
    t.strictSame(announced(entry!.update), [expected])
  })
  const rfc = b.vpnPrefix({ ...vpn, pathId: 9 })
  one(mrt.ribGeneric(12, [1, 128], rfc, [{ peer: 0, attrs }]), (r) => {
    t.strictSame(announced(entriesOf(r)[0]!.update), [{ ...expected, pathId: 9 }], 'in the NLRI')
  })
  const entry = { peer: 0, pathId: 9, attrs }
  one(mrt.ribGeneric(12, [1, 128], b.vpnPrefix(vpn), [entry, entry]), (r) => {
    t.equal(r.entryPathIds, true)
    const list = entriesOf(r).map(({ update }) => announced(update)[0])
    t.strictSame(
      list,
      [1, 2].map(() => ({ ...expected, pathId: 9 })),
      'as GoBGP writes them',
    )
  })
})

t.test('RIB_GENERIC: the end of an NLRI of a family that is not read is found', async (t) => {
  const nlris: [string, [number, number], Uint8Array][] = [
    ['EVPN', [25, 70], b.u8(2, 3, 1, 2, 3)],
    ['MVPN', [1, 5], b.u8(1, 2, 1, 2)],
    ['flow specification', [1, 133], b.u8(3, 1, 8, 10)],
    ['long flow specification', [1, 133], concat(b.u8(0xf0, 250), new Uint8Array(250))],
    ['VPLS', [25, 65], concat(b.u16be(17), new Uint8Array(17))],
    ['BGP-LS', [16388, 71], b.u8(0, 1, 0, 2, 9, 9)],
    ['RT-Constrain', [1, 132], b.u8(32, 0, 0, 0xfd, 0xe8)],
  ]
  for (const [name, family, nlri] of nlris) {
    one(mrt.ribGeneric(6, family, nlri, [{ peer: 3, attrs: ATTRS }]), (r) => {
      t.equal(toHex(r.buf.subarray(r.nlriAt, r.nlriEnd)), toHex(nlri), name)
      t.strictSame(
        entriesOf(r).map(({ peer }) => peer),
        [3],
        name,
      )
      t.equal(entries.problem, 0, name)
    })
  }
})

t.test('RFC 6396 §4.4: messages with AS numbers of two and of four octets', async (t) => {
  const session = { ...mrt.SESSION, peer: '2001:db8::1', local: '2001:db8::9', asn4: false }
  const update = b.update({
    attrs: [b.origin(0), b.asPath([65001], 2), b.nextHop('192.0.2.1')],
    nlri: [b.prefix('10.0.0.0/8')],
  })
  const view = new UpdateView()
  one(mrt.bgp4mp(update, session), (r) => {
    t.equal(r.kind, MrtKind.MESSAGE)
    t.strictSame([r.peerAs, r.localAs, r.local], [65001, 65000, false])
    t.equal(formatAddress(r.buf, r.peerAddressAt, r.addressBytes), '2001:db8::1')
    t.equal(formatAddress(r.buf, r.localAddressAt, r.addressBytes), '2001:db8::9')
    t.equal(r.messageType, MessageType.UPDATE)
    t.equal(parseUpdate(view, r.buf, r.messageBodyAt, r.messageEnd, r.session), Outcome.OK)
  })
  const wide = b.update({ attrs: ATTRS, nlri: [b.prefix('10.0.0.0/8')] })
  one(mrt.bgp4mp(wide, { ...mrt.SESSION, peerAs: 4200000000 }, 7), (r) => {
    t.strictSame([r.peerAs, r.local], [4200000000, true], 'MESSAGE_AS4_LOCAL')
    t.equal(parseUpdate(view, r.buf, r.messageBodyAt, r.messageEnd, r.session), Outcome.OK)
    const row = view.indexOf(Attr.AS_PATH)
    t.equal(asPathOrigin(view.buf, view.attrValueAt(row), view.attrEnd(row)), 65002)
  })
})

t.test('RFC 8050 §3: a message with path identifiers', async (t) => {
  const update = b.update({ attrs: ATTRS, nlri: [b.prefix('10.0.0.0/8', 77)] })
  for (const [subtype, asn4] of [
    [9, true],
    [11, true],
  ] as const) {
    one(mrt.bgp4mp(update, { ...mrt.SESSION, asn4 }, subtype), (r) => {
      const decoded = decodeUpdate(r.buf, r.messageBodyAt, r.messageEnd, r.session)
      t.strictSame(announced(decoded), [{ prefix: '10.0.0.0/8', pathId: 77 }])
    })
  }
})

t.test('RFC 6396 §3: microseconds; §4.4.1: state changes', async (t) => {
  one(mrt.bgp4mpEt(b.message(4), 123456), (r) => {
    t.strictSame([r.kind, r.timestamp, r.microseconds], [MrtKind.MESSAGE, mrt.TIME, 123456])
    t.equal(r.messageType, MessageType.KEEPALIVE)
  })
  one(mrt.stateChange(5, 6, { ...mrt.SESSION, asn4: false }), (r) => {
    t.strictSame([r.kind, r.oldState, r.newState], [MrtKind.STATE_CHANGE, 5, 6])
  })
})

t.test('real messages in BGP4MP decode to what they decode to alone', async (t) => {
  const messages = capturedMessages().filter(({ type }) => type === 'UPDATE')
  const bodies = messages.map(({ hex }) => fromHex(hex).slice(19))
  const file = concat(...messages.map(({ hex }) => mrt.bgp4mp(fromHex(hex))))
  const seen = read(file, (r) => {
    const body = r.buf.slice(r.messageBodyAt, r.messageEnd)
    return JSON.stringify(decodeUpdate(body, 0, body.length, r.session))
  })
  const session = { asn4: true, ebgp: false, localAs: 65000, addPath: 0, families: ALL_FAMILIES }
  const alone = bodies.map((body) => JSON.stringify(decodeUpdate(body, 0, body.length, session)))
  t.ok(seen.length > 100)
  t.strictSame(seen, alone)
})

/** A file with a record of each kind. */
function mixedFile(): Uint8Array {
  return concat(
    mrt.peerIndexTable([{ id: '192.0.2.1', address: '192.0.2.1', as: 65001 }]),
    mrt.rib(2, 0, b.prefix('10.0.0.0/8'), [{ peer: 0, attrs: ATTRS }]),
    mrt.rib(4, 1, b.prefix('2001:db8::/32'), [{ peer: 0, attrs: [abbreviated(V6_HOP)] }]),
    mrt.bgp4mp(b.update({ attrs: ATTRS, nlri: [b.prefix('10.0.0.0/8')] })),
    mrt.bgp4mpEt(b.message(4), 5),
    mrt.stateChange(1, 2),
    mrt.mrtRecord(48, 0, b.u8(1, 2, 3)),
  )
}

const outline = (r: MrtRecord) => ({
  offset: r.offset,
  type: mrtTypeName(r.type, r.subtype),
  kind: r.kind,
  problem: r.problem,
  body: toHex(r.buf.subarray(r.at, r.end)),
})

t.test('a file reads the same however it is cut into chunks', async (t) => {
  const file = mixedFile()
  const whole = read(file, outline)
  t.equal(whole.length, 7)
  t.equal(whole[6]!.problem, MrtProblem.UNKNOWN_TYPE)
  for (let size = 1; size <= file.length; size++) {
    const cut = read(file, outline, size)
    if (JSON.stringify(cut) !== JSON.stringify(whole)) t.strictSame(cut, whole, `size ${size}`)
  }
})

t.test('a file that breaks off says where, at every length', async (t) => {
  const file = mixedFile()
  const starts = new Set(read(file, (r) => r.offset).concat(file.length))
  let last = 0
  for (let length = 0; length <= file.length; length++) {
    if (starts.has(length)) {
      read(file.subarray(0, length), outline)
      last = length
      continue
    }
    try {
      read(file.subarray(0, length), outline)
      t.fail(`${length} octets: no error`)
    } catch (error) {
      if (!(error instanceof MrtError) || error.offset !== last) throw error
    }
  }
})

t.test('a record cut at every length never throws and never loops', async (t) => {
  const records = [
    mrt.peerIndexTable([{ id: '192.0.2.1', address: '2001:db8::1', as: 65001 }], 'v'),
    mrt.rib(2, 0, b.prefix('10.0.0.0/8'), [{ peer: 0, attrs: ATTRS }]),
    mrt.rib(10, 0, b.prefix('2001:db8::/32'), [
      { peer: 0, pathId: 1, attrs: [abbreviated(V6_HOP)] },
    ]),
    mrt.ribGeneric(
      12,
      [1, 128],
      b.vpnPrefix({ rd: '1:1', label: 1, prefix: '10.0.0.0/8', pathId: 1 }),
      [{ peer: 0, attrs: [abbreviated(b.vpnNextHop('192.0.2.1'))] }],
    ),
    mrt.ribGeneric(6, [16388, 71], b.u8(0, 1, 0, 0), []),
    mrt.bgp4mp(b.update({ attrs: ATTRS })),
    mrt.bgp4mpEt(b.message(4), 5),
    mrt.stateChange(1, 2),
  ]
  const table = new MrtPeerTable()
  for (const record of records) {
    for (let length = 12; length < record.length; length++) {
      const cut = Uint8Array.from(record.subarray(0, length))
      cut.set(b.u32be(length - 12), 8)
      one(cut, (r) => {
        let problem: number = r.problem
        if (r.kind === MrtKind.PEER_INDEX_TABLE) problem = table.load(r)
        if (r.kind === MrtKind.RIB) {
          entriesOf(r)
          problem = entries.problem
          t.ok(entries.problemAt >= r.at && entries.problemAt <= r.end)
        }
        // where the octets of a path identifier read as a table entry without paths, it is one
        if (problem === 0 && (r.kind !== MrtKind.RIB || r.entryCount > 0)) {
          t.fail(`${mrtTypeName(r.type, r.subtype)}: ${length} octets are sound`)
        }
        t.notMatch(mrtProblemText(problem), /^problem/)
      })
    }
  }
})

t.test('a length that no record has is an error, not a wait for the octets', async (t) => {
  const head = concat(b.u32be(mrt.TIME), b.u16be(13, 2), b.u32be(0xfffffff0))
  const sound = mrt.stateChange(1, 2)
  t.throws(() => read(concat(sound, head), outline), {
    name: 'MrtError',
    offset: sound.length,
    message: 'a record of 4294967292 octets, expected at most 16777216',
  })
})

t.test('octets flipped at random: no throw, no read past the record', async (t) => {
  const file = mixedFile()
  let state = 12345
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
  let records = 0
  for (let round = 0; round < 3000; round++) {
    const bent = Uint8Array.from(file)
    for (let k = 0; k < 3; k++) bent[random(bent.length)] = random(256)
    try {
      read(bent, (r) => {
        records++
        if (r.kind !== MrtKind.RIB) return
        entriesOf(r)
        if (entries.end > entries.buf.length) t.fail('past the buffer')
      })
    } catch (error) {
      if (!(error instanceof MrtError)) throw error
    }
  }
  t.ok(records > 10_000)
})

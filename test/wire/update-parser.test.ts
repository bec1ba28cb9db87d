import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { Attr, FAMILIES, Family, Outcome } from '../../src/wire/registry.ts'
import { parseUpdate } from '../../src/wire/update-parser.ts'
import { reasonText, UpdateReason } from '../../src/wire/update-reason.ts'
import { type UpdateSession, UpdateView } from '../../src/wire/update-view.ts'
import * as b from '../support/builder.ts'
import { fromHex } from '../support/hex.ts'
import { capturedMessages } from '../support/vectors.ts'

t.setTimeout(600_000)

const session: UpdateSession = {
  asn4: true,
  ebgp: false,
  localAs: 65000,
  addPath: 0,
  families: 0b11110,
}

function parse(octets: Uint8Array, changes: Partial<UpdateSession> = {}): UpdateView {
  const view = new UpdateView()
  parseUpdate(view, octets, 19, octets.length, { ...session, ...changes })
  return view
}

function count(
  view: UpdateView,
  at: number,
  end: number,
  family: Family,
  addPath = false,
  withdraw = false,
): number {
  const cursor = new NlriCursor()
  cursor.start(view.buf, at, end, family, addPath, withdraw)
  let found = 0
  while (cursor.next()) {
    found++
    if (cursor.nlriAt < at || cursor.at > end) throw new Error('cursor left its range')
  }
  if (found > 0 && cursor.at !== end) throw new Error('cursor stopped before the end')
  return found
}

/** Walks everything a view says there is; throws when an offset lies outside the message. */
function checkView(view: UpdateView): void {
  const within = (at: number, end: number, what: string) => {
    if (at < view.at || end > view.end || at > end) throw new Error(`${what}: ${at} … ${end}`)
  }
  within(view.errorAt || view.at, view.errorEnd || view.end, 'error')
  for (let row = 0; row < view.attrCount; row++) {
    within(view.attrAt[row]!, view.attrValueAt(row), 'attribute header')
    within(view.attrValueAt(row), view.attrEnd(row), 'attribute value')
    if (view.indexOf(view.attrType(row)) !== row) throw new Error('indexOf')
  }
  if (view.outcome === Outcome.SESSION_RESET) return
  within(view.withdrawnAt, view.withdrawnEnd, 'withdrawn')
  within(view.nlriAt, view.nlriEnd, 'nlri')
  count(view, view.withdrawnAt, view.withdrawnEnd, Family.IPV4_UNICAST, false, true)
  count(view, view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST)
  if (view.reachFamily !== 0) {
    within(view.reachAt, view.reachEnd, 'reach')
    if (view.nextHopLen > 0) within(view.nextHopAt, view.nextHopAt + view.nextHopLen, 'next hop')
    count(view, view.reachAt, view.reachEnd, view.reachFamily)
  }
  if (view.unreachFamily !== 0) {
    within(view.unreachAt, view.unreachEnd, 'unreach')
    count(view, view.unreachAt, view.unreachEnd, view.unreachFamily, false, true)
  }
}

const FULL = b.update({
  withdrawn: [b.prefix('10.9.0.0/16')],
  attrs: [
    b.mpReach(1, 128, b.vpnNextHop('2001:db8::1'), VPN4('10.1.0.0/16'), VPN4('10.2.0.0/24')),
    b.origin(0),
    b.asPath([65001, 65002]),
    b.nextHop('192.0.2.1'),
    b.mpUnreach(2, 1, b.prefix('2001:db8:1::/48')),
    b.routeTargets('65000:10'),
  ],
  nlri: [b.prefix('10.3.0.0/24'), b.prefix('0.0.0.0/0')],
})

function VPN4(prefix: string): Uint8Array {
  return b.vpnPrefix({ rd: '65000:1', label: 0x000101, prefix })
}

t.test('parseUpdate: where each part of a message with all four NLRI fields lies', async (t) => {
  const view = parse(FULL)
  t.equal(view.outcome, Outcome.OK, reasonText(view.reason))
  t.equal(count(view, view.withdrawnAt, view.withdrawnEnd, Family.IPV4_UNICAST), 1)
  t.equal(count(view, view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST), 2)
  t.same([view.reachFamily, view.reachAfi, view.reachSafi], [Family.VPNV4, 1, 128])
  t.equal(count(view, view.reachAt, view.reachEnd, Family.VPNV4), 2)
  t.same([view.unreachFamily, view.unreachAfi, view.unreachSafi], [Family.IPV6_UNICAST, 2, 1])
  t.equal(count(view, view.unreachAt, view.unreachEnd, Family.IPV6_UNICAST), 1)
  t.equal(view.nextHopLen, 24)
  t.same([...FULL.subarray(view.nextHopAt + 8, view.nextHopAt + 24)], [...b.address('2001:db8::1')])
  const types = Array.from({ length: view.attrCount }, (_, row) => view.attrType(row))
  t.same(types, [14, 1, 2, 3, 15, 16])
  t.equal(view.indexOf(Attr.AS_PATH), 2)
  t.equal(view.indexOf(Attr.LOCAL_PREF), -1)
  t.equal(view.endOfRib, 0)
  checkView(view)
})

t.test('parseUpdate: a view used again keeps nothing of the message before', async (t) => {
  const view = new UpdateView()
  parseUpdate(view, FULL, 19, FULL.length, session)
  const bad = b.update({ attrs: [b.attr(0x40, 8, b.u8(1))], nlri: [b.prefix('10.0.0.0/8')] })
  parseUpdate(view, bad, 19, bad.length, session)
  const empty = b.update()
  parseUpdate(view, empty, 19, empty.length, session)
  const fresh = parse(empty)
  for (const key of Object.keys(fresh) as (keyof UpdateView)[]) {
    if (typeof fresh[key] === 'object' && key !== 'buf') continue
    t.same(view[key], fresh[key], key)
  }
  for (let type = 0; type < 256; type++) if (view.indexOf(type) !== -1) t.fail(`type ${type}`)
})

t.test('RFC 4724 §2: End-of-RIB of each family, and what only looks like one', async (t) => {
  t.equal(parse(b.update()).endOfRib, Family.IPV4_UNICAST)
  const families: [afi: number, safi: number, family: Family][] = [
    [1, 1, Family.IPV4_UNICAST],
    [2, 1, Family.IPV6_UNICAST],
    [1, 128, Family.VPNV4],
    [2, 128, Family.VPNV6],
  ]
  for (const [afi, safi, family] of families) {
    const octets = b.update({ attrs: [b.mpUnreach(afi, safi)] })
    t.equal(parse(octets).endOfRib, family)
    t.equal(parse(octets, { families: 0 }).endOfRib, 0, 'not negotiated')
  }
  t.equal(parse(b.update(), { families: 1 << Family.VPNV4 }).endOfRib, 0)
  t.equal(parse(b.update({ attrs: [b.mpUnreach(25, 70)] })).endOfRib, 0)
  t.equal(parse(b.update({ attrs: [b.mpUnreach(2, 1), b.origin(0)] })).endOfRib, 0)
  t.equal(parse(b.update({ attrs: [b.origin(0)] })).endOfRib, 0)
  const some = [b.prefix('10.0.0.0/8')]
  t.equal(parse(b.update({ withdrawn: some, attrs: [b.mpUnreach(2, 1)] })).endOfRib, 0)
  t.equal(parse(b.update({ withdrawn: some })).endOfRib, 0)
})

t.test('RFC 4760 §7, §8: what was not negotiated is skipped', async (t) => {
  const view = parse(FULL, { families: 1 << Family.IPV4_UNICAST })
  t.equal(view.outcome, Outcome.OK)
  t.same([view.reachFamily, view.reachAfi, view.reachSafi], [0, 1, 128])
  t.same([view.unreachFamily, view.unreachAfi], [0, 2])
  const vpnOnly = parse(FULL, { families: 1 << Family.VPNV4 })
  t.equal(vpnOnly.classicIgnored, true)
  t.equal(vpnOnly.nlriAt, vpnOnly.nlriEnd)
  t.equal(vpnOnly.withdrawnAt, vpnOnly.withdrawnEnd)
  t.equal(vpnOnly.reachFamily, Family.VPNV4)
  t.equal(parse(FULL).classicIgnored, false)
})

t.test('RFC 2545, 4364, 4659, 8950: next hop lengths by family, negotiated or not', async (t) => {
  const allowed: [afi: number, safi: number, lengths: number[]][] = [
    [1, 1, [4, 16, 32]],
    [2, 1, [16, 32]],
    [1, 128, [12, 24, 48]],
    [2, 128, [24, 48]],
  ]
  for (const [afi, safi, lengths] of allowed) {
    for (let length = 0; length <= 64; length++) {
      const reach = b.mpReach(afi, safi, new Uint8Array(length))
      const view = parse(b.update({ attrs: [reach, b.origin(0), b.asPath([])] }))
      const want = lengths.includes(length) ? Outcome.OK : Outcome.AFI_SAFI_DISABLE
      t.equal(view.outcome, want, `${afi}/${safi} ${length} octets`)
      t.equal(view.nextHopLen, want === Outcome.OK ? length : 0)
    }
  }
})

t.test('RFC 7911 §3: path identifiers where negotiated', async (t) => {
  const addPath = (1 << Family.IPV4_UNICAST) | (1 << Family.VPNV6)
  const key = { rd: '65000:1', label: 0x31, prefix: '2001:db8::/32' }
  const octets = b.update({
    withdrawn: [b.prefix('10.9.0.0/16', 4)],
    attrs: [
      b.mpReach(
        2,
        128,
        b.vpnNextHop('2001:db8::1'),
        b.vpnPrefix({ ...key, pathId: 7 }),
        b.vpnPrefix({ ...key, pathId: 0xfffffffe }),
      ),
      b.origin(0),
      b.asPath([]),
      b.nextHop('192.0.2.1'),
    ],
    nlri: [b.prefix('10.1.0.0/16', 1), b.prefix('0.0.0.0/0', 2)],
  })
  const view = parse(octets, { addPath })
  t.equal(view.outcome, Outcome.OK, reasonText(view.reason))
  t.equal(view.addPath, addPath)
  const cursor = new NlriCursor()
  cursor.start(view.buf, view.reachAt, view.reachEnd, Family.VPNV6, true, false)
  const ids: number[] = []
  while (cursor.next()) ids.push(cursor.pathId)
  t.same(ids, [7, 0xfffffffe])
  t.equal(count(view, view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST, true), 2)
  // an identifier without a prefix behind it
  const cut = b.update({ withdrawn: [b.u8(0, 0, 0, 1)] })
  t.equal(parse(cut, { addPath }).outcome, Outcome.SESSION_RESET)
})

t.test('parseUpdate: every captured UPDATE cut at every length: defined, and inside', async (t) => {
  const view = new UpdateView()
  let runs = 0
  for (const { hex, type } of capturedMessages()) {
    if (type !== 'UPDATE') continue
    const octets = fromHex(hex)
    for (let end = 19; end <= octets.length; end++) {
      // the octets end there …
      parseUpdate(view, octets.slice(0, end), 19, end, session)
      checkView(view)
      // … or go on, but the message does not
      const outcome = parseUpdate(view, octets, 19, end, session)
      checkView(view)
      if (end < 23 && outcome !== Outcome.SESSION_RESET) t.fail(`${end} octets of ${hex}`)
      runs++
    }
  }
  t.ok(runs > 30_000, `${runs} cuts`)
})

t.test(
  'parseUpdate: attributes cut at every length, the lengths before them put right',
  async (t) => {
    const view = new UpdateView()
    const outcomes = new Set<number>()
    for (const { hex, type } of capturedMessages()) {
      if (type !== 'UPDATE') continue
      const octets = fromHex(hex)
      const length = (octets[21]! << 8) | octets[22]!
      if (octets[19] !== 0 || octets[20] !== 0) continue
      for (let kept = 0; kept <= length; kept++) {
        const cut = Uint8Array.from([
          ...octets.subarray(0, 23 + kept),
          ...octets.subarray(23 + length),
        ])
        cut[21] = kept >>> 8
        cut[22] = kept & 0xff
        outcomes.add(parseUpdate(view, cut, 19, cut.length, session))
        checkView(view)
      }
    }
    t.same([...outcomes].sort(), [0, 2, 4])
  },
)

t.test('two million UPDATEs of every family and malformation cost no garbage', async (t) => {
  const child = fileURLToPath(new URL('../support/gc-child.ts', import.meta.url))
  const text = execFileSync(process.execPath, ['--expose-gc', '--import=tsx', child], {
    encoding: 'utf8',
  })
  const met = JSON.parse(text)
  t.ok(met.messages >= 2_000_000, `${met.messages} messages`)
  t.ok(met.prefixes > 2_000_000, `${met.prefixes} prefixes`)
  t.ok(met.sids > 10_000 && met.hops > 1_000_000)
  t.equal(met.longest, 65_535)
  for (const times of met.outcomes) t.ok(times > 10_000, `each outcome: ${met.outcomes}`)
  for (const what of ['reach', 'unreach', 'reachAddPath', 'unreachAddPath']) {
    for (const { id, name } of FAMILIES) t.ok(met[what][id] > 1000, `${what} ${name}`)
  }
  // too short for its two length fields: the framer does not hand such a message on
  const { NONE, TOO_SHORT, PREFIX_SID, ...reasons } = UpdateReason
  for (const [name, reason] of Object.entries(reasons)) t.ok(met.reasons[reason] > 0, name)
  t.ok(met.control.collections > 0, `a subarray a message: ${JSON.stringify(met.control)}`)
  t.equal(met.found.collections, 0)
  // a few kilobytes, or in some processes 3.9 MB of new space that no allocation is behind (as V8's
  // own sampling of allocations shows); an object a message would be 32 MB
  t.ok(met.found.heap < 8_000_000, `${met.found.heap} octets of heap`)
})

import t from 'tap'
import { resolveCollision } from '../../src/session/collision.ts'
import { dotted, negotiate, openOf } from '../../src/session/negotiate.ts'
import { ceaseNotice } from '../../src/session/notice.ts'
import { BgpError } from '../../src/wire/error.ts'
import { decodeOpen, encodeOpen } from '../../src/wire/open.ts'
import { Family } from '../../src/wire/registry.ts'
import { capability, open, u8, u16be, u32be } from '../support/builder.ts'
import { peerConfig } from '../support/scripted-peer.ts'

const decode = (message: Uint8Array) => decodeOpen(message, 19, message.length)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const mp = (afi: number, safi: number) => capability(1, u16be(afi), u8(0, safi))
const as4 = (as: number) => capability(65, u32be(as))

t.test('the OPEN of a configuration', async (t) => {
  const config = peerConfig({
    localAs: 4200000001,
    families: [Family.IPV4_UNICAST, Family.IPV6_UNICAST, Family.VPNV4, Family.VPNV6],
    gracefulRestart: {
      restartTime: 120,
      forwardingFamilies: () => [Family.VPNV4],
      restarting: () => true,
      longLivedTime: 3600,
    },
  })
  const message = encodeOpen(openOf(config))
  const parameters = hex(message.subarray(29))
  t.equal(hex(message.subarray(19, 28)), '045ba0005ac0000201', 'version, AS_TRANS, hold, id')
  for (const [tlv, what] of [
    ['010400010001', 'IPv4 unicast'],
    ['010400020001', 'IPv6 unicast'],
    ['010400010080', 'VPNv4'],
    ['010400020080', 'VPNv6'],
    ['050c000100010002000100800002', 'extended next hop 1/1/2 and 1/128/2'],
    ['0200', 'route refresh'],
    ['0600', 'extended message'],
    ['4104fa56ea01', 'AS 4200000001'],
    ['4012c078' + '00010100' + '00020100' + '00018080' + '00028000', 'restart: R, N, F of VPNv4'],
    [
      '471c' + '00010100000e10' + '00020100000e10' + '00018080000e10' + '00028000000e10',
      'RFC 9494: one hour',
    ],
  ] as const) {
    t.ok(parameters.includes(tlv), what)
  }
  t.notMatch(parameters, '4600', 'enhanced route refresh is not offered')
})

t.test('RFC 4271 §6.2: a bad OPEN is refused with code, subcode and data', async (t) => {
  const config = peerConfig({ localAs: 65000, remoteAs: 65000, families: [Family.VPNV6] })
  const good = { as: 65000, routerId: '192.0.2.2', capabilities: [mp(2, 128), as4(65000)] }
  // biome-ignore format: one row a mistake
  const rows: [string, Parameters<typeof open>[0], number, number, string][] = [
    ['another AS', { ...good, as: 65001, capabilities: [mp(2, 128), as4(65001)] }, 2, 2, ''],
    ['another AS in capability 65', { ...good, capabilities: [mp(2, 128), as4(65001)] }, 2, 2, ''],
    ['AS 0 (RFC 7607)', { ...good, as: 0, capabilities: [mp(2, 128)] }, 2, 2, ''],
    ['identifier 0 (RFC 6286)', { ...good, routerId: '0.0.0.0' }, 2, 3, ''],
    ['our own identifier in our AS', { ...good, routerId: '192.0.2.1' }, 2, 3, ''],
    ['hold time 1', { ...good, holdTime: 1 }, 2, 6, ''],
    ['hold time 2', { ...good, holdTime: 2 }, 2, 6, ''],
    ['no family in common', { ...good, capabilities: [mp(1, 1), mp(25, 71), as4(65000)] }, 6, 5, ''],
    ['no capability at all', { ...good, capabilities: [] }, 6, 5, ''],
  ]
  for (const [what, fields, code, subcode, data] of rows) {
    try {
      negotiate(config, decode(open(fields)), '', '')
      t.fail(what)
    } catch (error) {
      if (!(error instanceof BgpError)) throw error
      t.same([error.code, error.subcode, hex(error.data)], [code, subcode, data], what)
    }
  }
  t.throws(() => decode(open({ ...good, version: 3 })), { code: 2, subcode: 1 })
  const text = /offers ipv4-unicast, 25\/71, configured are vpnv6/
  t.throws(() => negotiate(config, decode(open(rows[7]![1])), '', ''), text)
})

t.test('what two good OPENs agree on', async (t) => {
  const config = peerConfig({
    localAs: 65000,
    remoteAs: 64512,
    holdTime: 30,
    families: [Family.IPV4_UNICAST, Family.IPV6_UNICAST, Family.VPNV4],
  })
  // The OPEN of gobgpd with Cilium's settings: every capability in one parameter.
  const cilium = open({
    as: 64512,
    holdTime: 9,
    routerId: '192.0.2.11',
    capabilities: [
      capability(2),
      capability(73, u8(2, 0x76, 0x6d, 0)),
      mp(1, 1),
      mp(2, 1),
      mp(16388, 71),
      as4(64512),
      capability(64, u8(0xc0, 0x78), u16be(1), u8(1, 128), u16be(2), u8(1, 128)),
      capability(5, u16be(1, 1, 2)),
      capability(200, u8(1, 2, 3)),
    ],
  })
  const n = negotiate(config, decode(cilium), '192.0.2.1', '192.0.2.11')
  t.match(n, {
    families: [Family.IPV4_UNICAST, Family.IPV6_UNICAST],
    asn4: true,
    ebgp: true,
    holdTime: 9,
    keepaliveTime: 3,
    routeRefresh: true,
    extendedMessage: false,
    maxLength: 4096,
    extendedNextHop: [Family.IPV4_UNICAST],
    remoteAs: 64512,
    gracefulRestart: { restarting: true, notification: true, restartTime: 120 },
    notificationRestart: false, // we have no graceful restart here
    update: { asn4: true, ebgp: true, localAs: 65000, addPath: 0, families: 6 },
  })
  t.equal(dotted(n.remoteRouterId), '192.0.2.11')

  const old = open({ as: 64512, holdTime: 0, routerId: '192.0.2.11' })
  const plain = negotiate(config, decode(old), '', '')
  t.match(plain, {
    families: [Family.IPV4_UNICAST],
    asn4: false,
    holdTime: 0,
    gracefulRestart: null,
  })
})

t.test('RFC 4271 §6.8: who closes which connection', async (t) => {
  const low = { localRouterId: 1, localAs: 65000, remoteRouterId: 2, remoteAs: 65000 }
  const high = { localRouterId: 2, localAs: 65000, remoteRouterId: 1, remoteAs: 65000 }
  const ours = { state: 'OpenConfirm', dialled: true } as const
  const theirs = { state: 'OpenSent', dialled: false } as const
  const oursArriving = { state: 'OpenSent', dialled: true } as const
  const theirsThere = { state: 'OpenConfirm', dialled: false } as const
  t.equal(resolveCollision(theirs, ours, low), 'close other', 'the one they dialled stays')
  t.equal(resolveCollision(theirs, ours, high), 'close arriving', 'the one we dialled stays')
  t.equal(resolveCollision(oursArriving, theirsThere, low), 'close arriving')
  t.equal(resolveCollision(oursArriving, theirsThere, high), 'close other')
  t.equal(resolveCollision(theirs, { ...ours, state: 'Established' }, low), 'close arriving')
  t.equal(resolveCollision(theirs, { ...ours, state: 'OpenSent' }, low), 'neither')
  t.equal(resolveCollision(theirs, theirsThere, high), 'close other', 'they dialled again')
  const equal = { localRouterId: 7, localAs: 65001, remoteRouterId: 7, remoteAs: 65000 }
  t.equal(resolveCollision(theirs, ours, equal), 'close arriving', 'RFC 6286 §2.3: higher AS')
})

t.test('RFC 8538 §3, RFC 9003: what a stop says', async (t) => {
  const say = (subcode: number, text: string, restart: boolean, hard = false) => {
    const notice = ceaseNotice({ code: 6, subcode, text, hard }, restart)
    return [notice.code, notice.subcode, hex(notice.data), notice.text]
  }
  t.same(say(2, 'bye', true), [6, 2, '03627965', 'Cease/Administrative Shutdown: bye'])
  t.same(say(3, 'gone', true), [6, 3, '', 'Cease/Peer De-configured: gone'])
  const name = 'Cease/Administrative Shutdown: bye'
  t.same(say(2, 'bye', true, true), [6, 9, '060203627965', `hard reset: ${name}`])
  t.same(say(2, 'bye', false, true), [6, 2, '03627965', name])
  const limit = 'hard reset: Cease/Maximum Number of Prefixes Reached: full'
  t.same(say(1, 'full', true, true), [6, 9, '0601', limit])
})

t.test('RFC 9494 §4: what is kept of which family', async (t) => {
  const { VPNV4, VPNV6 } = Family
  const kept = (longLivedTime: number, ...capabilities: Uint8Array[]) => {
    const gracefulRestart = {
      restartTime: 120,
      forwardingFamilies: () => [],
      restarting: () => false,
      longLivedTime,
    }
    const config = peerConfig({ families: [VPNV4, VPNV6], gracefulRestart })
    const theirs = [mp(1, 128), mp(2, 128), as4(65000), ...capabilities]
    const opened = open({ as: 65000, routerId: '192.0.2.2', capabilities: theirs })
    const n = negotiate(config, decode(opened), '::1', '::2')
    return {
      longLived: n.longLived,
      rows: n.retention.map((r) => [
        r.family,
        r.restartTime,
        r.longLivedTime,
        r.preserved,
        r.longLivedPreserved,
      ]),
    }
  }
  // R and N clear, 90 s, VPNv4 with the F bit
  const short = capability(64, u16be(90), u16be(1), u8(128, 0x80))
  // VPNv4 3600 s without the F bit, VPNv6 600 s with it
  const long = capability(71, u16be(1), u8(128, 0, 0, 14, 16), u16be(2), u8(128, 0x80, 0, 2, 88))
  t.same(kept(86_400, short, long), {
    longLived: true,
    rows: [
      [VPNV4, 90, 3600, true, false],
      [VPNV6, 0, 600, false, true],
    ],
  })
  const limited = kept(1000, short, long).rows.map((row) => row[2])
  t.same(limited, [1000, 600], '§4.2: reduced by configuration')
  t.same(kept(0, short, long), { longLived: true, rows: [[VPNV4, 90, 0, true, false]] }, 'off')
  t.same(kept(86_400, short), { longLived: false, rows: [[VPNV4, 90, 0, true, false]] })
  t.same(kept(86_400, long), { longLived: false, rows: [] }, '§4.5: never alone')
  t.same(kept(86_400, short, capability(71)).longLived, true, 'no family: it knows LLGR_STALE')
})

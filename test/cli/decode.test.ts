/** `srv6d-cli decode` of MRT, messages and hex: what people and programs get to read. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { Progress, progressText } from '../../src/cli/decode-progress.ts'
import * as b from '../support/builder.ts'
import { decode, objectsOf } from '../support/decode.ts'
import { concat, toHex } from '../support/hex.ts'
import * as mrt from '../support/mrt.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { FAMILY_VECTORS } from '../vectors/families.ts'

const attrs = [b.origin(0), b.asPath([65001, 65002]), b.nextHop('192.0.2.1')]
const UPDATE = b.update({ attrs, nlri: [b.prefix('10.1.0.0/16')] })
const HOP6 = b.address('2001:db8::1')
const reach6 = b.mpReach(2, 1, HOP6, b.prefix('2001:db8:1::/48'))
const UPDATE6 = b.update({ attrs: [reach6, ...attrs.slice(0, 2)] })

const FILE = concat(
  mrt.peerIndexTable([
    { id: '192.0.2.1', address: '192.0.2.1', as: 65001 },
    { id: '192.0.2.2', address: '2001:db8::2', as: 65002 },
  ]),
  mrt.rib(2, 0, b.prefix('10.1.0.0/16'), [
    { peer: 0, attrs },
    { peer: 1, attrs },
  ]),
  mrt.bgp4mp(UPDATE),
  mrt.bgp4mpEt(UPDATE6, 250_000),
  mrt.stateChange(5, 6),
)

t.test('MRT as text: a line a record, attribute and prefix', async (t) => {
  const { status, out, err } = await decode(['-'], FILE)
  t.same([status, err], [0, ''])
  for (const text of [
    /^2026-01-02T03:04:05Z {2}TABLE_DUMP_V2\/PEER_INDEX_TABLE/m,
    /^ {2}peer 1 {2}2001:db8::2 {2}AS65002 {2}identifier 192\.0\.2\.2$/m,
    /RIB_IPV4_UNICAST.*10\.1\.0\.0\/16/,
    /from 192\.0\.2\.1 AS65001, since 2026-01-02T03:03:05Z/,
    /BGP4MP\/MESSAGE_AS4 {2}192\.0\.2\.1 AS65001 -> 192\.0\.2\.9 AS65000/,
    /^2026-01-02T03:04:05\.25\d*Z {2}BGP4MP_ET/m,
    /AS_PATH +65001 65002/,
    /2001:db8:1::\/48/,
    /OpenConfirm -> Established/,
  ]) {
    t.match(out, text)
  }
})

t.test('MRT as JSON: an object a record, one a line', async (t) => {
  const objects = objectsOf(await decode(['--json', '-'], FILE, 7))
  t.equal(objects.length, 5)
  t.match(objects[1], {
    prefix: '10.1.0.0/16',
    entries: [{ peer: { as: 65001 } }, { peer: { as: 65002 } }],
  })
  t.match(objects[2], {
    message: { type: 'UPDATE', asPath: '65001 65002', nlri: [{ prefix: '10.1.0.0/16' }] },
  })
  t.match(objects[4], { stateChange: { from: 'OpenConfirm', to: 'Established' } })
})

t.test('--summary: counts; --family: what has routes of it', async (t) => {
  const { out } = await decode(['--summary', '--json', '-'], FILE)
  t.match(JSON.parse(out), {
    messages: { UPDATE: 2 },
    announced: { 'ipv4-unicast': 1, 'ipv6-unicast': 1 },
    ribPrefixes: { 'ipv4-unicast': 1 },
    ribPaths: { 'ipv4-unicast': 2 },
    peers: 2,
    outcomes: { ok: 4 },
    problems: 0,
  })
  t.match((await decode(['--summary', '-'], FILE)).out, /Paths in tables:\n {2}ipv4-unicast {2}2\n/)
  const only = objectsOf(await decode(['--json', '--family', 'ipv6-unicast', '-'], FILE))
  t.same(
    only.map(({ message }) => message.attributes[0].value.nlri[0].prefix),
    ['2001:db8:1::/48'],
  )
  const wrong = await decode(['--family', 'ipv5', '-'], FILE)
  t.equal(wrong.status, 2)
  t.match(wrong.err, /--family ipv5: expected one of ipv4-unicast/)
})

t.test('routes of every family are printed', async (t) => {
  const messages = FAMILY_VECTORS.map(({ afi, safi, hops, routes }) =>
    b.update({
      attrs: [
        b.mpReach(afi, safi, hops[0]![0], ...routes.map(({ octets }) => octets)),
        ...attrs.slice(0, 2),
      ],
    }),
  )
  const { status, out } = await decode(['-'], concat(...messages))
  t.equal(status, 0)
  for (const { routes } of FAMILY_VECTORS) {
    for (const { prefix } of routes) t.ok(out.includes(prefix), prefix)
  }
  // RFC 8277 §2.2: 000641 is label 100 at the bottom of the stack
  t.match(out, /^ +203\.0\.113\.0\/24 {2}label 100 \(0x000641\)$/m)
})

t.test(
  'a message as hex: on the command line, in a file, with or without its header',
  async (t) => {
    const hex = toHex(UPDATE)
    const spaced = hex.replace(/../g, '$& ')
    const folder = mkdtempSync(join(tmpdir(), 'decode-'))
    const file = join(folder, 'update.hex')
    writeFileSync(file, `# from a log\n${spaced}\n`)
    for (const args of [[hex], [`0x${hex}`], spaced.trim().split(' '), [file], [hex.slice(38)]]) {
      const objects = objectsOf(await decode(['--json', ...args]))
      t.match(
        objects,
        [{ message: { type: 'UPDATE', nlri: [{ prefix: '10.1.0.0/16' }] } }],
        `${args[0]}`,
      )
    }
  },
)

t.test('a compressed file, and one that is not read', async (t) => {
  const { status, out } = await decode(['--summary', '--json', '-'], gzipSync(FILE))
  t.equal(status, 0)
  t.equal(JSON.parse(out).messages.UPDATE, 2)
  t.match(await decode(['-'], new Uint8Array(0)), { status: 1, err: /standard input is empty/ })
  t.match(await decode(['-'], new Uint8Array(40).fill(7)), {
    err: /expected MRT, pcap, BGP messages, or hex/,
  })
  t.match(await decode(['/nowhere/at-all']), { err: /there is no file "\/nowhere\/at-all"/ })
})

t.test(
  'bzip2 goes through the program of that name, which may complain or be missing',
  async (t) => {
    const folder = tempFolder(t)
    const { PATH } = process.env
    t.teardown(() => {
      Object.assign(process.env, { PATH: PATH })
    })
    Object.assign(process.env, { PATH: `${folder}:${PATH}` })
    const program = (script: string) =>
      writeFileSync(join(folder, 'bzip2'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const packed = concat(b.u8(0x42, 0x5a, 0x68), FILE)
    program('exec tail -c +4')
    t.match(await decode(['--summary', '-'], packed), { status: 0, out: /UPDATE {2}2\n/ })
    program('cat >/dev/null; echo "bzip2: it is broken;" >&2; echo "long advice" >&2; exit 2')
    t.match(await decode(['-'], packed), { status: 1, err: 'srv6d-cli: bzip2: it is broken\n' })
    Object.assign(process.env, { PATH: join(folder, 'nothing') })
    t.match(await decode(['-'], packed), {
      status: 1,
      err: /bzip2 data; expected the program bzip2, to decompress it: spawn bzip2 ENOENT/,
    })
  },
)

t.test(
  'what is malformed is printed with its verdict, what breaks off ends with status 1',
  async (t) => {
    const bad = b.update({
      attrs: [...attrs, b.attr(0xc0, 8, b.u8(1))],
      nlri: [b.prefix('10.1.0.0/16')],
    })
    const [object] = objectsOf(await decode(['--json', '-'], bad))
    t.match(object.message, {
      outcome: 'treat-as-withdraw',
      reasonAttribute: 'COMMUNITIES',
      verdict: { code: 3, subcode: 5 },
    })
    const cut = await decode(['--json', '-'], FILE.slice(0, -3))
    t.equal(cut.status, 1)
    t.match(cut.err, /offset \d+: the file ends after \d+ octets of a record of \d+/)
    t.equal(objectsOf(cut).length, 5, 'what came before, and the problem')
  },
)

t.test('the bar: how far, how fast, how long still; never wider than the terminal', async (t) => {
  t.equal(
    progressText(50e6, 100e6, 1000, 60),
    `[${'#'.repeat(10)}${' '.repeat(10)}]  50%  50.0 MB  50.0 MB/s  0:01 left`,
  )
  t.equal(progressText(50e6, null, 1000, 60), '50.0 MB  50.0 MB/s')
  t.match(progressText(1e6, 40e9, 1000, 80), / 0% {2}1\.0 MB {2}1\.0 MB\/s {2}11:06:39 left$/)
  for (const columns of [10, 20, 40, 60, 80, 200]) {
    for (const read of [0, 1, 5e8, 1e9]) {
      t.ok(progressText(read, 1e9, 700, columns).length < columns)
    }
  }
})

t.test('the bar: on a terminal, not at once, ten times a second, gone at the end', async (t) => {
  const drawn: string[] = []
  const write = (text: string) => drawn.push(text)
  let now = 0
  const run = (isTTY: boolean) => {
    drawn.length = 0
    now = 0
    const progress = new Progress({ write, isTTY, columns: 80 }, 1e6, () => now)
    for (; now <= 1000; now += 10) progress.update(now * 1000)
    progress.clear()
    return drawn.length
  }
  t.equal(run(false), 0, 'no terminal, no bar')
  t.equal(run(true), 9, 'from 300 ms to 1000 ms, and taken away')
  t.ok(drawn[0]?.startsWith('\r\x1b[K[#'))
  t.match(drawn[0], / {2}30% /)
  t.equal(drawn.at(-1), '\r\x1b[K')
})

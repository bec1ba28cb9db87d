/** The page a user of the library reads: its example runs, and no export is missing on it. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import * as b from '../support/builder.ts'
import { concat } from '../support/hex.ts'
import * as mrt from '../support/mrt.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { capturedMessages } from '../support/vectors.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const page = read('docs/update-parser.md')
const { CI } = process.env
const notBuilt =
  !CI && !existsSync(join(root, 'dist/wire/index.js')) && 'not built: run `npm run build` first'

/** Names of `export …` in a file of src/wire, those too that it hands on from others. */
function exportsOf(file: string): string[] {
  const text = read(`src/wire/${file}`)
  const declared = /^export (?:interface|type|class|const|function) (\w+)/gm
  const handedOn = /^export \{([^}]*)\}/gm
  const all = /^export \* from '\.\/([^']+)'/gm
  return [
    ...[...text.matchAll(declared)].map(([, name]) => name!),
    ...[...text.matchAll(handedOn)]
      .flatMap(([, names]) => names!.split(','))
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== ''),
    ...[...text.matchAll(all)].flatMap(([, from]) => exportsOf(from!)),
  ]
}

t.test('docs/update-parser.md has a row for every export, and no row for any other', async (t) => {
  const reference = page.slice(page.indexOf('## Reference'))
  const rows = reference
    .split('\n### ')
    .flatMap((section) => section.split('\n\n').filter((part) => /^\| export +\|/.test(part)))
    .flatMap((table) => table.trimEnd().split('\n').slice(2))
  const named = rows.flatMap((row) =>
    [...row.split(' | ')[0]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!),
  )
  const exported = [...new Set(exportsOf('index.ts'))]
  t.ok(exported.length > 100)
  t.strictSame(named.toSorted(), exported.toSorted())
})

/** The blocks of JavaScript of a document. */
function codeOf(text: string): string[] {
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!)
}

/** Runs a module in a folder that has the built package installed. */
function run(t: Test, code: string, files: Record<string, Uint8Array>, ...args: string[]): string {
  const folder = tempFolder(t)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/srv6d'))
  writeFileSync(join(folder, 'example.mjs'), code)
  for (const [name, octets] of Object.entries(files)) writeFileSync(join(folder, name), octets)
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--preserve-symlinks', 'example.mjs', ...args],
    { cwd: folder, encoding: 'utf8' },
  )
  t.equal(stderr, '')
  return stdout
}

const path = (...as: number[]) => [b.origin(0), b.asPath(as), b.nextHop('192.0.2.1')]

t.test('the example of docs/update-parser.md', { skip: notBuilt }, async (t) => {
  const [code] = codeOf(page)
  t.equal(code, read('examples/count-origins.mjs'), 'the file in examples/')
  const dump = concat(
    mrt.peerIndexTable([
      { id: '192.0.2.1', address: '192.0.2.1', as: 65001 },
      { id: '192.0.2.2', address: '2001:db8::2', as: 65002 },
    ]),
    mrt.rib(2, 0, b.prefix('10.0.0.0/8'), [
      { peer: 0, attrs: path(65001, 65010) },
      { peer: 1, attrs: path(65002, 65010) },
    ]),
    mrt.rib(2, 1, b.prefix('10.1.0.0/16'), [
      { peer: 0, attrs: path(65001, 65010) },
      { peer: 1, attrs: path(65002, 65020) },
    ]),
  )
  const counts = 'AS65010\t2\nAS65020\t1\n'
  t.equal(run(t, code!, { 'rib.mrt': dump }, 'rib.mrt'), counts, 'of a table dump')
  t.equal(run(t, code!, { 'rib.gz': gzipSync(dump) }, 'rib.gz'), counts, 'gzipped')
  const update = (asn4: boolean, as: number, ...prefixes: string[]) =>
    mrt.bgp4mp(
      b.update({
        attrs: [b.origin(0), b.asPath([as], asn4 ? 4 : 2), b.nextHop('192.0.2.1')],
        nlri: prefixes.map((each) => b.prefix(each)),
      }),
      { ...mrt.SESSION, asn4 },
    )
  const updates = concat(
    update(true, 4200000000, '10.0.0.0/8', '10.1.0.0/16'),
    update(false, 65010, '10.2.0.0/16'),
    mrt.stateChange(6, 1),
  )
  t.equal(
    run(t, code!, { 'updates.mrt': updates }, 'updates.mrt'),
    'AS4200000000\t2\nAS65010\t1\n',
    'of updates',
  )
})

t.test('the example of README.md', { skip: notBuilt }, async (t) => {
  const [code] = codeOf(read('README.md'))
  const vpn = capturedMessages().find(({ summary }) =>
    /reach vpnv4 .*172\.16\.2\.0\/30/.test(summary),
  )!
  const socket = `import { EventEmitter } from 'node:events'
const socket = new EventEmitter()
setImmediate(() => socket.emit('data', Buffer.from('${vpn.hex}', 'hex')))
`
  const [, rd] = /rd (\S+)\]/.exec(vpn.summary)!
  t.equal(run(t, socket + code!, {}), `{ rd: '${rd}', prefix: '172.16.2.0/30' }\n`)
})

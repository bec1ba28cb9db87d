import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { tempFolder } from './support/temp-folder.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const manifest = JSON.parse(read('package.json'))
const { types, default: library } = manifest.exports['./update']
const built = [...Object.values<string>(manifest.bin), types, library].map((file: string) =>
  join(root, file),
)
const { CI } = process.env
const notBuilt =
  !CI && !built.every((file) => existsSync(file)) && 'not built: run `npm run build` first'

function run(command: string, args: string[], options: { cwd?: string } = {}) {
  return spawnSync(command, args, { encoding: 'utf8', cwd: root, ...options })
}

const noAnalyze =
  run('systemd-analyze', ['--version']).error !== undefined && 'systemd-analyze is not installed'

t.test('systemd/srv6d.service passes systemd-analyze verify', { skip: noAnalyze }, async (t) => {
  const file = join(tempFolder(t), 'srv6d.service')
  // The unit names where a package puts the program; verify wants it to be there.
  writeFileSync(file, read('systemd/srv6d.service').replaceAll('/usr/bin/srv6d', process.execPath))
  const { status, stderr } = run('systemd-analyze', ['verify', '--man=no', file])
  t.strictSame({ status, stderr }, { status: 0, stderr: '' })
})

t.test('the unit and the configuration agree on the socket', async (t) => {
  const unit = read('systemd/srv6d.service')
  t.match(unit, /^RuntimeDirectory=srv6d$/m)
  t.match(read('conf/srv6d.yaml'), 'socket: /run/srv6d/srv6d.sock')
  t.match(unit, /^ExecStart=\/usr\/bin\/srv6d -c \/etc\/srv6d\/srv6d\.yaml$/m)
})

t.test('systemd/srv6d.sysctl.conf is well formed', async (t) => {
  const lines = read('systemd/srv6d.sysctl.conf').split('\n')
  for (const line of lines.filter((each) => each !== '' && !each.startsWith('#'))) {
    t.match(line, /^-?net\.[\w.]+ = \d$/)
  }
})

t.test('what the Dockerfile copies exists and is not ignored', async (t) => {
  const kept = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  const copies = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
    ([, files]) => files!.split(' '),
  )
  t.ok(copies.length > 5)
  for (const file of copies) {
    t.ok(existsSync(join(root, file)), file)
    t.ok(kept.includes(file), `${file} in .dockerignore`)
  }
})

t.test('the programs are executable and start', { skip: notBuilt }, async (t) => {
  for (const [name, file] of Object.entries<string>(manifest.bin)) {
    t.ok(statSync(join(root, file)).mode & 0o111, file)
    t.match(read(file).split('\n')[0], /^#!\/usr\/bin\/env node$/)
    const { status, stdout } = run(process.execPath, [join(root, file), '--version'])
    t.equal(status, 0, name)
    t.match(stdout, manifest.version)
  }
  const check = run(process.execPath, [
    join(root, manifest.bin.srv6d),
    '-c',
    'conf/srv6d.yaml',
    '--check',
  ])
  t.strictSame(
    { status: check.status, stdout: check.stdout, stderr: check.stderr },
    { status: 0, stdout: 'conf/srv6d.yaml: ok\n', stderr: '' },
  )
})

t.test('the built daemon refuses a wrong configuration', { skip: notBuilt }, async (t) => {
  const file = join(tempFolder(t), 'srv6d.yaml')
  writeFileSync(file, read('conf/minimal.yaml').replace('table: 10', 'table: 0'))
  const { status, stdout, stderr } = run(process.execPath, [
    join(root, manifest.bin.srv6d),
    '-c',
    file,
  ])
  t.strictSame([status, stdout], [1, ''])
  t.equal(
    stderr,
    [
      `${file}:13:12: vrfs.red.table: 0: expected a table number from 1 to 2147483647, not 253, 254 or 255`,
      '        table: 10'.replace('10', '0'),
      '               ^',
      '',
    ].join('\n'),
  )
})

t.test('the package holds what it names', { skip: notBuilt }, async (t) => {
  const { status, stdout, stderr } = run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])
  t.equal(status, 0, stderr)
  const [pack] = JSON.parse(stdout)
  const files = new Set(pack.files.map((each: { path: string }) => each.path))
  const named = [...Object.values<string>(manifest.bin), types, library].map((file: string) =>
    file.replace(/^\.\//, ''),
  )
  for (const file of [
    ...named,
    'package.json',
    'LICENSE',
    'conf/srv6d.yaml',
    'systemd/srv6d.service',
  ]) {
    t.ok(files.has(file), file)
  }
  for (const file of files) t.notMatch(file, /^(src|test|lab|bench|node_modules)\//)
})

t.test(
  'who installs the package gets what dist/ imports, and nothing else',
  { skip: notBuilt },
  async (t) => {
    const files = (folder: string) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.js'))
        .map((name) => `${folder}/${name}`)
    const imported = new Set<string>()
    for (const file of ['dist', 'dist/base', 'dist/wire'].flatMap(files)) {
      for (const [, name] of read(file).matchAll(
        /(?:^|;)(?:import|export)\b[^;'"]*\bfrom ?['"]([^'"]+)['"]/gm,
      )) {
        if (!name!.startsWith('.') && !isBuiltin(name!)) imported.add(name!)
      }
    }
    t.strictSame([...imported].toSorted(), Object.keys(manifest.dependencies).toSorted())
  },
)

t.test('the library imports by its name and parses', { skip: notBuilt }, async (t) => {
  const folder = tempFolder(t)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/srv6d'))
  writeFileSync(
    join(folder, 'use.mjs'),
    `import { Framer, NlriCursor, parseUpdate, UpdateView, Family, formatKey } from 'srv6d/update'
// UPDATE: ORIGIN igp, AS_PATH 65101, NEXT_HOP 172.16.1.2, NLRI 10.1.0.0/24
const hex = 'ffffffffffffffffffffffffffffffff' + '002f' + '02' + '0000' + '0014' +
  '40010100' + '400206' + '0201' + '0000fe4d' + '400304' + 'ac100102' + '180a0100'
const session = { asn4: true, ebgp: true, localAs: 65000, addPath: 0, families: 1 << Family.IPV4_UNICAST }
const view = new UpdateView()
const cursor = new NlriCursor()
const framer = new Framer({
  onMessage(type, buf, at, end) {
    const outcome = parseUpdate(view, buf, at, end, session)
    cursor.start(buf, view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST, false, false)
    while (cursor.next()) {
      console.log(type, outcome, formatKey(Family.IPV4_UNICAST, cursor.key, 0, cursor.prefixBits).prefix)
    }
  },
})
framer.push(Buffer.from(hex, 'hex'))
`,
  )
  const { stdout, stderr } = run(process.execPath, ['--preserve-symlinks', 'use.mjs'], {
    cwd: folder,
  })
  t.strictSame({ stdout, stderr }, { stdout: '2 0 10.1.0.0/24\n', stderr: '' })
})

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { everyKey } from '../src/daemon/config-keys.ts'
import { loadConfig } from '../src/daemon/config-load.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

const DOCUMENTS = [
  ...[
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'lab/README.md',
  ],
  ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`),
].filter((file) => file.endsWith('.md'))

/** Folders of the repository: a path in backticks that begins with one of them must exist. */
const FOLDERS = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['node_modules', 'dist', '.git'].includes(entry.name))
  .map((entry) => entry.name)

t.test('every path a document names exists', async (t) => {
  for (const document of DOCUMENTS) {
    const paths = [...read(document).matchAll(/`([\w.-]+(?:\/[\w.-]*)+)`|\]\(([^):#]+)[^)]*\)/g)]
      .map(([, quoted, linked]) => quoted ?? linked ?? '')
      .filter((path) => FOLDERS.includes(path.split('/')[0]!) || path.endsWith('.md'))
    const here = (path: string) => [join(root, path), join(root, document, '..', path)]
    const missing = paths.filter((path) => !here(path).some((file) => existsSync(file)))
    t.strictSame(missing, [], `${document}: ${paths.length} paths`)
  }
})

t.test('every file in conf/ loads', async (t) => {
  for (const file of readdirSync(join(root, 'conf'))) t.ok(loadConfig(join(root, 'conf', file)))
})

t.test('docs/configuration.md has a row for every key, and no row for any other', async (t) => {
  const rows = [...read('docs/configuration.md').matchAll(/^\| `([a-z][^`]*)` \|/gm)].map(
    ([, key]) => key!,
  )
  const leaves = everyKey()
    // The neighbours of a VRF are described by one row that refers to the others.
    .filter((key) => !key.startsWith('vrfs.*.neighbors.'))
    // A section that only holds others has its heading.
    .filter((key, _at, all) => key.includes('.') || !all.some((k) => k.startsWith(`${key}.`)))
    .map(documented)
  t.strictSame(rows.toSorted(), leaves.toSorted())
})

t.test('conf/srv6d.yaml has every key', async (t) => {
  const there = new Set<string>()
  collect(parse(read('conf/srv6d.yaml')), '', there)
  t.strictSame(
    everyKey().filter((key) => !there.has(key)),
    [],
  )
})

/** `vrfs.*.static-routes.*.via` -> `vrfs.NAME.static-routes[].via` */
function documented(key: string): string {
  return key
    .replace(/^(listen|neighbors)\.\*/, '$1[]')
    .replace(/^(locators|vrfs|speakers)\.\*/, '$1.NAME')
    .replace(/(static-routes|networks)\.\*/, '$1[]')
}

/** The keys of a value as `everyKey` writes them. */
function collect(value: unknown, path: string, found: Set<string>): void {
  if (value === null || typeof value !== 'object') return
  const named = ['vrfs', 'locators', 'speakers'].includes(path) || Array.isArray(value)
  for (const [key, each] of Object.entries(value)) {
    const here = path === '' ? key : `${path}.${named ? '*' : key}`
    found.add(here)
    collect(each, here, found)
  }
}

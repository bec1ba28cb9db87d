import { readFileSync } from 'node:fs'
import t from 'tap'
import { RFC_NOTES, withTables } from '../../scripts/rfc-notes.ts'

t.test('docs/rfc-notes.md has the tables of the registry', async (t) => {
  const text = readFileSync(RFC_NOTES, 'utf8')
  t.equal(text, withTables(text), 'else run node --import tsx scripts/rfc-notes.ts')
})

t.test('a text without one of the tables is noticed', async (t) => {
  t.throws(() => withTables('# nothing'), /no table families/)
})

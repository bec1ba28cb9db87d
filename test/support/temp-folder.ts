import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A folder with a path short enough for a Unix socket (107 octets), gone when the test ends. */
export function tempFolder(t: Pick<Test, 'teardown'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'srv6d-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

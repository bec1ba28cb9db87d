/**
 * The library as users get it: src/wire compiled by `npm run build`'s settings into dist/bench, and
 * loaded from there. tsx, which runs the benches, would change what is measured.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export type WireLibrary = typeof import('../src/wire/index.ts')

const root = join(import.meta.dirname, '..')

/** Compiles and imports `srv6d/update`. */
export async function wireLibrary(): Promise<WireLibrary> {
  const out = join(root, 'dist/bench')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', out]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the library does not compile:\n${stdout}`)
  return import(pathToFileURL(join(out, 'wire/index.js')).href)
}

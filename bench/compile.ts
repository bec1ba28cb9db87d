/** Compiles the programs that measure, with what they measure, as `npm run build` does. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** The file that bench/NAME.ts became. What is measured runs without a loader. */
export function compiled(name: string): string {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', join(root, 'bench/tsconfig.json')]
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) {
    const how = signal ?? `status ${status}`
    throw new Error(`bench/${name}.ts does not compile (tsc: ${how}):\n${stdout}${stderr}`)
  }
  return join(root, `dist/bench/bench/${name}.js`)
}

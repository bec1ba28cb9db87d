/**
 * `npm run demo [-- NAME] [--keep]` on the host: finds where the lab can run, and runs that demo
 * there.
 */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { cacheDirectory, commandLine, findPlace, stopChild } from './lib/host.ts'

const DEMOS = ['network', 'provider-edge', 'customer-edge']
const args = process.argv.slice(2)
const names = args.filter((a) => a !== '--keep')
const name = names[0] ?? 'network'
if (names.length > 1 || !DEMOS.includes(name)) {
  process.stderr.write(
    `demo: ${names.join(' ')}: expected one of ${DEMOS.join(', ')}, and --keep\n`,
  )
  process.exit(2)
}
const keep = args.includes('--keep')
const place = findPlace()
process.stdout.write(`${place.why}\n`)
mkdirSync(cacheDirectory(), { recursive: true })
const control = `${cacheDirectory()}/demo.sock`
const interactive = keep && process.stdin.isTTY && process.stdout.isTTY
const argv = commandLine({
  place,
  name: `demo-${name}`,
  args: keep ? ['--keep'] : [],
  seconds: keep ? 0 : 600,
  ...(interactive && { interactive }),
  ...(keep && { control }),
})
const child = spawn(argv[0]!, argv.slice(1), {
  stdio: [interactive ? 'inherit' : 'ignore', 'inherit', 'inherit'],
  env: {
    ...process.env,
    SRV6D_LAB_SANDBOX: '1',
    SRV6D_LAB_CONTROL: control,
    SRV6D_LAB_TERMINAL: process.stdout.isTTY ? '1' : '',
  },
})
child.on('error', (e) => {
  process.stderr.write(`demo: ${argv[0]}: ${e.message}\n`)
  process.exit(1)
})
// Ctrl-C goes to the whole group: the lab ends by itself and this waits for it
process.on('SIGINT', () => {})
for (const s of ['SIGTERM', 'SIGHUP'] as const) process.on(s, () => stopChild(child, place))
child.on('close', (code) => {
  process.exitCode = code ?? 1
})

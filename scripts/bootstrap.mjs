/**
 * `npm run demo` and `npm test` from a fresh clone: installs what is missing, builds, runs.
 * No dependencies: node_modules may not be there yet.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { installMissing } from './packages.mjs'
import { sumCounts, tapCounts, tapFailures } from './tap-count.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const bin = (name) => `${ROOT}node_modules/.bin/${name}`
const say = (text) => process.stdout.write(`${text}\n`)

function fail(text) {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}

/** Runs a command with its output here; gives its exit status. */
function run(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  })
  const pass = (signal) => child.kill(signal)
  process.on('SIGTERM', pass).on('SIGINT', pass)
  return new Promise((resolve) => {
    child.on('error', (e) => {
      process.stderr.write(`${command}: ${e.message}\n`)
      resolve(127)
    })
    child.on('close', (code) => {
      process.off('SIGTERM', pass).off('SIGINT', pass)
      resolve(code ?? 1)
    })
  })
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`srv6d needs Node 20.19 or newer; this is ${process.versions.node}`)
  }
}

/** Whether node_modules holds what package-lock.json asks for. */
function installed() {
  const hidden = `${ROOT}node_modules/.package-lock.json`
  if (!existsSync(hidden) || !existsSync(`${ROOT}.tap/plugins`)) return false
  const wanted = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')).packages
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages
  return Object.entries(wanted).every(([path, { version, optional, peer, link }]) => {
    if (path === '' || link) return true
    if (present[path]) return present[path].version === version
    return optional || peer
  })
}

async function install() {
  if (installed()) return
  say('npm ci: node_modules is missing or older than package-lock.json')
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  if ((await run('npm', ['ci', ...quiet])) !== 0) fail('npm ci failed')
}

async function build() {
  for (const script of ['scripts/build.mjs', 'lab/build.mjs']) {
    if ((await run(process.execPath, [script])) !== 0) fail(`${script} failed`)
  }
}

async function demo(args) {
  await build()
  const problem = installMissing(args.some((a) => a.endsWith('-edge')) ? 'edge-demo' : 'demo')
  if (problem) fail(problem)
  process.argv.splice(1, Infinity, `${ROOT}dist/lab/demo.mjs`, ...args)
  await import('../dist/lab/demo.mjs')
}

/** A stage that is one test point: it exits with status 0 or it failed. */
async function point(name, command, args) {
  const ok = (await run(command, args)) === 0
  say(`${ok ? 'ok' : 'not ok'} - ${name}`)
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

/** A stage run by tap; counted from the TAP it writes. */
async function tap(name, args) {
  mkdirSync(`${ROOT}.tap`, { recursive: true })
  const file = `${ROOT}.tap/${name}.tap`
  rmSync(file, { force: true })
  say(`\n# ${name}`)
  const status = await run(bin('tap'), [
    'run',
    '--reporter=terse',
    `--output-file=${file}`,
    ...args,
  ])
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const counts = tapCounts(text)
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  return { ...counts, failures: tapFailures(text) }
}

const testFiles = (folder) => {
  const files = existsSync(`${ROOT}${folder}`) ? readdirSync(`${ROOT}${folder}`) : []
  return files.filter((f) => f.endsWith('.test.ts')).map((f) => `${folder}/${f}`)
}

async function test() {
  const problem = installMissing('test')
  if (problem) say(process.env.CI ? problem : `${problem}\nWhat needs them is skipped.`)
  await build()
  const results = [
    await point('tsc', bin('tsc'), ['-p', 'tsconfig.json']),
    await point('biome', bin('biome'), ['check', '.']),
    await tap('unit', []),
    // a virtual machine has one processor: two at a time
    await tap('system-and-interop', [
      '--jobs=2',
      '--timeout=1100',
      ...testFiles('test/interop'),
      ...testFiles('test/system'),
    ]),
  ]
  const { passed, failed, skipped } = sumCounts(results)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
  for (const { failures } of results) for (const each of failures ?? []) say(`failed: ${each}`)
  say(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
}

checkNode()
const [command, ...args] = process.argv.slice(2)
if (command === 'demo') {
  await install()
  await demo(args)
} else if (command === 'test') {
  await install()
  await test()
} else {
  fail('usage: node scripts/bootstrap.mjs demo|test')
}

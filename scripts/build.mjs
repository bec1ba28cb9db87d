// `npm run build`: dist/srv6d.js with its thread fib-worker.js, and dist/srv6d-cli.js, each one file
// beside the native part of koffi, and the library dist/wire/ with its types. What a bundle holds is a
// devDependency: whoever installs the package does not need it.
// One file, because on a small machine start-up is the reading of many files.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

// Bundled CommonJS asks for Node's own modules with `require`.
const BANNER = `#!/usr/bin/env node
import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`

// Parts of fastify that srv6d never calls (it checks shapes with zod): they would be a third of what
// Node has to read at start-up.
const LEFT_OUT =
  /^(@fastify\/ajv-compiler|@fastify\/fast-json-stringify-compiler|light-my-request)$/

const leaveOut = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: LEFT_OUT }, ({ path }) => ({ path, namespace: 'left-out' }))
    onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => ({
      contents: `module.exports = () => { throw new Error('${path} is left out of the bundle') }`,
    }))
  },
}

async function bundle(entry, out) {
  const file = join(root, 'dist', out)
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: file,
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    external: ['koffi'],
    banner: { js: BANNER },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    legalComments: 'none',
    // Names stay, for the stack of a crash.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [leaveOut],
    logLevel: 'warning',
  })
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, outputFiles[0].contents)
  chmodSync(file, 0o755)
  console.log(`${out}: ${Math.round(outputFiles[0].contents.length / 1024)} KiB`)
}

/** The library: plain modules and declarations, so that others can bundle and debug it. */
function compileLibrary() {
  rmSync(join(root, 'dist/wire'), { recursive: true, force: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(
    process.execPath,
    [tsc, '-p', 'tsconfig.build.json', '--inlineSources'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  )
  if (status !== 0) process.exit(status ?? 1)
  console.log('wire/: library with declarations')
}

await Promise.all([
  bundle('src/daemon/main.ts', 'srv6d.js'),
  bundle('src/cli/main.ts', 'srv6d-cli.js'),
  // a thread is started from a file: src/fib/fib-thread.ts looks for it beside its own
  bundle('src/fib/fib-worker.ts', 'fib-worker.js'),
])
compileLibrary()

for (const file of [
  ...Object.values(manifest.bin),
  ...Object.values(manifest.exports['./update']),
]) {
  if (!existsSync(join(root, file))) throw new Error(`package.json names ${file}, not built`)
}

// `npm ci` in a checkout: build tap's plugin set once (HOUSE: the first `tap run` fails without it).
// A production install (`--omit=dev`) has no tap and nothing to prepare.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

if (existsSync('node_modules/.bin/tap')) {
  const { status } = spawnSync('node_modules/.bin/tap', ['build'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  process.exitCode = status ?? 1
}

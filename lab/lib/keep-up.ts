/** Leaves a demo's network up: a shell where there is a terminal, else until a signal comes. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { serveControl } from './control.ts'
import { bold, out } from './demo-output.ts'
import { LOGS } from './sandbox.ts'

const { SRV6D_LAB_CONTROL, PATH } = process.env

/** `names`: the namespaces, each a command; `tries`: what to try from another terminal. */
export async function keepUp(names: readonly string[], tries: readonly string[]): Promise<void> {
  const bin = `${LOGS}/bin`
  mkdirSync(bin, { recursive: true })
  const write = (name: string, script: string) => {
    writeFileSync(`${bin}/${name}`, `#!/bin/sh\n${script}\n`)
    chmodSync(`${bin}/${name}`, 0o755)
  }
  const cli = fileURLToPath(new URL('../srv6d-cli.js', import.meta.url))
  write('srv6d-cli', `exec '${process.execPath}' '${cli}' "$@"`)
  for (const n of names) {
    const enter = `SRV6D_SOCKET=/run/srv6d/${n}.sock exec nsenter --net=/run/netns/${n}`
    write(n, `[ $# -gt 0 ] || set -- \${SHELL:-/bin/sh}\n${enter} -- "$@"`)
  }
  const environment = { PATH: `${bin}:${PATH}` }
  serveControl(SRV6D_LAB_CONTROL ?? '/run/lab/demo.sock', environment)
  out(`\n${bold('The lab stays up.')} Configurations: ${LOGS}/*.yaml. From another terminal:\n`)
  for (const line of tries) out(`    lab/enter ${line}`)
  if (!process.stdin.isTTY) {
    out('\nTo tear it down, end this program (Ctrl-C, or a SIGTERM).')
    return new Promise(() => setInterval(() => {}, 1 << 30))
  }
  const [first, second] = tries
  out(`\nOr here, where the names are commands: \`${first}\`, \`${second}\`,`)
  out(`\`${names[0]}\` alone for a shell on it. \`exit\` tears everything down.\n`)
  process.removeAllListeners('SIGINT') // Ctrl-C is the shell's now
  process.on('SIGINT', () => {})
  const shell = spawn('/bin/bash', ['--norc', '-i'], {
    stdio: 'inherit',
    env: { ...process.env, ...environment, PS1: 'srv6d-lab$ ' },
  })
  await new Promise((resolve) => shell.on('close', resolve))
}

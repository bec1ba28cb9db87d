/** What the demos print: progress, a table of who reached whom, what a command of srv6d-cli says. */
import { must } from './run.ts'
import type { Srv6dPe } from './srv6d.ts'

const started = performance.now()
const { SRV6D_LAB_TERMINAL, NO_COLOR } = process.env
const terminal = SRV6D_LAB_TERMINAL === '1'
const colour = terminal && !NO_COLOR

export const paint = (code: number, text: string): string =>
  colour ? `\x1b[${code}m${text}\x1b[0m` : text
export const bold = (text: string): string => paint(1, text)
export const out = (text: string): void => void process.stdout.write(`${text}\n`)
export const secondsSoFar = (): string => ((performance.now() - started) / 1000).toFixed(0)

/** One line of progress: what, and how long it took; on a terminal also while it lasts. */
export async function step<T>(what: string, body: () => Promise<T>): Promise<T> {
  const from = performance.now()
  if (terminal) process.stdout.write(`  ${paint(2, '....')}  ${what}\r`)
  const result = await body()
  const seconds = ((performance.now() - from) / 1000).toFixed(1)
  out(`  ${paint(32, 'done')}  ${what} ${paint(2, `(${seconds} s)`)}`)
  return result
}

/** A row of the closing table. */
export interface Outcome {
  from: string
  to: string
  what: string
  wanted: string
  result: string
  ok: boolean
}

export function printTable(rows: readonly Outcome[]): void {
  const columns = rows.map((r) => [
    r.from,
    r.to,
    r.what,
    r.wanted,
    r.result,
    r.ok ? paint(32, 'ok') : paint(31, 'FAILED'),
  ])
  const head = ['from', 'to', 'which is', '', 'result', '']
  const width = head.map((h, i) => Math.max(h.length, ...columns.map((c) => c[i]!.length)))
  for (const c of [head, ...columns]) {
    out(`  ${c.map((text, i) => (i === 5 ? text : text.padEnd(width[i]!))).join('  ')}`)
  }
}

/** The table and the last line; gives the exit status. */
export function conclude(rows: readonly Outcome[], unit: string): number {
  out(`\n${bold('What was proven')}`)
  printTable(rows)
  const wrong = rows.filter((r) => !r.ok).length
  const sum = wrong === 0 ? 'All' : `${wrong} NOT`
  out(`\n${sum} as they must be: ${rows.length} ${unit}, ${secondsSoFar()} s.`)
  return wrong === 0 ? 0 : 1
}

export async function showCli(pe: Srv6dPe, name: string, ...args: string[]): Promise<void> {
  const r = await pe.cli(...args)
  out(`\n${bold(`${name}$ srv6d-cli ${args.join(' ')}`)}`)
  out((r.stdout + r.stderr).trimEnd())
}

export async function showIp(namespace: string, line: string): Promise<void> {
  out(`\n${bold(`${namespace}$ ip ${line}`)}`)
  out((await must(['ip', '-n', namespace, ...line.split(' ')])).trimEnd())
}

/** The demo, inside its sandbox: two customers with the same addresses over one SRv6 core. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { serveControl } from './lib/control.ts'
import {
  buildNetwork,
  CUSTOMERS,
  type Customer,
  ceOf,
  locatorOf,
  loopback,
  OWN_HOST,
  otherSide,
  type Side,
  site,
} from './lib/network.ts'
import { tail } from './lib/pe.ts'
import { echoRequests, ping } from './lib/ping.ts'
import { must } from './lib/run.ts'
import { inSandbox, LOGS } from './lib/sandbox.ts'
import { Srv6dPe } from './lib/srv6d.ts'
import { awaitRemoteRoutes } from './lib/vpn-checks.ts'
import { waitUntil } from './lib/wait-until.ts'

const DRAWING = `
  customer red   ce1 --\\                                              /-- ce3   customer red
  10.1.0.0/24           \\                                            /          10.2.0.0/24
  2001:db8:1::/64        pe1 srv6d -------- p -------- pe2 srv6d ---<           2001:db8:2::/64
                        /  fcbb:bb00:1::/48       fcbb:bb00:2::/48   \\
  customer blue  ce2 --/               IPv6 only                      \\-- ce4   customer blue
  the same prefixes                                                             the same prefixes
`
const FAMILIES = [4, 6] as const
const started = performance.now()
const { SRV6D_LAB_TERMINAL, SRV6D_LAB_CONTROL, NO_COLOR, PATH } = process.env
const colour = SRV6D_LAB_TERMINAL === '1' && !NO_COLOR
const paint = (code: number, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
const out = (text: string) => process.stdout.write(`${text}\n`)

/** One line of progress: what, and how long it took. */
async function step<T>(what: string, body: () => Promise<T>): Promise<T> {
  const from = performance.now()
  const result = await body()
  const seconds = ((performance.now() - from) / 1000).toFixed(1)
  out(`  ${paint(32, 'done')}  ${what} ${paint(2, `(${seconds} s)`)}`)
  return result
}

interface Row {
  from: string
  to: string
  what: string
  wanted: boolean
  reached: boolean
  /** Whether a request was seen where it must not be; undefined where nobody watched. */
  leaked?: boolean
}

const ok = (r: Row) => r.reached === r.wanted && !r.leaked

/** Pings that must arrive: both directions, both families, both customers. */
async function reachRows(): Promise<Row[]> {
  const rows: Promise<Row>[] = []
  for (const customer of CUSTOMERS) {
    for (const side of [1, 2] as Side[]) {
      for (const family of FAMILIES) {
        const [near, far] = [site(side, family), site(otherSide(side), family)]
        const from = ceOf(customer, side)
        const target = ceOf(customer, otherSide(side))
        rows.push(reach(from, near.ce, far.ce, `${customer}'s other site, ${target}`))
        rows.push(reach(from, near.behind, far.behind, `a static route behind ${target}`))
      }
    }
  }
  return Promise.all(rows)
}

async function reach(from: string, source: string, to: string, what: string): Promise<Row> {
  let reached = false
  await waitUntil(to, 10, async () => {
    reached = (await ping(from, to, source)).reached
    return reached ? undefined : 'no answer'
  }).catch(() => {})
  return { from, to, what, wanted: true, reached }
}

/** Pings that must not arrive: the other customer's own host, and the core. */
async function hiddenRows(): Promise<Row[]> {
  const rows: Row[] = []
  for (const [customer, other] of [
    ['red', 'blue'],
    ['blue', 'red'],
  ] as [Customer, Customer][]) {
    for (const family of FAMILIES) {
      const to = site(2, family).host(OWN_HOST[other])
      const before = await echoRequests(ceOf(other, 2))
      const p = await ping(ceOf(customer, 1), to, site(1, family).ce, 2, 1)
      const leaked = (await echoRequests(ceOf(other, 2))) > before
      const what = `${other}'s host on ${ceOf(other, 2)}`
      rows.push({ from: ceOf(customer, 1), to, what, wanted: false, reached: p.reached, leaked })
    }
  }
  const core = [
    [loopback(2), 'pe2 itself'],
    [locatorOf(2).replace('::/48', ':1::'), "a SID of pe2's locator"],
  ] as const
  for (const [to, what] of core) {
    const p = await ping('ce1', to, site(1, 6).ce, 1, 1)
    rows.push({ from: 'ce1', to, what, wanted: false, reached: p.reached })
  }
  return rows
}

function resultOf(r: Row): string {
  if (r.leaked) return 'the packet came there'
  if (r.reached) return 'reached'
  return r.leaked === false ? 'never came there' : 'no answer'
}

function printTable(rows: Row[]): void {
  const columns = rows.map((r) => [
    r.from,
    r.to,
    r.what,
    r.wanted ? 'must reach' : 'must not reach',
    resultOf(r),
    ok(r) ? paint(32, 'ok') : paint(31, 'FAILED'),
  ])
  const head = ['from', 'to', 'which is', '', 'result', '']
  const width = head.map((h, i) => Math.max(h.length, ...columns.map((c) => c[i]!.length)))
  for (const c of [head, ...columns]) {
    out(`  ${c.map((text, i) => (i === 5 ? text : text.padEnd(width[i]!))).join('  ')}`)
  }
}

async function show(pe1: Srv6dPe): Promise<void> {
  for (const args of [
    ['show', 'routes'],
    ['show', 'sids'],
  ]) {
    const r = await pe1.cli(...args)
    out(`\n${paint(1, `pe1$ srv6d-cli ${args.join(' ')}`)}`)
    out((r.stdout + r.stderr).trimEnd())
  }
  const route = ['ip', '-n', 'pe1', 'route', 'show', 'table', '10', site(2, 4).prefix]
  out(`\n${paint(1, `pe1$ ip route show table 10 ${site(2, 4).prefix}`)}`)
  const text = (await must(route)).trimEnd()
  out(text)
  const id = /nhid (\d+)/.exec(text)?.[1]
  if (id === undefined) return
  out(`\n${paint(1, `pe1$ ip nexthop show id ${id}`)}`)
  out((await must(['ip', '-n', 'pe1', 'nexthop', 'show', 'id', id])).trimEnd())
}

/** Leaves the lab up: a shell where there is a terminal, else until a signal comes. */
async function keepUp(): Promise<void> {
  const bin = `${LOGS}/bin`
  mkdirSync(bin, { recursive: true })
  const write = (name: string, script: string) => {
    writeFileSync(`${bin}/${name}`, `#!/bin/sh\n${script}\n`)
    chmodSync(`${bin}/${name}`, 0o755)
  }
  const cli = fileURLToPath(new URL('../srv6d-cli.js', import.meta.url))
  write('srv6d-cli', `exec '${process.execPath}' '${cli}' "$@"`)
  for (const n of ['ce1', 'ce2', 'pe1', 'p', 'pe2', 'ce3', 'ce4']) {
    const enter = `SRV6D_SOCKET=/run/srv6d/${n}.sock exec nsenter --net=/run/netns/${n}`
    write(n, `[ $# -gt 0 ] || set -- \${SHELL:-/bin/sh}\n${enter} -- "$@"`)
  }
  const environment = { PATH: `${bin}:${PATH}` }
  serveControl(SRV6D_LAB_CONTROL ?? '/run/lab/demo.sock', environment)
  const interactive = process.stdin.isTTY
  out(`\n${paint(1, 'The lab stays up.')} Its configuration: ${LOGS}/pe1.yaml. From another terminal:

    lab/enter ce1 ping -c 3 10.2.0.1
    lab/enter pe1 ip route show table 10
    lab/enter pe1 srv6d-cli show routes vrf red
`)
  if (!interactive) {
    out('To tear it down, end this program (Ctrl-C, or a SIGTERM).')
    return new Promise(() => setInterval(() => {}, 1 << 30))
  }
  out('Or here, where the names are commands: `pe1 srv6d-cli show routes`, `ce1 ping 10.2.0.1`,')
  out('`pe2` alone for a shell on it. `exit` tears everything down.\n')
  process.removeAllListeners('SIGINT') // Ctrl-C is the shell's now
  process.on('SIGINT', () => {})
  const shell = spawn('/bin/bash', ['--norc', '-i'], {
    stdio: 'inherit',
    env: { ...process.env, ...environment, PS1: 'srv6d-lab$ ' },
  })
  await new Promise((resolve) => shell.on('close', resolve))
}

await inSandbox(async () => {
  const keep = process.argv.includes('--keep')
  out(paint(1, '\nTwo customers with the same addresses, one SRv6 core'))
  out(DRAWING)
  const base = { as: 65000, peerAs: 65000, usid: false }
  const pe1 = new Srv6dPe({ ...base, side: 1, sid: 'per-vrf', onStop: 'remove' })
  const pe2 = new Srv6dPe({ ...base, side: 2, sid: 'per-family', onStop: 'remove' })
  try {
    await step('seven namespaces, their links and addresses', () =>
      buildNetwork({ vrfDevicesOn: [] }),
    )
    await step('srv6d started on pe1 and pe2', () => Promise.all([pe1.start(), pe2.start()]))
    await step('BGP session over the IPv6 core', () =>
      waitUntil('the session', 60, () => pe1.session()),
    )
    await step("each kernel holds the other site's routes, red and blue", () =>
      Promise.all([awaitRemoteRoutes(1, 60), awaitRemoteRoutes(2, 60)]),
    )
    const rows = await step('pings that must arrive', reachRows)
    rows.push(...(await step('pings that must not', hiddenRows)))
    await show(pe1)
    out(`\n${paint(1, 'What was proven')}`)
    printTable(rows)
    const wrong = rows.filter((r) => !ok(r)).length
    const seconds = ((performance.now() - started) / 1000).toFixed(0)
    out(
      `\n${wrong === 0 ? 'All' : `${wrong} NOT`} as they must be: ${rows.length} pings, ${seconds} s.`,
    )
    if (keep) await keepUp()
    return wrong === 0 ? 0 : 1
  } catch (e) {
    out(`\nThe demo failed: ${(e as Error).message}`)
    for (const pe of [pe1, pe2]) {
      for (const [log, text] of pe.logs()) out(`\n--- ${log}\n${tail(text, 25)}`)
    }
    if (existsSync(`${LOGS}/pe1.yaml`)) out(`(configuration: ${LOGS}/pe1.yaml)`)
    return 1
  }
})

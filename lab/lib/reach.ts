/** Who reaches whom: rows of what is wanted, tried by ping and by a TCP transfer. */
import type { Outcome } from './demo-output.ts'
import { echoRequests, ping } from './ping.ts'
import { whoAnswers } from './tcp.ts'
import { waitUntil } from './wait-until.ts'

export interface Wanted {
  from: string
  to: string
  /** What the target is, in words. */
  what: string
  /** Who must answer: a namespace; null: nobody. */
  answers: string | null
  /** Where no echo request may come. */
  neverAt?: string
}

export interface Reached extends Wanted {
  ok: boolean
  /** In a few words. */
  result: string
}

/** As the demos print it. */
export const outcomeOf = (r: Reached): Outcome => ({
  ...{ from: r.from, to: r.to, what: r.what, result: r.result, ok: r.ok },
  wanted: r.answers === null ? 'must not reach' : `${r.answers} must answer`,
})

/** Tries until it is as wanted, or `seconds` are over. */
export async function mustReach(row: Wanted, seconds = 10): Promise<Reached> {
  let result = ''
  const ok = await waitUntil(row.what, seconds, async () => {
    const { reached } = await ping(row.from, row.to)
    const name = reached ? await whoAnswers(row.from, row.to, seconds) : ''
    result = reached ? (name === '' ? 'ping, but no TCP' : name) : 'no answer'
    return name === row.answers ? undefined : result
  }).then(
    () => true,
    () => false,
  )
  return { ...row, ok, result }
}

/** Tries once, both ways of trying; nothing may come back and nothing may come there. */
export async function mustNotReach(row: Wanted): Promise<Reached> {
  const before = row.neverAt ? await echoRequests(row.neverAt) : 0
  const [{ reached }, name] = await Promise.all([
    ping(row.from, row.to, undefined, 2, 1),
    whoAnswers(row.from, row.to, 1),
  ])
  const came = row.neverAt ? (await echoRequests(row.neverAt)) > before : false
  if (reached || name !== '') return { ...row, ok: false, result: `reached ${name}`.trim() }
  if (came) return { ...row, ok: false, result: `the packet came to ${row.neverAt}` }
  return { ...row, ok: true, result: row.neverAt ? 'never came there' : 'no answer' }
}

/** Rows at a time: in the virtual machine each costs seconds. */
const AT_ONCE = 8

/** Those that must answer first; then the others, while nobody else pings. */
export async function tryAll(rows: readonly Wanted[], seconds = 10): Promise<Reached[]> {
  const wanted = rows.filter((r) => r.answers !== null)
  const hidden = rows.filter((r) => r.answers === null)
  const reached: Reached[] = []
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const some = wanted.slice(at, at + AT_ONCE)
    reached.push(...(await Promise.all(some.map((row) => mustReach(row, seconds)))))
  }
  const targets = new Map<string, Promise<Reached>>()
  // echo requests are counted a namespace: one row a target at a time
  const kept = hidden.map((row) => {
    const key = row.neverAt ?? row.to
    const next = (targets.get(key) ?? Promise.resolve(row)).then(() => mustNotReach(row))
    targets.set(key, next)
    return next
  })
  return [...reached, ...(await Promise.all(kept))]
}

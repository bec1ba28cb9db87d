/**
 * All a view says, as numbers that do not depend on where the message lay: positions count from
 * the start of the message. Fields are found by their names, so that a new one is compared too.
 */
import type { EvpnRoute } from '../../src/wire/evpn.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { Family } from '../../src/wire/registry.ts'
import type { UpdateView } from '../../src/wire/update-view.ts'
import { UpdateView as View } from '../../src/wire/update-view.ts'

type Field = keyof UpdateView

const isPosition = (name: string) => name === 'at' || /(At|End|^end)$/.test(name)
const fields = Object.entries(new View())
const SCALARS = fields.filter(([, v]) => typeof v === 'number' || typeof v === 'boolean')
const NUMBERS = SCALARS.map(([name]) => name as Field)
  .filter((name) => !isPosition(name))
  .sort()
const POSITIONS = SCALARS.map(([name]) => name as Field)
  .filter(isPosition)
  .sort()
/** One value an attribute, the first attrCount of them good. */
const COLUMNS = fields
  .filter(([name, v]) => ArrayBuffer.isView(v) && name.startsWith('attr'))
  .map(([name]) => name as Field)
  .sort()

/** The view as a list; `names` gets the name of each value, for a message about two that differ. */
export function digestOf(view: UpdateView, names?: string[]): number[] {
  const out: number[] = []
  const put = (name: string, value: number) => {
    out.push(value)
    names?.push(name)
  }
  for (const name of NUMBERS) put(name, Number(view[name]))
  // positions begin at 1 here: 0 is a field that was not set
  for (const name of POSITIONS) put(name, relative(Number(view[name]), view.at))
  for (const name of COLUMNS) {
    const column = view[name] as unknown as Uint8Array
    for (let row = 0; row < view.attrCount; row++) {
      put(`${name}[${row}]`, isPosition(name) ? relative(column[row]!, view.at) : column[row]!)
    }
  }
  for (let row = 0; row < view.attrCount; row++) {
    put(`attrType(${row})`, view.attrType(row))
    put(`attrFlags(${row})`, view.attrFlags(row))
    put(`attrValueAt(${row})`, relative(view.attrValueAt(row), view.at))
    put(`attrEnd(${row})`, relative(view.attrEnd(row), view.at))
    put(`indexOf(${view.attrType(row)})`, view.indexOf(view.attrType(row)))
  }
  return out
}

function relative(position: number, at: number): number {
  return position === 0 ? -1 : position - at
}

/** What one NLRI of a view is, as octets of the message and as the cursor reads it. */
export type Visitor = (
  cursor: NlriCursor,
  family: Family,
  withdraw: boolean,
  octets: number,
) => void

const cursor = new NlriCursor()

/**
 * Every NLRI of a view in the order withdrawn, MP_UNREACH, classic, MP_REACH. Gives what is wrong
 * with the walk, null when nothing: a cursor takes at least an octet a step and ends where its
 * range ends.
 */
export function walk(view: UpdateView, visit: Visitor): string | null {
  const v4 = Family.IPV4_UNICAST
  return (
    walkRange(view, view.withdrawnAt, view.withdrawnEnd, v4, true, visit) ??
    walkRange(view, view.unreachAt, view.unreachEnd, view.unreachFamily, true, visit) ??
    walkRange(view, view.nlriAt, view.nlriEnd, v4, false, visit) ??
    walkRange(view, view.reachAt, view.reachEnd, view.reachFamily, false, visit)
  )
}

function walkRange(
  view: UpdateView,
  at: number,
  end: number,
  family: Family | 0,
  withdraw: boolean,
  visit: Visitor,
): string | null {
  if (family === 0) return null
  if (at < view.at || end > view.end || at > end) return `range ${at}…${end} outside of the message`
  const bit = 1 << family
  const manyLabels = (view.multipleLabels & bit) !== 0
  cursor.start(view.buf, at, end, family, (view.addPath & bit) !== 0, withdraw, manyLabels)
  let last = at
  while (cursor.next()) {
    const octets = cursor.at - last
    if (octets < 1 || cursor.at > end)
      return `NLRI at ${last} of ${octets} octets, range ends ${end}`
    visit(cursor, family, withdraw, octets)
    last = cursor.at
  }
  return last === end ? null : `cursor stops at ${last}, the range at ${end}`
}

const EVPN_FIELDS = Object.keys(cursor.evpn) as (keyof EvpnRoute)[]

/** The same as numbers, for comparing. */
export function nlriOf(view: UpdateView): number[] {
  const out: number[] = []
  const problem = walk(view, (nlri, family, withdraw, octets) => {
    const { pathId, label, labelCount, labelsAt, prefixBits } = nlri
    out.push(family, Number(withdraw), octets, pathId, label, labelCount, prefixBits)
    out.push(labelsAt < 0 ? -1 : labelsAt - view.at)
    for (let k = 0; k < nlri.keyWords; k++) out.push(nlri.key[k]!)
    if (family !== Family.EVPN) return
    for (const name of EVPN_FIELDS) {
      const value = Number(nlri.evpn[name])
      out.push(isPosition(name) && value >= 0 ? value - view.at : value)
    }
  })
  if (problem !== null) throw new Error(problem)
  return out
}

/**
 * All a view says, as numbers that do not depend on where the message lay: positions count from
 * the start of the message. Fields are found by their names, so that a new one is compared too.
 */
import type { EvpnRoute } from '../../src/wire/evpn.ts'
import { NlriCursor } from '../../src/wire/nlri-cursor.ts'
import { readServiceSid, rebuildSid, ServiceSid } from '../../src/wire/prefix-sid.ts'
import { Attr, Family, Outcome } from '../../src/wire/registry.ts'
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

/** The same of one field. */
export function walkRange(
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
    const outside = partOutside(last)
    if (outside !== null) return `${outside} of the NLRI at ${last} lies outside of it`
    visit(cursor, family, withdraw, octets)
    last = cursor.at
  }
  return last === end ? null : `cursor stops at ${last}, the range at ${end}`
}

/** Labels and the fields of an EVPN route lie in the NLRI that began at `from`. */
function partOutside(from: number): string | null {
  const { labelsAt, labelCount, at, evpn } = cursor
  const parts: [name: string, partAt: number, octets: number][] = [
    ['labels', labelsAt, 3 * labelCount],
  ]
  if (cursor.keyWords === 0) {
    const { rdAt, esiAt, macAt, ipAt, ipBytes, gatewayAt } = evpn
    parts.push(['rd', rdAt, 8], ['esi', esiAt, 10], ['mac', macAt, 6])
    parts.push(['ip', ipAt, ipBytes], ['gateway', gatewayAt, ipBytes])
  }
  for (const [name, partAt, octets] of parts) {
    if (partAt >= 0 && (partAt < from || partAt + octets > at)) return name
  }
  return null
}

const sid = new ServiceSid()
const rebuilt = new Uint8Array(16)

/** What a Prefix-SID that was accepted offers for IPv4 and for IPv6, as numbers. */
export function sidsOf(view: UpdateView): number[] {
  const row = view.indexOf(Attr.PREFIX_SID)
  if (row < 0 || view.attrOutcome[row] !== Outcome.OK) return []
  const [at, end] = [view.attrValueAt(row), view.attrEnd(row)]
  const out: number[] = []
  for (const wantV4 of [true, false]) {
    const isFound = readServiceSid(view.buf, at, end, sid, wantV4, !wantV4)
    out.push(
      Number(isFound),
      sid.problem,
      sid.behavior,
      sid.transpositionBits,
      sid.transpositionOffset,
    )
    if (!isFound) continue
    if (sid.sidAt < at || sid.sidAt + 16 > end)
      throw new Error(`SID at ${sid.sidAt}, value ${at}…${end}`)
    out.push(sid.sidAt - view.at, rebuildSid(sid, view.buf, 0x123451, rebuilt, 0), ...rebuilt)
  }
  return out
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

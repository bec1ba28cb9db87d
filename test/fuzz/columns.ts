/** What a view's columns hold, beside what a cursor reads of the same fields. */
import { Family } from '../../src/wire/registry.ts'
import type { UpdateView } from '../../src/wire/update-view.ts'
import type { VpnPrefixes } from '../../src/wire/vpn-prefixes.ts'
import { type Visitor, walkRange } from './digest.ts'

/** Where they say something else; null: nowhere. */
export function columnsDifference(view: UpdateView): string | null {
  const { reachAt, reachEnd, unreachAt, unreachEnd } = view
  return (
    ipv4Difference(view) ??
    vpnDifference(view, view.vpnReach!, reachAt, reachEnd, view.reachFamily, false) ??
    vpnDifference(view, view.vpnUnreach!, unreachAt, unreachEnd, view.unreachFamily, true)
  )
}

function ipv4Difference(view: UpdateView): string | null {
  const { withdrawn, count, address, bits, pathId } = view.ipv4!
  const hasPathId = (view.addPath & (1 << Family.IPV4_UNICAST)) !== 0
  let row = 0
  let withdraws = 0
  let difference: string | null = null
  const visit: Visitor = ({ key, prefixBits, pathId: id }, _family, withdraw) => {
    const isSame =
      key[0] === address[row] &&
      prefixBits === bits[row] &&
      (!hasPathId || id === pathId[row]! >>> 0)
    if (!isSame) difference ??= `row ${row} of ${count}`
    if (withdraw) withdraws++
    row++
  }
  const v4 = Family.IPV4_UNICAST
  walkRange(view, view.withdrawnAt, view.withdrawnEnd, v4, true, visit)
  walkRange(view, view.nlriAt, view.nlriEnd, v4, false, visit)
  if (row !== count) return `${count} rows of ${row}`
  if (withdraws !== withdrawn) return `${withdrawn} rows withdrawn of ${withdraws}`
  return difference
}

function vpnDifference(
  view: UpdateView,
  rows: VpnPrefixes,
  at: number,
  end: number,
  family: Family | 0,
  withdraw: boolean,
): string | null {
  const isVpn = family === Family.VPNV4 || family === Family.VPNV6
  const manyLabels = !withdraw && (view.multipleLabels & (1 << family)) !== 0
  const wanted = isVpn && at < end && (view.addPath & (1 << family)) === 0 && !manyLabels
  if (rows.family !== (wanted ? family : 0)) return `family ${rows.family} of ${family}`
  if (!wanted) return rows.count === 0 ? null : `${rows.count} rows of none`
  const { keyWords, count, key, bits, label } = rows
  let row = 0
  let difference: string | null = null
  walkRange(view, at, end, family, withdraw, (cursor) => {
    const isSame =
      cursor.keyWords === keyWords &&
      cursor.prefixBits === bits[row] &&
      (withdraw || cursor.label === label[row]) &&
      cursor.key.every((word, k) => k >= keyWords || word === key[row * keyWords + k])
    if (!isSame) difference ??= `row ${row} of ${count}`
    row++
  })
  return row === count ? difference : `${count} rows of ${row}`
}

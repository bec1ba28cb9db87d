/** The SIDs that a configuration names: inside their locator, whole, of the right kind, each once. */
import { hexOf } from '../base/bytes.ts'
import { formatAddress } from '../wire/address.ts'
import type { ConfigPath } from './config-keys.ts'
import type { IpAddress, IpPrefix } from './config-schema.ts'
import { maskBytes } from './config-values.ts'

/** One of `vrfs.NAME.sids`, with what it is to fit. */
export interface NamedSid {
  readonly path: ConfigPath
  readonly sid: IpAddress
  readonly kind: 'dt46' | 'dt4' | 'dt6'
  /** `sid` of the VRF, undefined where it is wrong itself. */
  readonly mode: string | undefined
  readonly locator: { name: string; prefix: IpPrefix; functionLength: number } | undefined
}

const KINDS: Record<string, readonly string[]> = {
  'per-vrf': ['dt46'],
  'per-family': ['dt4', 'dt6'],
  'per-ce': ['dt4', 'dt6'],
  'per-prefix': [],
}

export function checkNamedSids(
  named: readonly NamedSid[],
  report: (path: ConfigPath, message: string) => void,
): void {
  const seen = new Map<string, string>()
  for (const { path, sid, kind, mode, locator } of named) {
    const kinds = KINDS[mode ?? ''] ?? [kind]
    if (!kinds.includes(kind)) {
      const instead = kinds.length === 0 ? 'no named SID' : kinds.join(' and ')
      report(path, `${instead} where sid is ${mode}`)
    }
    if (locator) checkInside(path, sid, locator, report)
    const before = seen.get(sid.text)
    if (before !== undefined) report(path, `a SID of its own (${before} has it)`)
    else seen.set(sid.text, path.join('.'))
  }
}

function checkInside(
  path: ConfigPath,
  sid: IpAddress,
  { name, prefix, functionLength }: NonNullable<NamedSid['locator']>,
  report: (path: ConfigPath, message: string) => void,
): void {
  const inside = hexOf(maskBytes(sid.bytes, prefix.bits)) === hexOf(prefix.bytes)
  if (!inside) {
    report(path, `a SID in ${prefix.text}, the locator ${name}`)
    return
  }
  const whole = maskBytes(sid.bytes, Math.min(128, prefix.bits + functionLength))
  if (hexOf(whole) !== hexOf(sid.bytes)) {
    const text = formatAddress(whole, 0, 16)
    report(path, `no bits behind the ${functionLength} of the function, such as ${text}`)
  } else if (hexOf(whole) === hexOf(prefix.bytes)) {
    report(path, 'a function other than 0')
  }
}

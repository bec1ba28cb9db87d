/** FRR's zebra. */
import { packageVersion } from '../peers/peer.ts'

export function zebraMissing(): string | undefined {
  return packageVersion('frr') === undefined ? 'no' : 'todo'
}
export function zebraName(): string {
  return `zebra ${packageVersion('frr')}`
}

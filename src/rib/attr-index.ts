import { u16 } from '../base/bytes.ts'
import { AttrFlag } from '../wire/registry.ts'
import type { AttrsId, AttrsTable } from './path-attrs.ts'

const TYPES = 256

/** Where each attribute of one set lies, by type: for what rewrites a set in ascending order. */
export class AttrIndex {
  /** Start of the value in the table's bytes; 0: the set has no such attribute. */
  readonly at = new Int32Array(TYPES)
  readonly end = new Int32Array(TYPES)
  readonly flags = new Uint8Array(TYPES)

  load(attrs: AttrsTable, id: AttrsId): void {
    const buf = attrs.bytes
    const end = attrs.attrsEnd(id)
    this.at.fill(0)
    this.end.fill(0)
    for (let at = attrs.attrsAt(id); at < end; ) {
      const wide = (buf[at]! & AttrFlag.EXTENDED_LENGTH) !== 0
      const type = buf[at + 1]!
      const valueAt = at + (wide ? 4 : 3)
      this.flags[type] = buf[at]!
      this.at[type] = valueAt
      this.end[type] = valueAt + (wide ? u16(buf, at + 2) : buf[at + 2]!)
      at = this.end[type]!
    }
  }
}

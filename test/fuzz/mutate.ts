/**
 * One input made into another: octets set, put in, left out, copied. An UPDATE is lengths within
 * lengths, and one that is wrong hides what lies in it: most changes are made in the value of one
 * attribute or in a field of routes, with the lengths around it put right.
 */
import { copyBytes, u16 } from '../../src/base/bytes.ts'
import type { FuzzInput } from './input.ts'
import { MAX_BODY, SESSIONS } from './input.ts'
import type { Random } from './random.ts'

/** Octets at which code branches: limits, flags, attribute types, AFI and SAFI. */
const TELLING = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 29, 32,
  33, 35, 40, 48, 64, 70, 0x50, 88, 0x7f, 0x80, 0x90, 96, 112, 120, 128, 132, 0xc0, 0xd0, 0xe0, 216,
  0xff,
] as const

type Body = Uint8Array

/** The input with one to eight changes; `other` lends octets. */
export function mutate(input: FuzzInput, other: FuzzInput, random: Random): FuzzInput {
  let { session, body } = input
  if (random.oneIn(12)) session = random.below(SESSIONS.length)
  for (let left = 1 << random.below(4); left > 0; left--) {
    body = random.oneIn(5)
      ? random.pick(CHANGES)(body, random.below(body.length + 1), random, other.body)
      : changePart(body, random, other.body)
  }
  return { session, body: body.length > MAX_BODY ? body.slice(0, MAX_BODY) : body }
}

/** The message as the parts its lengths make; what does not fit into them is the last part. */
interface Parts {
  withdrawn: Body
  attrs: { head: Body; value: Body }[]
  /** Behind the last whole attribute. */
  rest: Body
  nlri: Body
}

/** Changes one part, or the order or number of attributes, and writes lengths that agree. */
function changePart(body: Body, random: Random, other: Body): Body {
  const parts = partsOf(body)
  if (parts === null)
    return random.pick(CHANGES)(body, random.below(body.length + 1), random, other)
  const { attrs } = parts
  const change = (octets: Body) =>
    random.pick(CHANGES)(octets, random.below(octets.length + 1), random, other)
  const k = random.below(attrs.length + 4)
  const attr = attrs[k]
  if (attr !== undefined) {
    if (random.oneIn(6)) attr.head = set(attr.head, random.below(2), () => random.pick(TELLING))
    else attr.value = change(attr.value)
  } else if (k === attrs.length) {
    parts.nlri = change(parts.nlri)
  } else if (k === attrs.length + 1) {
    parts.withdrawn = change(parts.withdrawn)
  } else if (attrs.length > 0 && k === attrs.length + 2) {
    const from = random.below(attrs.length)
    const [one] = random.oneIn(2) ? attrs.splice(from, 1) : [{ ...attrs[from]! }]
    if (!random.oneIn(4)) attrs.splice(random.below(attrs.length + 1), 0, one!)
  } else {
    const lent = partsOf(other)?.attrs
    if (lent !== undefined && lent.length > 0) {
      attrs.splice(random.below(attrs.length + 1), 0, random.pick(lent))
    }
  }
  return write(parts)
}

function partsOf(body: Body): Parts | null {
  const withdrawnEnd = body.length < 4 ? body.length : 2 + u16(body, 0)
  if (withdrawnEnd + 2 > body.length) return null
  const attrsEnd = withdrawnEnd + 2 + u16(body, withdrawnEnd)
  if (attrsEnd > body.length) return null
  const attrs: Parts['attrs'] = []
  let at = withdrawnEnd + 2
  while (attrsEnd - at >= 4 || (attrsEnd - at === 3 && body[at + 2] === 0)) {
    const wide = (body[at]! & 0x10) !== 0
    const valueAt = at + (wide ? 4 : 3)
    const end = valueAt + (wide ? u16(body, at + 2) : body[at + 2]!)
    if (end > attrsEnd) break
    attrs.push({ head: body.slice(at, at + 2), value: body.slice(valueAt, end) })
    at = end
  }
  const withdrawn = body.slice(2, withdrawnEnd)
  return { withdrawn, attrs, rest: body.slice(at, attrsEnd), nlri: body.slice(attrsEnd) }
}

function write({ withdrawn, attrs, rest, nlri }: Parts): Body {
  const out = [withdrawn.length >>> 8, withdrawn.length & 0xff, ...withdrawn]
  const path: number[] = []
  for (const { head, value } of attrs) {
    const wide = (head[0]! & 0x10) !== 0 || value.length > 255
    path.push(head[0]! | (wide ? 0x10 : 0), head[1]!)
    path.push(...(wide ? [value.length >>> 8] : []), value.length & 0xff, ...value)
  }
  path.push(...rest)
  return Uint8Array.from([...out, path.length >>> 8, path.length & 0xff, ...path, ...nlri])
}

const CHANGES: ((body: Body, at: number, random: Random, other: Body) => Body)[] = [
  (body, at, random) => set(body, at, (octet) => octet ^ (1 << random.below(8))),
  (body, at, random) => set(body, at, () => random.below(256)),
  (body, at, random) => set(body, at, () => random.pick(TELLING)),
  (body, at, random) => set(body, at, (octet) => octet + random.pick([-8, -4, -1, 1, 4, 8])),
  (body, at, random) => splice(body, at, random.pick([1, 1, 2, 3, 4, 8, 32]), NOTHING),
  (body, at, random) => splice(body, at, 0, octets(random, random.pick([1, 1, 2, 3, 4, 8, 32]))),
  (body, at, random, other) => splice(body, at, random.below(16), slice(other, random)),
  (body, at, random) => splice(body, at, 0, slice(body, random)),
  (body, at, random) => overwrite(body, at, slice(body, random)),
  (body, at, random) => overwrite(body, at, octets(random, random.pick([2, 4, 8]))),
  (body, at) => body.slice(0, at),
]

const NOTHING = new Uint8Array(0)

function set(body: Body, at: number, change: (octet: number) => number): Body {
  const out = body.slice()
  if (at < out.length) out[at] = change(out[at]!)
  return out
}

function splice(body: Body, at: number, cut: number, put: Body): Body {
  const tailAt = Math.min(at + cut, body.length)
  const out = new Uint8Array(at + put.length + body.length - tailAt)
  out.set(body.subarray(0, at))
  out.set(put, at)
  out.set(body.subarray(tailAt), at + put.length)
  return out
}

function overwrite(body: Body, at: number, put: Body): Body {
  const out = body.slice()
  copyBytes(put, 0, out, at, Math.min(put.length, out.length - at))
  return out
}

function octets(random: Random, count: number): Body {
  const value = random.oneIn(2) ? random.pick(TELLING) : -1
  return Uint8Array.from({ length: count }, () => (value < 0 ? random.below(256) : value))
}

function slice(body: Body, random: Random): Body {
  const at = random.below(body.length + 1)
  return body.subarray(at, at + 1 + random.below(40))
}

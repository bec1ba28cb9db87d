/** One decoded thing as lines for people: what it is, then a line an attribute, a line a prefix. */
import type { DecodedAttribute, DecodedNlri, DecodedUpdate } from '../wire/decode.ts'
import { Capability, familyName } from '../wire/registry.ts'
import type {
  Decoded,
  DecodedCapability,
  DecodedEntry,
  DecodedMessage,
  DecodedOpen,
} from './decode-objects.ts'
import { paint, type Style } from './table.ts'

const NAME_WIDTH = 22
const INDENT = '    '

/** The lines; the last one is empty. */
export function formatDecoded(of: Decoded, style: Style): string[] {
  const lines = [paint(style, 'head', headOf(of))]
  if (of.problem !== undefined) lines.push(paint(style, 'bad', `  problem: ${of.problem}`))
  if (of.stateChange) lines.push(`  ${of.stateChange.from} -> ${of.stateChange.to}`)
  for (const { index, address, as, bgpId } of of.peers ?? []) {
    lines.push(`  peer ${index}  ${address}  AS${as}  identifier ${bgpId}`)
  }
  if (of.message) lines.push(...messageLines(of.message, style))
  for (const entry of of.entries ?? []) lines.push(...entryLines(entry, style))
  lines.push('')
  return lines
}

function headOf(of: Decoded): string {
  const parts = [of.time ?? '', of.type]
  if (of.packet !== undefined) parts.push(`packet ${of.packet}`)
  if (of.from !== undefined) parts.push(`${of.from} -> ${of.to}`)
  if (of.peer && of.local) {
    const [from, to] = of.sent ? [of.local, of.peer] : [of.peer, of.local]
    parts.push(`${from.address} AS${from.as} -> ${to.address} AS${to.as}`)
  }
  if (of.view !== undefined) parts.push(`view ${of.view}`)
  if (of.sequence !== undefined) parts.push(`#${of.sequence}`)
  if (of.family !== undefined) parts.push(of.family)
  if (of.prefix !== undefined) parts.push(of.prefix)
  else if (of.nlri !== undefined) parts.push(`0x${of.nlri}`)
  parts.push(`(offset ${of.offset})`)
  return parts.filter((part) => part !== '').join('  ')
}

function entryLines(entry: DecodedEntry, style: Style): string[] {
  const { index, address, as } = entry.peer
  const peer = address === undefined ? `peer ${index}` : `${address} AS${as}`
  const path = entry.pathId === undefined ? '' : `, path ${entry.pathId}`
  const lines = [`  from ${peer}, since ${entry.originated}${path}`]
  if (entry.problem !== undefined) lines.push(paint(style, 'bad', `    problem: ${entry.problem}`))
  return [...lines, ...verdictLines(entry.update, style), ...updateLines(entry.update, false)]
}

function messageLines(message: DecodedMessage, style: Style): string[] {
  const first = `  ${message.type}, ${message.length} octets`
  if ('problem' in message) {
    const octets = message.hex === '' ? [] : [`${INDENT}0x${message.hex}`]
    return [first, paint(style, 'bad', `${INDENT}${message.problem}`), ...octets]
  }
  if ('attributes' in message) {
    return [first, ...verdictLines(message, style), ...updateLines(message, true)]
  }
  if ('meaning' in message) return [first, ...openLines(message)]
  if ('error' in message) {
    const text = message.text === undefined ? '' : `: "${message.text}"`
    const data = message.hex === '' ? '' : `, data 0x${message.hex}`
    return [first, `${INDENT}${message.error}${text}${data}`]
  }
  if ('family' in message) return [first, `${INDENT}${message.family}, subtype ${message.subtype}`]
  return [first]
}

function openLines(open: DecodedOpen): string[] {
  const { version, as, holdTime, routerId, capabilities } = open
  const fixed = `version ${version}, AS ${as}, hold time ${holdTime}, identifier ${routerId}`
  return [
    `${INDENT}${fixed}`,
    ...capabilities.map(
      (each) => `${INDENT}capability ${each.name}  ${capabilityText(each, open)}`,
    ),
  ].map((line) => line.trimEnd())
}

/** What a capability says, for those that say it in a word; the octets of the others. */
function capabilityText({ code, hex }: DecodedCapability, { meaning }: DecodedOpen): string {
  const number = (from: number, to: number) => Number.parseInt(hex.slice(from, to), 16)
  const { MULTIPROTOCOL, FOUR_OCTET_AS, FQDN, SOFTWARE_VERSION } = Capability
  if (code === MULTIPROTOCOL && hex.length === 8) return familyName(number(0, 4), number(6, 8))
  if (code === FOUR_OCTET_AS && hex.length === 8) return `AS${number(0, 8)}`
  if (code === FQDN && meaning.fqdn !== undefined) return meaning.fqdn
  if (code === SOFTWARE_VERSION && meaning.softwareVersion !== undefined) {
    return meaning.softwareVersion
  }
  return hex && `0x${hex}`
}

/** Nothing for a sound message, else RFC 7606's verdict. */
function verdictLines(update: DecodedUpdate, style: Style): string[] {
  const lines: string[] = []
  if (update.outcome !== 'ok') {
    const about = update.reasonAttribute === null ? '' : `${update.reasonAttribute}: `
    lines.push(paint(style, 'bad', `${INDENT}${update.outcome}: ${about}${update.reason}`))
  }
  if (update.endOfRib !== null) lines.push(`${INDENT}End-of-RIB of ${update.endOfRib}`)
  return lines
}

/** A line a part, with its position in the message where that means something. */
function updateLines(update: DecodedUpdate, positions: boolean): string[] {
  const lines: string[] = []
  const put = (at: number, name: string, texts: string[]) => {
    const position = positions ? String(at).padStart(5) : ''
    const head = `${INDENT}${position}  ${name.padEnd(NAME_WIDTH)}`
    const rest = ' '.repeat(head.length)
    if (texts.length === 0) lines.push(head.trimEnd())
    texts.forEach((text, k) => {
      lines.push(`${k === 0 ? head : rest}${text}`.trimEnd())
    })
  }
  for (const nlri of update.withdrawn) put(nlri.at, 'withdrawn', [nlriText(nlri)])
  for (const attribute of update.attributes) {
    put(attribute.at, attribute.name, attributeTexts(attribute))
  }
  for (const nlri of update.nlri) put(nlri.at, 'NLRI', [nlriText(nlri)])
  if (update.rest) put(update.rest.at, 'not an attribute', [`0x${update.rest.hex}`])
  return lines
}

function attributeTexts({ value, ignored }: DecodedAttribute): string[] {
  const texts = valueTexts(value)
  if (ignored === undefined) return texts
  return [`(${ignored}) ${texts[0] ?? ''}`.trimEnd(), ...texts.slice(1)]
}

/** Positions, and the codes that stand beside their names. */
const UNSHOWN = new Set(['at', 'end', 'valueAt', 'type', 'reserved'])

/** Any value of a decoded attribute: a line for plain ones, a line an item for lists of objects. */
function valueTexts(value: unknown): string[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) {
    if (value.every((each) => typeof each !== 'object')) return [value.join(' ')]
    return value.flatMap(valueTexts)
  }
  if (typeof value !== 'object') return [String(value)]
  if (isNlri(value)) return [nlriText(value)]
  const words: string[] = []
  const below: string[] = []
  for (const [key, each] of Object.entries(value)) {
    if (UNSHOWN.has(key) || each === undefined || each === null) continue
    if (Array.isArray(each) && each.length === 0) continue
    // a code beside its name
    if (`${key}Name` in value) continue
    if (isListOfObjects(each)) below.push(...valueTexts(each).map((text) => `  ${text}`))
    else if (key === 'family' || key === 'name') words.unshift(String(each))
    else words.push(`${spaced(key.replace(/Name$/, ''))} ${inline(each)}`)
  }
  return [words.join('  '), ...below].filter((text) => text !== '')
}

function isNlri(value: object): value is DecodedNlri {
  return 'prefix' in value && 'at' in value
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.some((each) => typeof each === 'object' && each !== null)
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return value.map(inline).join(' ')
  return typeof value === 'object' ? valueTexts(value).join('; ') : String(value)
}

/** `pathId` -> `path id` */
function spaced(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

/** `10.1.0.0/16  rd 65000:1  label 16 (0x000101)`: all that an NLRI has. */
function nlriText(nlri: DecodedNlri): string {
  const { at: _at, end: _end, prefix, label, labels, ...rest } = nlri
  const words = Object.entries(rest).map(([key, value]) => `${spaced(key)} ${inline(value)}`)
  if (labels) words.push(`labels ${labels.map(labelText).join(' ')}`)
  else if (label !== undefined) words.push(`label ${labelText(label)}`)
  return [prefix, ...words].join('  ')
}

/** A label and the octets of its field (RFC 8277 §2.2), which EVPN may have a VNI in (RFC 8365 §5.1.3). */
function labelText(field: number): string {
  return `${field >>> 4} (0x${field.toString(16).padStart(6, '0')})`
}

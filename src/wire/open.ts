/**
 * The OPEN message (RFC 4271 §4.2) with its capability list (RFC 5492) in either form of optional
 * parameters (RFC 9072). Checks form and version; whether AS, hold time and identifier suit us is
 * for session/negotiate.ts. Called once a session, so objects are fine here.
 */
import { Parser } from 'binary-parser/dist/binary_parser.js'
import { SmartBuffer } from 'smart-buffer'
import { putU16, u16 } from '../base/bytes.ts'
import { AS_TRANS } from './as-path.ts'
import { BgpError } from './error.ts'
import { encodeMessage } from './message.ts'
import { ErrorCode, HEADER_LENGTH, HeaderError, MessageType, OpenError } from './registry.ts'

/** One capability as it stands in an OPEN (RFC 5492 §4). */
export interface CapabilityTlv {
  code: number
  value: Uint8Array
}

/** The fields of an OPEN message (RFC 4271 §4.2). */
export interface Open {
  version: number
  /** The 2-octet field: AS_TRANS for an AS number that needs four (RFC 6793 §4.1). */
  as: number
  holdTime: number
  /** BGP Identifier, unsigned. */
  routerId: number
  capabilities: CapabilityTlv[]
}

/** The only version there is. */
export const BGP_VERSION = 4
/** Octets before the optional parameters. */
const FIXED_LENGTH = 10
/** RFC 4271 §4.2 reserves it, RFC 5492 §4 defines it. */
const CAPABILITIES_PARAMETER = 2
/** RFC 9072 §2: as length and first parameter type, says that the lengths have two octets. */
const EXTENDED_PARAMETERS = 255

const fixedPart = new Parser()
  .endianness('big')
  .uint8('version')
  .uint16('as')
  .uint16('holdTime')
  .uint32('routerId')
  .uint8('parametersLength')

interface Tlv {
  type: number
  len: number
  value: Uint8Array
}

const tlv = new Parser().uint8('type').uint8('len').buffer('value', { length: 'len' })
const wideTlv = new Parser()
  .endianness('big')
  .uint8('type')
  .uint16('len')
  .buffer('value', { length: 'len' })
const tlvList = new Parser().array('list', { type: tlv, readUntil: 'eof' })
const wideTlvList = new Parser().array('list', { type: wideTlv, readUntil: 'eof' })

/** Decodes the body of an OPEN; throws BgpError 1/2, 2/0, 2/1 or 2/4 (RFC 4271 §6.2). */
export function decodeOpen(buf: Uint8Array, at: number, end: number): Open {
  if (end - at < FIXED_LENGTH) throw badLength(end - at)
  const body = Buffer.from(buf.buffer, buf.byteOffset + at, end - at)
  const { version, as, holdTime, routerId } = fixedPart.parse(body)
  if (version !== BGP_VERSION) {
    throw new BgpError(
      ErrorCode.OPEN_MESSAGE,
      OpenError.UNSUPPORTED_VERSION_NUMBER,
      `version ${version}, expected ${BGP_VERSION}`,
      Uint8Array.of(0, BGP_VERSION),
    )
  }
  return { version, as, holdTime, routerId, capabilities: decodeParameters(body) }
}

function decodeParameters(body: Buffer): CapabilityTlv[] {
  const length = body[FIXED_LENGTH - 1]!
  // RFC 9072 §2: decided by the type octet; the short length is only 255 by custom.
  if (length !== 0 && body[FIXED_LENGTH] === EXTENDED_PARAMETERS) return decodeExtended(body)
  const parameters = body.subarray(FIXED_LENGTH)
  if (parameters.length !== length) {
    throw malformed(`optional parameters of ${parameters.length} octets, length field ${length}`)
  }
  return capabilitiesOf(parseTlvs(tlvList, parameters, 'optional parameter'))
}

/** 255(1) 255(1) length(2) parameters, each with a 2-octet length (RFC 9072 §2). */
function decodeExtended(body: Buffer): CapabilityTlv[] {
  const at = FIXED_LENGTH + 3
  if (body.length < at) throw malformed('extended optional parameters cut off before their length')
  const length = u16(body, FIXED_LENGTH + 1)
  const parameters = body.subarray(at)
  if (parameters.length !== length) {
    throw malformed(`extended parameters of ${parameters.length} octets, length field ${length}`)
  }
  return capabilitiesOf(parseTlvs(wideTlvList, parameters, 'extended optional parameter'))
}

function capabilitiesOf(parameters: Tlv[]): CapabilityTlv[] {
  const list: CapabilityTlv[] = []
  for (const parameter of parameters) {
    if (parameter.type !== CAPABILITIES_PARAMETER) {
      throw new BgpError(
        ErrorCode.OPEN_MESSAGE,
        OpenError.UNSUPPORTED_OPTIONAL_PARAMETER,
        `optional parameter ${parameter.type}, expected ${CAPABILITIES_PARAMETER} (capabilities)`,
      )
    }
    for (const { type, value } of parseTlvs(tlvList, parameter.value, 'capability')) {
      // A copy: the bytes outlive the chunk they came in.
      list.push({ code: type, value: new Uint8Array(value) })
    }
  }
  return list
}

function parseTlvs(parser: typeof tlvList, bytes: Uint8Array, what: string): Tlv[] {
  try {
    const { list } = parser.parse(bytes as Buffer) as { list: Tlv[] }
    // binary-parser cuts a value that ends past the buffer short without a word.
    for (const { type, len, value } of list) {
      if (value.length !== len) {
        throw malformed(`${what} ${type}: ${value.length} octets left, length field ${len}`)
      }
    }
    return list
  } catch (error) {
    if (error instanceof BgpError) throw error
    throw malformed(`${what} cut off in its type and length`)
  }
}

/** RFC 4271 §6.2: recognised but malformed is subcode 0, Unspecific. */
function malformed(message: string): BgpError {
  return new BgpError(ErrorCode.OPEN_MESSAGE, 0, message)
}

function badLength(bodyLength: number): BgpError {
  const data = new Uint8Array(2)
  putU16(data, 0, HEADER_LENGTH + bodyLength)
  return new BgpError(
    ErrorCode.MESSAGE_HEADER,
    HeaderError.BAD_MESSAGE_LENGTH,
    `OPEN of ${HEADER_LENGTH + bodyLength} octets, expected at least ${HEADER_LENGTH + FIXED_LENGTH}`,
    data,
  )
}

/**
 * A whole OPEN message with one optional parameter that holds all capabilities; where that does
 * not fit 255 octets, in the extended form (RFC 9072 §2).
 */
export function encodeOpen(open: Open): Uint8Array {
  const body = new SmartBuffer()
  body.writeUInt8(open.version)
  body.writeUInt16BE(open.as > 0xffff ? AS_TRANS : open.as)
  body.writeUInt16BE(open.holdTime)
  body.writeUInt32BE(open.routerId)
  writeParameters(body, encodeTlvs(open.capabilities))
  return encodeMessage(MessageType.OPEN, body.toBuffer())
}

function encodeTlvs(list: CapabilityTlv[]): Buffer {
  const out = new SmartBuffer()
  for (const { code, value } of list) {
    out.writeUInt8(code)
    out.writeUInt8(value.length)
    out.writeBuffer(Buffer.from(value))
  }
  return out.toBuffer()
}

function writeParameters(body: SmartBuffer, capabilities: Buffer): void {
  if (capabilities.length === 0) {
    body.writeUInt8(0)
    return
  }
  if (capabilities.length + 2 < EXTENDED_PARAMETERS) {
    body.writeUInt8(capabilities.length + 2)
    body.writeUInt8(CAPABILITIES_PARAMETER)
    body.writeUInt8(capabilities.length)
  } else {
    body.writeUInt8(EXTENDED_PARAMETERS)
    body.writeUInt8(EXTENDED_PARAMETERS)
    body.writeUInt16BE(capabilities.length + 3)
    body.writeUInt8(CAPABILITIES_PARAMETER)
    body.writeUInt16BE(capabilities.length)
  }
  body.writeBuffer(capabilities)
}

/**
 * Writes netlink messages one behind another into one buffer: header, fixed part, attributes,
 * nested attributes; lengths are filled in when a message or a nest ends. Host byte order, as
 * netlink is; addresses are copied as they stand.
 */
export const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

export class NetlinkWriter {
  readonly buf: Uint8Array
  readonly #view: DataView
  #start = 0
  /** Behind what has been written. */
  end = 0

  constructor(capacity: number) {
    this.buf = new Uint8Array(capacity)
    this.#view = new DataView(this.buf.buffer)
  }

  reset(): void {
    this.end = 0
  }

  /** nlmsghdr: len(4) type(2) flags(2) seq(4) pid(4); the kernel knows the sender itself. */
  begin(type: number, flags: number, seq: number): void {
    this.#start = this.end
    this.u32(0)
    this.u16(type)
    this.u16(flags)
    this.u32(seq)
    this.u32(0)
  }

  finish(): void {
    this.#view.setUint32(this.#start, this.end - this.#start, LITTLE_ENDIAN)
  }

  /** More flags for the message just finished: the last of a batch asks for an ack. */
  addFlags(flags: number): void {
    const at = this.#start + 6
    this.#view.setUint16(at, this.#view.getUint16(at, LITTLE_ENDIAN) | flags, LITTLE_ENDIAN)
  }

  u8(value: number): void {
    this.buf[this.end++] = value
  }

  u16(value: number): void {
    this.#view.setUint16(this.end, value, LITTLE_ENDIAN)
    this.end += 2
  }

  u32(value: number): void {
    this.#view.setUint32(this.end, value, LITTLE_ENDIAN)
    this.end += 4
  }

  /** A 32-bit word in network order: a part of an address. */
  word(value: number): void {
    this.#view.setInt32(this.end, value, false)
    this.end += 4
  }

  zeros(count: number): void {
    for (let k = 0; k < count; k++) this.buf[this.end++] = 0
  }

  bytes(value: Uint8Array): void {
    this.buf.set(value, this.end)
    this.end += value.length
  }

  /** rtattr: len(2) type(2) value, padded to four octets. */
  attrU32(type: number, value: number): void {
    this.u16(8)
    this.u16(type)
    this.u32(value)
  }

  attrU16(type: number, value: number): void {
    this.u16(6)
    this.u16(type)
    this.u16(value)
    this.u16(0)
  }

  attrBytes(type: number, value: Uint8Array): void {
    this.u16(4 + value.length)
    this.u16(type)
    this.bytes(value)
    this.#pad()
  }

  attrText(type: number, text: string): void {
    this.attrBytes(type, new TextEncoder().encode(`${text}\0`))
  }

  /** Opens a nested attribute; `close` takes what this returns. */
  open(type: number): number {
    const at = this.end
    this.u16(0)
    this.u16(type)
    return at
  }

  close(at: number): void {
    this.#view.setUint16(at, this.end - at, LITTLE_ENDIAN)
    this.#pad()
  }

  #pad(): void {
    while ((this.end - this.#start) & 3) this.buf[this.end++] = 0
  }
}

/** Where `decode` reads from: a file, standard input or the command line, decompressed, its form told. */
import { spawn } from 'node:child_process'
import { createReadStream, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { u16, u32 } from '../base/bytes.ts'
import { isMrtType } from '../wire/mrt-type.ts'
import { ClientError } from './client.ts'
import { hexOctets } from './decode-hex.ts'

export type Chunks = AsyncIterable<Uint8Array>

/** What is to be decoded. */
export interface Source {
  /** How errors call it. */
  name: string
  chunks: Chunks
  /** Octets of the file as it lies there, null when nobody knows; and how many were read. */
  total: number | null
  read(): number
}

/** What the octets are. `update` is a message without its header. */
export type Form = 'mrt' | 'pcap' | 'pcapng' | 'bgp' | 'hex' | 'update'

const CHUNK = 1 << 18

/** The file, `-`, or the hex digits that the words of the command line name. */
export async function openSource(words: readonly string[], stdin?: Chunks): Promise<Source> {
  const name = words.join(' ')
  if (name === '-') {
    if (!stdin) throw new ClientError('there is no standard input')
    return counted('standard input', stdin, null)
  }
  const found = words.length === 1 ? await statOf(name) : null
  if (found?.isDirectory()) throw new ClientError(`${name} is a directory, expected a file`)
  if (found) {
    const total = found.isFile() ? found.size : null
    return counted(name, createReadStream(name, { highWaterMark: CHUNK }), total)
  }
  if (!/^(0x)?[0-9a-f\s:.,-]+$/i.test(name) || name.replace(/[^0-9a-f]/gi, '').length < 2) {
    throw new ClientError(`there is no file "${name}", and these are not hex digits`)
  }
  const text = new TextEncoder().encode(name)
  return counted('the command line', Readable.from([text]), text.length)
}

async function statOf(name: string): Promise<Stats | null> {
  try {
    return await stat(name)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return null
    throw new ClientError(`${name} cannot be read: ${code}`)
  }
}

function counted(name: string, from: Chunks, total: number | null): Source {
  let read = 0
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of from) {
        read += chunk.length
        yield chunk
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw new ClientError(`${name} cannot be read: ${code ?? message}`)
    }
  }
  return { name, chunks: chunks(), total, read: () => read }
}

/** A compressed form: how it begins, and how it is undone. */
const PACKED: { name: string; magic: number[]; unpack: (chunks: Chunks) => Chunks }[] = [
  { name: 'gzip', magic: [0x1f, 0x8b, 8], unpack: gunzip },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], unpack: (chunks) => through('bzip2', chunks) },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], unpack: (c) => through('xz', c) },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: (chunks) => through('zstd', chunks) },
]

/** The octets without the compression and the hex digits they may be in, and what they are. */
export async function unwrap(source: Source): Promise<{ form: Form; chunks: Chunks }> {
  let { head, chunks } = await peek(source.chunks)
  const packed = PACKED.find(({ magic }) => magic.every((octet, k) => head[k] === octet))
  if (packed) ({ head, chunks } = await peek(packed.unpack(chunks)))
  let form = formOf(head)
  if (form === 'hex') {
    ;({ head, chunks } = await peek(hexOctets(chunks)))
    form = formOf(head)
    // What is typed in is a message; a file needs a sign of what it is.
    if (form === null || form === 'hex') form = 'update'
  }
  if (form !== null) return { form, chunks }
  const octets = Buffer.from(head.subarray(0, 12)).toString('hex')
  const expected = 'expected MRT, pcap, BGP messages, or hex digits'
  throw new ClientError(
    head.length === 0
      ? `${source.name} is empty`
      : `${source.name} begins with 0x${octets}: ${expected}`,
  )
}

const PCAP_MAGICS = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1]
const PCAPNG_MAGIC = 0x0a0d0d0a

function formOf(head: Uint8Array): Form | null {
  if (head.length >= 4) {
    const magic = u32(head, 0)
    if (PCAP_MAGICS.includes(magic)) return 'pcap'
    if (magic === PCAPNG_MAGIC) return 'pcapng'
  }
  if (head.length >= 16 && head.subarray(0, 16).every((octet) => octet === 0xff)) return 'bgp'
  if (head.length > 0 && isHexText(head)) return 'hex'
  // A header that is cut off is told by the reader, if its type can be seen.
  return head.length >= 6 && isMrtType(u16(head, 4)) ? 'mrt' : null
}

/** Nothing but hex digits, what stands between them, and comments, in the octets that were seen. */
function isHexText(head: Uint8Array): boolean {
  const text = Buffer.from(head).toString('latin1')
  const bare = text.replace(/(#|\/\/)[^\n]*/g, '')
  return /^[0-9a-fx\s:.,-]*$/i.test(bare) && (/[0-9a-f]/i.test(bare) || bare.length < text.length)
}

const HEAD = 512

/** The first octets of a stream, and the stream with them. */
async function peek(from: Chunks): Promise<{ head: Uint8Array; chunks: Chunks }> {
  const rest = from[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let have = 0
  while (have < HEAD) {
    const { done, value } = await rest.next()
    if (done) break
    first.push(value)
    have += value.length
  }
  const head = Buffer.concat(first)
  async function* chunks(): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head
    yield* { [Symbol.asyncIterator]: () => rest }
  }
  return { head: head.subarray(0, HEAD), chunks: chunks() }
}

async function* gunzip(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const unzip = createGunzip({ chunkSize: CHUNK })
  const fed = pipeline(Readable.from(chunks), unzip)
  fed.catch(() => {}) // told by the iteration below
  let octets = 0
  try {
    for await (const chunk of unzip) {
      octets += chunk.length
      yield chunk
    }
  } catch (error) {
    if (error instanceof ClientError) throw error
    throw new ClientError(`gzip: ${(error as Error).message} after ${octets} octets`)
  }
}

/** The first line of what a program said, under its name; advice often follows. */
function complaint(program: string, said: string, status: number | null): string {
  const [line = ''] = said.trim().split('\n')
  const text = line.replace(`${program}: `, '').replace(/[\s;]+$/, '')
  return `${program}: ${text === '' ? `ended with status ${status}` : text}`
}

/** Through the program of the same name, as zlib has no such format. */
async function* through(program: string, chunks: Chunks): AsyncGenerator<Uint8Array> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const failed: { error?: Error } = {}
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said += text
  })
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', resolve)
    child.on('error', (error) => {
      failed.error = error
      resolve(null)
    })
  })
  const fed = pipeline(Readable.from(chunks), child.stdin)
  fed.catch((error: Error) => {
    if (error instanceof ClientError) failed.error = error
  })
  yield* child.stdout
  const status = await ended
  if (failed.error instanceof ClientError) throw failed.error
  if (failed.error) {
    const expected = `expected the program ${program}, to decompress it`
    throw new ClientError(`this is ${program} data; ${expected}: ${failed.error.message}`)
  }
  if (status !== 0) throw new ClientError(complaint(program, said, status))
}

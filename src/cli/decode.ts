/** `srv6d-cli decode`: MRT, captures, hex and plain messages to text or JSON, without a daemon. */
import { once } from 'node:events'
import { BgpError } from '../wire/error.ts'
import { Framer } from '../wire/framer.ts'
import { MrtError, MrtReader } from '../wire/mrt-reader.ts'
import { FAMILIES, MAX_EXTENDED_MESSAGE, MessageType } from '../wire/registry.ts'
import { ClientError } from './client.ts'
import { ByteStream } from './decode-bytes.ts'
import { GuessedSession } from './decode-guess.ts'
import { isReadLink } from './decode-packet.ts'
import { CaptureError, readPcap, readPcapng } from './decode-pcap.ts'
import { type DecodeSink, Printer } from './decode-printer.ts'
import { Progress, type ProgressOut } from './decode-progress.ts'
import { type Chunks, type Form, openSource, type Source, unwrap } from './decode-source.ts'
import { formatSummary, Summary } from './decode-summary.ts'
import { TcpStreams } from './decode-tcp.ts'
import type { Style } from './table.ts'

/** What the command line says. */
export interface DecodeArguments {
  input: string[]
  json: boolean
  summary: boolean
  addPath: boolean
  family?: string | undefined
}

/** What `decode` needs of its process. */
export interface DecodeProcess {
  stdin?: Chunks
  stdout: { write(text: string): unknown; isTTY?: boolean }
  stderr: ProgressOut
}

/** Reads it all and prints it; gives the exit status: 1 when something could not be read. */
export async function decode(
  argv: DecodeArguments,
  io: DecodeProcess,
  style: Style,
): Promise<number> {
  const { json, family } = argv
  checkFamily(family)
  const source = await openSource(argv.input, io.stdin)
  const sink = argv.summary ? new Summary(family) : new Printer({ json, family, style })
  // a bar between the lines of a terminal would only disturb
  const quiet = io.stdout.isTTY === true && !argv.summary
  const bar = quiet ? { write: () => true } : io.stderr
  const progress = new Progress(bar, source.total, () => performance.now())
  const flush = async () => {
    await write(io.stdout, sink.take())
    progress.update(source.read())
  }
  let failure: string | null = null
  try {
    failure = await readAll(source, sink, argv.addPath, flush)
  } finally {
    progress.clear()
  }
  await flush()
  if (sink instanceof Summary) {
    const summary = sink.object()
    const text = json ? JSON.stringify(summary) : formatSummary(summary).join('\n')
    await write(io.stdout, `${text}\n`)
  }
  progress.clear()
  if (failure !== null) io.stderr.write(`srv6d-cli: ${source.name}: ${failure}\n`)
  return sink.problems > 0 || failure !== null ? 1 : 0
}

function checkFamily(family: string | undefined): void {
  if (family === undefined || FAMILIES.some(({ name }) => name === family)) return
  if (/^\d+\/\d+$/.test(family)) return
  const known = FAMILIES.map(({ name }) => name).join(', ')
  throw new ClientError(`--family ${family}: expected one of ${known}, or AFI/SAFI as numbers`, 2)
}

async function write(out: DecodeProcess['stdout'], text: string): Promise<void> {
  if (text === '' || out.write(text) !== false) return
  // A process's stdout that is full says when it no longer is.
  await once(out as unknown as NodeJS.EventEmitter, 'drain')
}

type Flush = () => Promise<void>

/** Everything of the source into the sink; gives what ended the reading before the end, or null. */
async function readAll(
  source: Source,
  sink: DecodeSink,
  addPath: boolean,
  flush: Flush,
): Promise<string | null> {
  const failed = (offset: number, text: string) => {
    sink.problem({ offset }, text)
    return `offset ${offset}: ${text}`
  }
  let read = false
  try {
    const { form, chunks } = await unwrap(source)
    read = true
    await READERS[form](flushed(chunks, flush), sink, addPath)
    return null
  } catch (error) {
    if (error instanceof MrtError || error instanceof CaptureError) {
      return failed(error.offset, error.message)
    }
    if (error instanceof StreamError) return failed(error.offset, error.message)
    // What was read before counts; without any there is nothing to print.
    if (error instanceof ClientError && read) return error.message
    throw error
  }
}

/** The chunks; before each further one, what came of the last one is written. */
async function* flushed(chunks: Chunks, flush: Flush): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk
    await flush()
  }
}

type Reader = (chunks: Chunks, sink: DecodeSink, addPath: boolean) => Promise<void>

const READERS: Record<Form, Reader> = {
  mrt: readMrt,
  pcap: (...of) => readCapture(readPcap, ...of),
  pcapng: (...of) => readCapture(readPcapng, ...of),
  bgp: readMessages,
  update: readUpdate,
  hex: readMessages,
}

async function readMrt(chunks: Chunks, sink: DecodeSink): Promise<void> {
  const reader = new MrtReader({ onRecord: (record) => sink.record(record) })
  for await (const chunk of chunks) reader.push(chunk)
  reader.end()
}

async function readCapture(
  readPackets: typeof readPcap,
  chunks: Chunks,
  sink: DecodeSink,
  addPath: boolean,
): Promise<void> {
  const streams = new TcpStreams(sink, addPath)
  const unread = new Set<number>()
  try {
    await readPackets(new ByteStream(chunks), (packet) => {
      streams.push(packet)
      const { linkType, number, offset } = packet
      if (isReadLink(linkType) || unread.has(linkType)) return
      unread.add(linkType)
      sink.problem({ offset, packet: number }, `packets of link type ${linkType} are not read`)
    })
  } finally {
    streams.end()
  }
}

/** A stream of messages that is none any more. */
class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** BGP messages one behind the other. */
async function readMessages(chunks: Chunks, sink: DecodeSink, addPath: boolean): Promise<void> {
  const session = new GuessedSession(addPath)
  let offset = 0
  const framer = new Framer({
    onMessage(type, buf, at, end) {
      sink.message({ offset }, type, buf, at, end, session.of(type, buf, at, end, 0))
      offset += 19 + end - at
    },
  })
  framer.maxLength = MAX_EXTENDED_MESSAGE
  for await (const chunk of chunks) {
    try {
      framer.push(chunk)
    } catch (error) {
      if (!(error instanceof BgpError)) throw error
      throw new StreamError(offset, error.describe())
    }
  }
  if (framer.pending > 0)
    throw new StreamError(offset, `ends after ${framer.pending} octets of a message`)
}

/** The body of one UPDATE, as it is found in logs and NOTIFICATIONs. */
async function readUpdate(chunks: Chunks, sink: DecodeSink, addPath: boolean): Promise<void> {
  const parts: Uint8Array[] = []
  let octets = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    octets += chunk.length
    if (octets > MAX_EXTENDED_MESSAGE) {
      throw new ClientError('no BGP message: expected sixteen octets ff at its beginning')
    }
  }
  const body = new Uint8Array(Buffer.concat(parts))
  const { UPDATE } = MessageType
  const session = new GuessedSession(addPath).of(UPDATE, body, 0, body.length, 0)
  sink.message({ offset: 0 }, UPDATE, body, 0, body.length, session)
}

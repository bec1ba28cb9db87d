/**
 * Run by decode-memory.test.ts in a process of its own: `decode` reads megabytes that are made as
 * it reads them, and the heap is looked at on the way, everything collected that can be.
 * Arguments: form, megabytes, the arguments of decode.
 */
import { runCli } from '../../src/cli/commands.ts'
import * as b from './builder.ts'
import { ipPacket, LINKS } from './capture.ts'
import { concat } from './hex.ts'
import * as mrt from './mrt.ts'

const [form, megabytes, ...args] = process.argv.slice(2)
const total = Number(megabytes) * 1e6

function update(k: number): Uint8Array {
  const prefixes = [b.u8(24, 10, (k >> 8) & 255, k & 255), b.u8(16, 20, k & 255)]
  const path = b.asPath([65001, 1000 + k, 200000 + k])
  return b.update({
    attrs: [b.origin(0), path, b.nextHop('192.0.2.1'), b.communities(`65000:${k}`)],
    nlri: prefixes,
  })
}

/** A thousand records of a form, each other than the one before. */
const BLOCKS: Record<string, () => { head: Uint8Array; block: (round: number) => Uint8Array }> = {
  mrt: () => {
    const peers = [{ id: '192.0.2.1', address: '192.0.2.1', as: 65001 }]
    const body = concat(
      ...Array.from({ length: 500 }, (_, k) => {
        const attrs = [b.origin(0), b.asPath([65001, 100 + k]), b.nextHop('192.0.2.1')]
        const entries = [0, 0, 0].map((peer) => ({ peer, attrs }))
        const prefix = b.u8(24, 10, k >> 8, k & 255)
        return concat(mrt.rib(2, k, prefix, entries), mrt.bgp4mp(update(k)))
      }),
    )
    return { head: mrt.peerIndexTable(peers), block: () => body }
  },
  bgp: () => {
    const body = concat(...Array.from({ length: 1000 }, (_, k) => update(k)))
    return { head: b.message(4), block: () => body }
  },
  pcap: () => {
    const messages = Array.from({ length: 1000 }, (_, k) => update(k))
    const octets = concat(...messages).length
    const block = (round: number) => {
      let seq = 1 + round * octets
      return concat(
        ...messages.map((payload) => {
          const frame = LINKS.ethernet.frame(ipPacket({ seq, payload }))
          seq += payload.length
          return concat(b.u32be(1, 0, frame.length, frame.length), frame)
        }),
      )
    }
    return { head: concat(b.u32be(0xa1b2c3d4), b.u16be(2, 4), b.u32be(0, 0, 262144, 1)), block }
  },
}

const heaps: number[] = []
let given = 0

/** The file in chunks; at each eighth of it the heap is measured. */
async function* file(): AsyncGenerator<Uint8Array> {
  const { head, block } = BLOCKS[form!]!()
  yield head
  for (let round = 0; given < total; round++) {
    const octets = block(round)
    given += octets.length
    yield octets
    if (given < ((heaps.length + 1) * total) / 8) continue
    globalThis.gc!()
    heaps.push(process.memoryUsage().heapUsed)
  }
}

let printed = 0
let failed = ''
const status = await runCli(['decode', ...args, '-'], {
  env: {},
  stdin: file(),
  stdout: {
    write(text: string) {
      printed += text.length
    },
  },
  stderr: {
    write(text: string) {
      failed += text
    },
  },
})
const rss = process.resourceUsage().maxRSS / 1024
process.stdout.write(`${JSON.stringify({ status, given, printed, failed, heaps, rss })}\n`)

// Prefixes by origin AS of an MRT file: node count-origins.mjs rib.mrt
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import {
  asPathOrigin,
  Family,
  MessageType,
  MrtKind,
  MrtReader,
  NlriCursor,
  Outcome,
  parseUpdate,
  RibEntryCursor,
  UpdateView,
  writeExpandedAsPath,
} from 'srv6d/update'

const view = new UpdateView()
const entries = new RibEntryCursor()
const nlri = new NlriCursor()
const path = new Uint8Array(1 << 18)
const prefixes = new Map()
const count = (origin, n) => prefixes.set(origin, (prefixes.get(origin) ?? 0) + n)

// The last AS of the path, 0 when it is empty or ends with a set.
const originOf = () => asPathOrigin(path, 0, writeExpandedAsPath(view, path, 0))

// A table dump has a record a prefix, with an entry for each neighbour that announced it.
function countRib(record) {
  const origins = new Set()
  entries.start(record)
  while (entries.next()) {
    const outcome = parseUpdate(view, entries.buf, entries.at, entries.end, entries.session)
    if (outcome < Outcome.TREAT_AS_WITHDRAW) origins.add(originOf())
  }
  for (const origin of origins) count(origin, 1)
}

// A file of updates has a record a message: what is announced in it counts.
function countMessage({ buf, messageType, messageBodyAt, messageEnd, session }) {
  if (messageType !== MessageType.UPDATE) return
  const outcome = parseUpdate(view, buf, messageBodyAt, messageEnd, session)
  if (outcome < Outcome.TREAT_AS_WITHDRAW) {
    countNlri(view.nlriAt, view.nlriEnd, Family.IPV4_UNICAST)
    if (view.reachFamily !== 0) countNlri(view.reachAt, view.reachEnd, view.reachFamily)
  }
}

function countNlri(at, end, family) {
  let n = 0
  nlri.start(view.buf, at, end, family, (view.addPath & (1 << family)) !== 0, false)
  while (nlri.next()) n++
  if (n > 0) count(originOf(), n)
}

const reader = new MrtReader({
  onRecord(record) {
    if (record.kind === MrtKind.RIB) countRib(record)
    else if (record.kind === MrtKind.MESSAGE) countMessage(record)
  },
})
const file = createReadStream(process.argv[2])
const octets = process.argv[2].endsWith('.gz') ? file.pipe(createGunzip()) : file
for await (const chunk of octets) reader.push(chunk)
reader.end()

for (const [origin, n] of [...prefixes].sort((a, b) => b[1] - a[1]).slice(0, 20)) {
  console.log(`AS${origin}\t${n}`)
}

/**
 * `send RATE ADDRESS…`: datagrams with a number and the time, RATE a second, to one address after
 * the other, from `start` to `stop`; `sent` asks for the number of the next one.
 * `receive`: notes what comes; `report` gives it, and how many came that this process was too slow
 * to take from the kernel, and begins anew.
 */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const PORT = 9000
const [role, rate, ...addresses] = process.argv.slice(2)
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const now = () => Number(process.hrtime.bigint()) / 1e6

/** Datagrams that the kernel dropped as the socket's buffer was full. */
function overflow() {
  const [names, values] = readFileSync('/proc/self/net/snmp', 'utf8').match(/^Udp: .*$/gm)
  const at = names.split(' ').indexOf('RcvbufErrors')
  const six = /^Udp6RcvbufErrors\s+(\d+)/m.exec(readFileSync('/proc/self/net/snmp6', 'utf8'))
  return Number(values.split(' ')[at]) + Number(six[1])
}

if (role === 'receive') {
  const socket = createSocket('udp6')
  let seen = []
  let full = overflow()
  socket.on('message', (octets) => seen.push([octets.readUInt32BE(0), octets.readDoubleBE(4)]))
  socket.bind({ port: PORT, address: '::', recvBufferSize: 4 << 20 })
  createInterface({ input: process.stdin }).on('line', () => {
    const now = overflow()
    say({ seen, untaken: now - full })
    seen = []
    full = now
  })
} else {
  const socket = createSocket(addresses[0].includes(':') ? 'udp6' : 'udp4')
  let sent = 0
  let since = 0
  let timer
  const tick = () => {
    const due = ((now() - since) * Number(rate)) / 1000
    while (sent < due) {
      const octets = Buffer.alloc(12)
      const address = addresses[sent % addresses.length]
      octets.writeUInt32BE(sent++, 0)
      octets.writeDoubleBE(now(), 4)
      socket.send(octets, PORT, address)
    }
  }
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line !== 'sent') clearInterval(timer)
    if (line === 'start') {
      sent = 0
      since = now()
      timer = setInterval(tick, 1)
    }
    say(sent)
  })
}

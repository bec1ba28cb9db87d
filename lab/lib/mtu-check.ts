/** What fits the core passes, and the sender of what does not is told, in the VRF it sent in. */
import type { Checks } from './checks.ts'
import { ceOf, site } from './network.ts'
import { run } from './run.ts'
import { inNamespace } from './topology.ts'

/** MTU of every link of the lab. */
const LINK_MTU = 1500
const ICMP_AND_IP = { 4: 28, 6: 48 } as const

/** Checks from a customer of each VRF; `overhead`: octets that the encapsulation adds. */
export async function checkPathMtu(checks: Checks, overhead: number): Promise<void> {
  const largest = LINK_MTU - overhead
  for (const customer of ['red', 'blue'] as const) {
    for (const family of [4, 6] as const) {
      const name = `path MTU, ${customer} IPv${family}: ${largest} octets pass, of ${LINK_MTU} the sender is told`
      await checks.check(name, () =>
        mustTell(largest, ceOf(customer, 1), site(2, family).ce, family),
      )
    }
  }
}

/** Throws unless `largest` octets pass and a sender of more is told that these do. */
export async function mustTell(
  largest: number,
  from: string,
  to: string,
  family: 4 | 6,
): Promise<void> {
  const pinged = (size: number) => pingOf(size, from, to, family)
  const seen = [await pinged(largest), await pinged(LINK_MTU), await pinged(largest)]
  const wanted = ['reply', `${largest}`, 'reply']
  if (seen.join() !== wanted.join()) throw new Error(seen.join(', '))
}

async function pingOf(size: number, from: string, to: string, family: 4 | 6): Promise<string> {
  const data = `${size - ICMP_AND_IP[family]}`
  const { stdout, stderr } = await run(
    inNamespace(from, [
      'ping',
      '-n',
      '-c',
      '2',
      '-i',
      '0.3',
      '-W',
      '10',
      '-M',
      'do',
      '-s',
      data,
      to,
    ]),
  )
  const text = stdout + stderr
  if (text.includes('bytes from')) return 'reply'
  return /mtu ?[=:] ?(\d+)/.exec(text)?.[1] ?? `silence: ${text.trim().split('\n').pop()}`
}

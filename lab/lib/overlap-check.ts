/** A source that a VRF of this node has bound, as the address of another VRF's remote site. */
import { silentLogger } from '../../src/base/logger.ts'
import type { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { RuleTable } from '../../src/fib/rule-table.ts'
import { SourceBindings } from '../../src/fib/source-bindings.ts'
import { thrownRules } from '../../src/fib/table-rules.ts'
import { parseAddress } from '../../src/wire/address.ts'
import type { Checks } from './checks.ts'
import { expect } from './expect.ts'
import { ip } from './kernel-network.ts'

/** Pods of red, and a prefix of blue's with addresses that a site of red has as well. */
export async function checkOverlap(checks: Checks, kernel: LinuxKernel): Promise<void> {
  const pods = ['10.77.0.0/24', 'fd77::/64']
  const prefixes = [
    { address: parseAddress('10.2.0.0'), bits: 24 },
    { address: parseAddress('2001:db8:2::'), bits: 64 },
  ]
  const rules = new RuleTable(kernel, silentLogger, [])
  const sources = new SourceBindings(rules, { prefixes: [], pools: new Map() })
  /** Where a packet of red's remote site for a pod of red goes, that came in by an interface. */
  const ways = async () => {
    const found: string[] = []
    for (const [pod, site] of [
      ['10.77.0.1', '10.2.0.1'],
      ['fd77::1', '2001:db8:2::1'],
    ]) {
      for (const iif of ['vrf-red', 'red']) {
        const text = await ip(`route get ${pod} from ${site} iif ${iif}`).catch(() => 'nowhere')
        found.push(/dev \S+/.exec(text)?.[0] ?? 'nowhere')
      }
    }
    return found.join()
  }
  const thrown = ['dev core', 'dev core', 'dev core', 'dev core'].join()
  await checks.check(
    "a site's source that another VRF has on this node stays out of it",
    async () => {
      for (const pod of pods) {
        await ip(`route add ${pod} dev core`)
        await ip(`route add throw ${pod} table 10`)
      }
      for (const family of ['-4', '-6'])
        await ip(`${family} route add unreachable default table 20`)
      expect(await ways(), thrown)
      for (const prefix of prefixes) sources.bind(prefix, 20)
      await rules.flush()
      expect((await ways()).includes('nowhere'), true)
      sources.setFirst(thrownRules(['vrf-red', 'red']))
      await rules.flush()
      expect(await ways(), thrown)
    },
  )
  rules.clear()
  await rules.flush()
  rules.stop()
  for (const pod of pods) {
    await ip(`route del ${pod} dev core`)
    await ip(`route del throw ${pod} table 10`)
  }
  for (const family of ['-4', '-6']) await ip(`${family} route del unreachable default table 20`)
}

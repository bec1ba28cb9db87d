/**
 * What the data plane without VRF devices asks of the kernel, against this machine's, in a network
 * namespace of its own; the kernel is asked back with `ip`. Forwarding: table-pair.test.ts.
 */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { waitUntil } from '../../lab/lib/wait-until.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { KernelRule } from '../../src/fib/kernel.ts'
import { Errno, KernelError } from '../../src/fib/kernel-error.ts'
import { LinuxKernel } from '../../src/fib/linux-kernel.ts'
import { RuleTable } from '../../src/fib/rule-table.ts'
import { circuitRules, localRules } from '../../src/fib/table-rules.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { inOwnNamespace, ip } from '../support/namespace.ts'

const rulesOf = (family: 4 | 6) =>
  ip(`-${family} rule`)
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())

async function inNamespace(): Promise<void> {
  ip('link set lo up')
  ip('link add red type veth peer name ce')
  const kernel = new LinuxKernel(silentLogger)
  const bare = { family: 4, iif: '', oif: '', from: null, to: null, protocol: 152 } as const

  await t.test('rules: written, listed, deleted, each as ip has it', async (t) => {
    const rule: KernelRule = {
      ...bare,
      priority: 77,
      iif: 'red',
      from: { address: parseAddress('10.244.7.0'), bits: 26 },
      table: 4000000000,
    }
    await kernel.putRule(rule)
    t.ok(rulesOf(4).includes('77: from 10.244.7.0/26 iif red lookup 4000000000 proto 152'))
    t.same(
      (await kernel.rules()).filter(({ priority }) => priority === 77),
      [rule],
    )
    await t.rejects(kernel.putRule(rule), { message: /EEXIST/ }, 'not twice')
    await kernel.deleteRule({ ...rule, protocol: 4 })
    t.equal(
      (await kernel.rules()).filter(({ priority }) => priority === 77).length,
      1,
      "not another's",
    )
    await kernel.deleteRule(rule)
    await kernel.deleteRule(rule)
    t.same(
      (await kernel.rules()).filter(({ priority }) => priority === 77),
      [],
    )
  })

  await t.test('rules of others that say more are passed over', async (t) => {
    ip('rule add pref 90 fwmark 7 lookup 70')
    ip('rule add pref 91 not from 10.0.0.0/8 lookup 70')
    ip('rule add pref 92 ipproto tcp lookup 70')
    const seen = (await kernel.rules()).map(({ priority }) => priority)
    t.same(
      seen.filter((priority) => priority >= 90 && priority <= 92),
      [],
    )
  })

  await t.test("a circuit's rules come before the local table's, and all go again", async (t) => {
    const before = { 4: rulesOf(4), 6: rulesOf(6) }
    const rules = new RuleTable(kernel, silentLogger, [])
    rules.set('local', localRules())
    rules.set('red', circuitRules('red', 10, parseAddress('2001:db8:ffff::1')))
    await rules.flush()
    t.same(rules.problems, [])
    t.same(rulesOf(4).slice(0, 2).toSorted(), [
      '2: from all iif red lookup 10 proto 152',
      '2: from all oif red lookup 10 proto 152',
    ])
    t.same(rulesOf(4).slice(2, 4), [
      '4: from all iif red unreachable proto 152',
      '5: from all lookup local proto 152',
    ])
    t.notOk(rulesOf(6).some((line) => line.startsWith('0:')))
    const writes = kernel.writes
    await rules.flush()
    t.equal(kernel.writes, writes, 'nothing to do')
    rules.clear()
    await rules.flush()
    t.same({ 4: rulesOf(4), 6: rulesOf(6) }, before)
  })

  await t.test('a rule that was refused is written as soon as it may be', async (t) => {
    const rules = new RuleTable(kernel, silentLogger, [])
    const before = rulesOf(4)
    // The kernel's refusal cannot be had for the asking, so its errno is made up.
    const putRule = kernel.putRule.bind(kernel)
    const refusals = [Errno.ENOMEM, Errno.EPERM]
    kernel.putRule = async (rule) => {
      const errno = refusals.shift()
      if (errno !== undefined) throw new KernelError('RTM_NEWRULE', errno)
      await putRule(rule)
    }
    rules.set('red', [{ family: 4, priority: 77, iif: 'red', table: 10 }])
    await rules.flush()
    t.match(rules.problems, [/ENOMEM/])
    t.same(rulesOf(4), before)
    const line = '77: from all iif red lookup 10 proto 152'
    await waitUntil('the rule', 60, async () => {
      const seen = rulesOf(4)
      return seen.includes(line) ? undefined : seen.join('; ')
    })
    t.same([rules.problems, refusals], [[], []])
    rules.clear()
    await rules.flush()
    rules.stop()
    kernel.putRule = putRule
    t.same(rulesOf(4), before)
  })

  await t.test(
    'a circuit whose table has no route reaches nothing of the main table',
    async (t) => {
      ip('link set red up')
      ip('link set ce up')
      ip('addr add 192.0.2.1/32 dev lo')
      ip('addr add 2001:db8:ffff::1/128 dev lo')
      ip('link add core type veth peer name p')
      ip('link set core up')
      ip('link set p up')
      ip('addr add 198.51.100.1/24 dev core')
      ip('addr add 2001:db8:f::1/64 dev core nodad')
      ip('route add default via 198.51.100.2')
      ip('-6 route add default via 2001:db8:f::2')
      for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
        t.equal(await kernel.sysctl(`net/${path}`, '1'), 'ok')
      }
      ip('-6 route add throw fcbb:bb00:2:1:: table 10')
      const rules = new RuleTable(kernel, silentLogger, [])
      rules.set('local', localRules())
      rules.set('red', circuitRules('red', 10, parseAddress('2001:db8:ffff::1')))
      await rules.flush()
      /** What becomes of a packet that comes in by `red`: 'local', 'dev core', 'unreachable'. */
      const way = (to: string, from: string) => {
        const argv = ['route', 'get', to, 'from', from, 'iif', 'red']
        const { stdout, status } = spawnSync('ip', argv, { encoding: 'utf8' })
        if (status !== 0 || stdout.startsWith('unreachable')) return 'unreachable'
        return stdout.startsWith('local') ? 'local' : /dev \S+/.exec(stdout)?.[0]
      }
      const [v4, v6] = ['10.1.0.1', '2001:db8:1::1']
      t.equal(way('203.0.113.9', v4), 'unreachable', 'IPv4: the default route')
      t.equal(way('192.0.2.1', v4), 'unreachable', 'IPv4: an address of the router')
      t.equal(way('2001:db8:9::9', v6), 'unreachable', 'IPv6: the default route')
      t.equal(way('2001:db8:ffff::1', v6), 'unreachable', 'IPv6: an address of the router')
      t.equal(way('fcbb:bb00:2:1::', v6), 'unreachable', 'a SID that the VRF uses')
      t.equal(
        way('fcbb:bb00:2:1::', '2001:db8:ffff::1'),
        'dev core',
        'but for our own SRv6 packets',
      )
      rules.clear()
      await rules.flush()
      t.equal(way('203.0.113.9', v4), 'dev core', 'without the rules it is the main table')
      t.equal(way('2001:db8:ffff::1', v6), 'local')
    },
  )

  await t.test(
    'a pair: made up and without ARP, adopted, refused where a name is taken',
    async (t) => {
      const made = await kernel.ensurePair('sr10', 'sr10in')
      t.equal(made.created, true)
      const text = ip('link show sr10')
      t.match(text, /NOARP,UP/)
      const address = /link\/ether (\S+)/.exec(text)?.[1]
      t.match(ip('link show sr10in'), `link/ether ${address}`)
      t.same(await kernel.ensurePair('sr10', 'sr10in'), { ...made, created: false })
      await t.rejects(kernel.ensurePair('lo', 'loin'), {
        message: /a plain interface, expected veth/,
      })
      await kernel.removeLink('sr10')
      t.throws(() => ip('link show sr10in'), 'its other end goes with it')
    },
  )

  await t.test('VRF devices: as `ip link add type vrf` finds', async (t) => {
    const has = spawnSync('ip', 'link add probe type vrf table 5'.split(' ')).status === 0
    if (has) ip('link del probe')
    t.equal(await kernel.hasVrfDevices(), has)
    t.notMatch(ip('link'), /srv6d-probe/, 'asking makes none')
  })
  await kernel.close()
}

await inOwnNamespace(t, import.meta.url, inNamespace)

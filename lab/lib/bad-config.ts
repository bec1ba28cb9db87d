import { writeFileSync } from 'node:fs'
import { difference } from './difference.ts'
import { kernelState } from './kernel-view.ts'
import { tail } from './pe.ts'
import { LOGS } from './sandbox.ts'
import type { Srv6dPe } from './srv6d.ts'
import { sleep } from './wait-until.ts'

/** A daemon that refuses its configuration leaves the kernel as it was. */
export async function refusesBadConfig(pe1: Srv6dPe): Promise<string> {
  const file = `${LOGS}/bad.yaml`
  const bad = 'router: { as: 65000, router-id: 192.0.2.1, source: "2001:db8:ffff::1" }\nvrfs: 5\n'
  writeFileSync(file, bad)
  const before = await kernelState('pe1')
  const daemon = pe1.startWith(file)
  const status = await Promise.race([daemon.ended, sleep(180)])
  await daemon.stop('SIGKILL')
  if (status === undefined) throw new Error('it was still running after 180 s')
  if (status === 0) throw new Error('it ended with status 0')
  const after = await kernelState('pe1')
  if (before !== after) throw new Error(`the kernel changed: ${difference(before, after)}`)
  if (!daemon.output().includes(`${file}:2:`)) {
    throw new Error(`no line and column in: ${tail(daemon.output(), 5)}`)
  }
  return `exit status ${status}`
}

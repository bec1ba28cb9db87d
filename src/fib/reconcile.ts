/**
 * The start, the sweep and the second look: takes over what an earlier srv6d left in the kernel
 * without touching it, removes later what nobody asked for again, and finds what the kernel dropped
 * on its own (a device that went down takes its routes, SIDs and nexthop objects with it, silently).
 */
import type { Logger } from '../base/logger.ts'
import type { FibTable } from './fib-table.ts'
import type { Kernel, KernelDump } from './kernel.ts'
import type { LocalSidTable } from './local-sid-table.ts'
import type { NexthopTable } from './nexthop-table.ts'

export interface KernelTables {
  kernel: Kernel
  nexthops: NexthopTable
  fib: FibTable
  sids: LocalSidTable
  log: Logger
}

/** At the start, before anything is asked for: adopts all that carries srv6d's protocol number. */
export async function adoptKernel(tables: KernelTables): Promise<KernelDump> {
  const dump = await tables.kernel.dump()
  tables.nexthops.adopt(dump.nexthops)
  tables.fib.adopt(dump.routes)
  tables.sids.adopt(dump.localSids)
  const { routes, nexthops, localSids } = dump
  if (routes.length + nexthops.length + localSids.length === 0) return dump
  tables.log.info(
    { routes: routes.length, nexthops: nexthops.length, sids: localSids.length },
    'adopted from the kernel',
  )
  return dump
}

/**
 * After the last End-of-RIB or its timer: removes the routes that were adopted and not asked for
 * again. SIDs have a time of their own: neighbours may still send to them.
 */
export async function sweepKernel(tables: KernelTables): Promise<void> {
  const routes = tables.fib.sweep()
  tables.nexthops.sweep()
  if (routes > 0) tables.log.info({ routes }, 'stale routes removed')
  await tables.fib.flush()
}

/** After a link or nexthop event or an overflow: looks again and puts back what went missing. */
export async function resyncKernel(tables: KernelTables): Promise<void> {
  const { fib, sids, nexthops, kernel } = tables
  await sids.flush()
  await fib.exclusively(async () => {
    const dump = await kernel.dump()
    const lost = {
      nexthops: nexthops.resync(dump.nexthops),
      routes: fib.resync(dump.routes),
      sids: sids.resync(dump.localSids),
    }
    fib.retryFailed()
    sids.retryFailed()
    if (lost.nexthops + lost.routes + lost.sids > 0) {
      tables.log.warn(lost, 'the kernel had lost some of ours, putting them back')
    }
  })
  await sids.flush()
}

/**
 * Removes every SID, then every route but the last resorts, and nexthop object of srv6d: a SID whose
 * next hop has no route any more would send a customer's packets by the main table's default route.
 */
export async function clearKernel({ fib, sids, nexthops }: KernelTables): Promise<void> {
  sids.unwantAll()
  await sids.flush()
  fib.unwantRoutes()
  nexthops.sweep()
  await fib.flush()
}

/** A KernelWatcher that only notes what kinds of change it hears of. */
import type { KernelWatcher } from '../../src/fib/kernel.ts'

export type Kind = 'link' | 'address' | 'route' | 'nexthop' | 'rule' | 'setting' | 'overflow'

export class Heard implements KernelWatcher {
  readonly kinds: Kind[] = []

  onLink(): void {
    this.kinds.push('link')
  }

  onLinkGone(): void {
    this.kinds.push('link')
  }

  onAddress(): void {
    this.kinds.push('address')
  }

  onRoute(): void {
    this.kinds.push('route')
  }

  onNexthop(): void {
    this.kinds.push('nexthop')
  }

  onRule(): void {
    this.kinds.push('rule')
  }

  onSetting(): void {
    this.kinds.push('setting')
  }

  onOverflow(): void {
    this.kinds.push('overflow')
  }
}

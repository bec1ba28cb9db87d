/**
 * Programs of another Debian suite, in a root made by lab/root: FRR and GoBGP in the versions the
 * tests name, whatever the host is, and no service of theirs on the host. '/' is the host itself.
 */
import { must } from './run.ts'

export const inRoot = (root: string, argv: string[]): string[] =>
  root === '/' ? argv : ['chroot', root, ...argv]

export const pathIn = (root: string, path: string): string =>
  root === '/' ? path : `${root}${path}`

/** Gives a root the sandbox's /run, /proc and /dev. */
export async function mountRoot(root: string): Promise<void> {
  if (root === '/') return
  for (const d of ['/run', '/proc', '/dev']) await must(['mount', '--rbind', d, pathIn(root, d)])
}

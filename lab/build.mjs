/**
 * Bundles each lab program into one file, dist/lab/NAME.mjs: in the virtual machine a TypeScript
 * loader or a thousand module files would take most of the time.
 */
import { build } from 'esbuild'

const here = (path) => new URL(path, import.meta.url).pathname

await build({
  entryPoints: [
    'demo.ts',
    'demo-network.ts',
    'demo-provider-edge.ts',
    'demo-customer-edge.ts',
    'pe-pair.ts',
    'restart.ts',
    'failover.ts',
    'frr-interop.ts',
    'kernel-check.ts',
    'sid-change.ts',
    'node-speaker.ts',
    'provider-edge.ts',
    'pe-namespace.ts',
    'customer-edge.ts',
    'churn-speaker.ts',
    'cilium-maps.ts',
    'kernel-faults.ts',
    '../src/fib/fib-worker.ts',
  ].map(here),
  outdir: here('../dist/lab'),
  entryNames: '[name]',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['koffi'],
  logLevel: 'warning',
})

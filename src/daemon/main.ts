import { runDaemon } from './lifecycle.ts'

// Explicitly: the blocking read for kernel notifications would hold the process.
process.exit(await runDaemon(process.argv.slice(2)))

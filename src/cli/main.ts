/** The program srv6d-cli. */
import { runCli } from './commands.ts'

// `srv6d-cli show routes | head`: the reader has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(
    `srv6d-cli: standard output cannot be written: ${error.code ?? error.message}\n`,
  )
  process.exit(1)
})
process.exitCode = await runCli(process.argv.slice(2), process)

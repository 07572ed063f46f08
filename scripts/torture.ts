/** `npm run torture -- commands` or `-- store`: one program each, with its own options. */
import { endWithUsage } from '../api/src/command-line.ts'

const programs = new Map([
  ['commands', './torture/commands.ts'],
  ['store', './torture/store.ts'],
])
const program = programs.get(process.argv[2] ?? '')
if (!program) endWithUsage('Usage: npm run torture -- commands|store [options] [--help]')
await import(program)

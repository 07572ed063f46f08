/** `npm run torture -- commands` or `-- store`: one program each, with its own options. */
const programs = new Map([
  ['commands', './torture/commands.ts'],
  ['store', './torture/store.ts'],
])
const program = programs.get(process.argv[2] ?? '')
if (!program) {
  console.error('Usage: npm run torture -- commands|store [options]')
  process.exit(2)
}
await import(program)

/** `npm run verify -- BUNDLE`: is this evidence what was signed, and is it all of it? 0 intact, 1 altered, 2 unusable. */
import { parseArgs } from 'node:util'
import { parseNoteKey } from '@travessia/schemas/evidence/note'
import { signedBefore, verifyBundle } from '../api/src/audit/verify.ts'
import { reportLines } from '../api/src/audit/verify-report.ts'

const usage =
  'Usage: npm run verify -- BUNDLE [--key KEY]... [--since OLDER_BUNDLE]   (KEY: name+id+base64, see README)'
const shown = 20

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { since: { type: 'string' }, key: { type: 'string', multiple: true, default: [] } },
  })
  const [path, ...more] = positionals
  const keys = values.key.flatMap((text) => parseNoteKey(text) ?? [])
  if (path === undefined || more.length > 0 || keys.length < values.key.length)
    throw new RangeError(usage)
  const begun = performance.now()
  const before = values.since === undefined ? undefined : await signedBefore(values.since, keys)
  const report = await verifyBundle(path, keys, before)
  for (const line of reportLines(report, shown)) console.log(line)
  const seconds = (performance.now() - begun) / 1000
  console.log(`${report.events} events in ${seconds.toFixed(2)} s`)
  process.exitCode = report.wrong.length + report.missing.length > 0 ? 1 : 0
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}

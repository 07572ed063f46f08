/** `npm run verify -- BUNDLE`: is this evidence what was signed, and is it all of it? 0 intact, 1 altered, 2 unusable. */
import { parseNoteKey } from '@travessia/schemas/evidence/note'
import { verifyBundle } from '@travessia/schemas/evidence/verify'
import { reportLines, verdictOf } from '@travessia/schemas/evidence/verify-report'
import { openFile } from '../api/src/audit/open-file.ts'
import { endInFailure, endWithUsage, readArguments } from '../api/src/command-line.ts'

const usage =
  'Usage: npm run verify -- BUNDLE [--key KEY]... [--since OLDER]   (KEY: name+id+base64; OLDER: a bundle, or what an agent keeps; see README)'
const shown = 20

try {
  const { positionals, values } = readArguments(usage, {
    allowPositionals: true,
    options: { since: { type: 'string' }, key: { type: 'string', multiple: true, default: [] } },
  })
  const [path, ...more] = positionals
  const keys = values.key.flatMap((text) => parseNoteKey(text) ?? [])
  if (path === undefined || more.length > 0 || keys.length < values.key.length) endWithUsage(usage)
  const begun = performance.now()
  const since = values.since === undefined ? {} : { since: await openFile(values.since) }
  const report = await verifyBundle(await openFile(path), { keys, ...since })
  for (const line of reportLines(report, shown)) console.log(line)
  const seconds = (performance.now() - begun) / 1000
  console.log(`${report.events} events in ${seconds.toFixed(2)} s`)
  process.exitCode = verdictOf(report) === 'intact' ? 0 : 1
} catch (error) {
  endInFailure(error)
}

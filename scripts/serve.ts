/** `npm run serve`: a cloud node without the demo, in this process; configured by `TRAVESSIA_*` (README). */
import { readArguments } from '../api/src/command-line.ts'
import { buildPwaIfStale } from './builds.ts'

readArguments('Usage: npm run serve   (configured by TRAVESSIA_*, see README)', {})
buildPwaIfStale()
await import('../api/src/main.ts')

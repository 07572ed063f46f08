/** `npm run serve`: a cloud node without the demo, in this process; configured by `TRAVESSIA_*` (README). */
import { buildPwaIfStale } from './builds.ts'

buildPwaIfStale()
await import('../api/src/main.ts')

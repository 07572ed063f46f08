/** Before files that start programs side by side: none of them must find a build half written. */
import { buildAgentIfStale, buildPwaIfStale } from '../scripts/builds.ts'

export function setup(): void {
  buildPwaIfStale()
  buildAgentIfStale()
}

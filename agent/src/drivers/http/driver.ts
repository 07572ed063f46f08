/** Any HTTP device: its page and API are reached through the tunnel; it has no commands of ours. */
import type { Driver } from '../driver.ts'

export function createDriver(): Driver {
  return {
    kind: 'http',
    execute: async ({ name }) => ({ outcome: 'unsupported', detail: name }),
  }
}

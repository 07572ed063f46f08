/** What the stage is told to show. */
import type { eventWithTime } from '@rrweb/types'

export type StageMessage =
  | { readonly kind: 'page'; readonly html: string; readonly title: string }
  /** In order of time, ms since 1970. */
  | { readonly kind: 'recording'; readonly events: readonly eventWithTime[] }
  /** The screen as it was at this time, ms since 1970. */
  | { readonly kind: 'seek'; readonly timeMs: number }

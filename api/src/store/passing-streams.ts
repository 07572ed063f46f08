/** Kinds of streams that end and may expire as a whole (ADR 28); all others make the state of today. */
import type { StreamKind } from '@travessia/schemas/events'

export const passingKinds = ['session', 'command', 'camera', 'passage', 'audit'] as const
export const passing: ReadonlySet<StreamKind> = new Set(passingKinds)

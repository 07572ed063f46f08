/** Somebody looking at a camera: begun once, ended once; or one picture, which needs no end. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { CameraFact, Fact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

export type ViewMode = Fact<'CameraViewOpened'>['data']['mode']
type ViewEnd = Fact<'CameraViewClosed'>['data']

type ViewingState = 'none' | 'open' | 'ended'

export type ViewingIntent =
  | { readonly type: 'OpenView'; readonly mode: ViewMode }
  | { readonly type: 'CloseView'; readonly end: ViewEnd }
  | { readonly type: 'RequestSnapshot' }

export const viewing: Decider<ViewingState, ViewingIntent, CameraFact> = {
  initialState: 'none',

  decide(intent, state) {
    if (intent.type === 'CloseView')
      return state === 'open' ? [{ type: 'CameraViewClosed', data: intent.end }] : []
    if (state !== 'none') throw new TravessiaError('CONFLICT')
    return intent.type === 'OpenView'
      ? [{ type: 'CameraViewOpened', data: { mode: intent.mode } }]
      : [{ type: 'CameraSnapshotRequested', data: {} }]
  },

  evolve(_state, { type }) {
    return type === 'CameraViewOpened' ? 'open' : 'ended'
  },
}

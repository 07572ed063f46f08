/** A file that was uploaded for a device: kept, then removed, once. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { Fact, FileFact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

type FileState =
  | { readonly status: 'none' | 'removed' }
  | { readonly status: 'kept'; readonly name: string }

export type FileIntent =
  | { readonly type: 'KeepFile'; readonly kept: Fact<'FileUploaded'>['data'] }
  | { readonly type: 'RemoveFile'; readonly reason: Fact<'FileRemoved'>['data']['reason'] }

export const file: Decider<FileState, FileIntent, FileFact> = {
  initialState: { status: 'none' },

  decide(intent, state) {
    switch (intent.type) {
      case 'KeepFile':
        if (state.status !== 'none') throw new TravessiaError('CONFLICT')
        return [{ type: 'FileUploaded', data: intent.kept }]
      case 'RemoveFile':
        return state.status === 'kept'
          ? [{ type: 'FileRemoved', data: { name: state.name, reason: intent.reason } }]
          : []
    }
  },

  evolve(_state, fact) {
    switch (fact.type) {
      case 'FileUploaded':
        return { status: 'kept', name: fact.data.name }
      case 'FileRemoved':
        return { status: 'removed' }
    }
  },
}

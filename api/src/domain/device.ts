/** A device of an installation, and the installation itself: made, changed, removed; and what the device is now. */
import type { DeviceStatus } from '@travessia/schemas/device-state'
import { TravessiaError } from '@travessia/schemas/errors'
import type { DeviceFact, Fact, InstallationFact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

export type DeviceFields = Fact<'DeviceRegistered'>['data']
type InstallationFields = Fact<'InstallationCreated'>['data']

type Existence<Fields> =
  | { readonly status: 'none' | 'removed' }
  | {
      readonly status: 'there'
      readonly fields: Fields
      readonly reported?: DeviceStatus
      readonly delivered?: Delivered
    }

export type Reported = Fact<'DeviceStateChanged'>['data']
type Delivered = Fact<'DeviceCredentialsDelivered'>['data']

type DeviceIntent =
  | { readonly type: 'RegisterDevice'; readonly fields: DeviceFields }
  | { readonly type: 'ChangeDevice'; readonly changes: Partial<DeviceFields> }
  | { readonly type: 'RemoveDevice' }
  /** From its agent; the same status again is no news, a removed device has none. */
  | { readonly type: 'ReportState'; readonly reported: Reported }
  /** The same to the same agent again is no news. */
  | { readonly type: 'DeliverCredentials'; readonly delivered: Delivered }

export const device: Decider<Existence<DeviceFields>, DeviceIntent, DeviceFact> = {
  initialState: { status: 'none' },

  decide(intent, state) {
    switch (intent.type) {
      case 'RegisterDevice':
        if (state.status !== 'none') throw new TravessiaError('CONFLICT')
        return [{ type: 'DeviceRegistered', data: intent.fields }]
      case 'ChangeDevice':
        return [{ type: 'DeviceChanged', data: { ...fieldsOf(state), ...intent.changes } }]
      case 'RemoveDevice':
        fieldsOf(state)
        return [{ type: 'DeviceRemoved', data: {} }]
      case 'ReportState':
        return state.status === 'there' && state.reported !== intent.reported.status
          ? [{ type: 'DeviceStateChanged', data: intent.reported }]
          : []
      case 'DeliverCredentials':
        fieldsOf(state)
        return state.status === 'there' && isSame(state.delivered, intent.delivered)
          ? []
          : [{ type: 'DeviceCredentialsDelivered', data: intent.delivered }]
    }
  },

  evolve(state, fact) {
    switch (fact.type) {
      case 'DeviceRegistered':
      case 'DeviceChanged':
        return { ...state, status: 'there', fields: fact.data }
      case 'DeviceRemoved':
        return { status: 'removed' }
      case 'DeviceStateChanged':
        return state.status === 'there' ? { ...state, reported: fact.data.status } : state
      case 'DeviceCredentialsDelivered':
        return state.status === 'there' ? { ...state, delivered: fact.data } : state
    }
  },
}

type InstallationIntent =
  | { readonly type: 'CreateInstallation'; readonly fields: InstallationFields }
  | { readonly type: 'ChangeInstallation'; readonly changes: Partial<InstallationFields> }
  | { readonly type: 'RemoveInstallation' }

export const installation: Decider<
  Existence<InstallationFields>,
  InstallationIntent,
  InstallationFact
> = {
  initialState: { status: 'none' },

  decide(intent, state) {
    switch (intent.type) {
      case 'CreateInstallation':
        if (state.status !== 'none') throw new TravessiaError('CONFLICT')
        return [{ type: 'InstallationCreated', data: intent.fields }]
      case 'ChangeInstallation':
        return [{ type: 'InstallationChanged', data: { ...fieldsOf(state), ...intent.changes } }]
      case 'RemoveInstallation':
        fieldsOf(state)
        return [{ type: 'InstallationRemoved', data: {} }]
    }
  },

  evolve(_state, fact) {
    switch (fact.type) {
      case 'InstallationCreated':
      case 'InstallationChanged':
        return { status: 'there', fields: fact.data }
      case 'InstallationRemoved':
        return { status: 'removed' }
    }
  },
}

function isSame(one: Delivered | undefined, other: Delivered): boolean {
  return one?.agentId === other.agentId && one.credentialsVersion === other.credentialsVersion
}

function fieldsOf<Fields>(state: Existence<Fields>): Fields {
  if (state.status !== 'there') throw new TravessiaError('NOT_FOUND')
  return state.fields
}

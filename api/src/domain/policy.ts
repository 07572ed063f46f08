/** What a customer's administrators want to hold for everybody. One stream per tenant. */
import type { PolicyFact } from '@travessia/schemas/events'
import type { SecondPerson } from '@travessia/schemas/second-person'
import type { Decider } from './decider.ts'

export type PolicyState = { readonly secondPerson: SecondPerson }
type PolicyIntent = { readonly type: 'ChangePolicy'; readonly secondPerson: SecondPerson }

/** Nobody has asked for anything. */
export const noPolicy: PolicyState = { secondPerson: { safety: [], deviceIds: [] } }

export const policy: Decider<PolicyState, PolicyIntent, PolicyFact> = {
  initialState: noPolicy,

  decide({ secondPerson }, state) {
    const isSame = JSON.stringify(secondPerson) === JSON.stringify(state.secondPerson)
    return isSame ? [] : [{ type: 'PolicyChanged', data: { secondPerson } }]
  },

  evolve(_state, { data }) {
    return { secondPerson: data.secondPerson }
  },
}

/** The places of a customer, each with its agent. */
import { type Static, Type } from 'typebox'
import { agentStateSchema } from './agents.ts'
import { closed, id, list, name, time } from './fields.ts'

export const installationBody = Type.Object(
  { name, customer: Type.Optional(Type.String({ maxLength: 80 })) },
  closed,
)
export const changeInstallationBody = Type.Partial(installationBody, closed)
export const installationSchema = Type.Object({
  id,
  name: Type.String(),
  slug: Type.String(),
  customer: Type.String(),
  createdAt: time,
  agent: agentStateSchema,
  deviceCount: Type.Integer(),
})
export type Installation = Static<typeof installationSchema>
export const installationList = list(installationSchema)

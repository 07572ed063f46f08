/** People of a customer: registration, sign-in, roles, erasure. */
import { type Static, Type } from 'typebox'
import { roles } from '../devices.ts'
import { closed, id, list, name, nullable, time } from './fields.ts'

const email = Type.String({
  minLength: 3,
  maxLength: 254,
  pattern: '^[^\\s@\\u0000-\\u001f]+@[^\\s@\\u0000-\\u001f]+$',
})
export const registerBody = Type.Object(
  {
    email,
    password: Type.String({ maxLength: 200 }),
    name: Type.Optional(name),
    tenantName: Type.Optional(name),
  },
  closed,
)
export const loginBody = Type.Object({ email, password: Type.String({ maxLength: 200 }) }, closed)
export const userSchema = Type.Object({
  id,
  email: Type.String(),
  name: Type.String(),
  role: Type.Enum(roles),
  tenantId: id,
  tenantName: Type.String(),
  /** null: all installations of the tenant. */
  installationIds: nullable(Type.Array(id)),
  language: Type.Enum(['pt-BR', 'en']),
})
export type User = Static<typeof userSchema>
export const signedInSchema = Type.Object({
  token: Type.String(),
  expiresAt: time,
  user: userSchema,
})
export type SignedIn = Static<typeof signedInSchema>
export const createUserBody = Type.Object(
  {
    email,
    password: Type.String({ maxLength: 200 }),
    name,
    role: Type.Enum(roles),
    installationIds: Type.Optional(nullable(Type.Array(id, { maxItems: 500 }))),
  },
  closed,
)
export const changeUserBody = Type.Object(
  {
    role: Type.Optional(Type.Enum(roles)),
    installationIds: Type.Optional(nullable(Type.Array(id, { maxItems: 500 }))),
    disabled: Type.Optional(Type.Boolean()),
  },
  closed,
)
/** It cannot be undone. */
export const eraseUserBody = Type.Object({ confirm: Type.Optional(Type.Literal(true)) }, closed)
export const changeMeBody = Type.Object(
  { name: Type.Optional(name), language: Type.Optional(Type.Enum(['pt-BR', 'en'])) },
  closed,
)
export const changePasswordBody = Type.Object(
  { password: Type.String({ maxLength: 200 }), newPassword: Type.String({ maxLength: 200 }) },
  closed,
)
export const userList = list(userSchema)

/** Customers: their installations, their people with roles and sign-ins, their policy. */
import { Type } from 'typebox'
import { roles } from '../devices.ts'
import { secondPersonSchema } from '../second-person.ts'
import { data, id, optional, text } from './fields.ts'

export const installation = {
  InstallationCreated: data({ name: text, slug: text, customer: text }),
  InstallationChanged: data({ name: text, slug: text, customer: text }),
  InstallationRemoved: data({}),
}

export const access = {
  TenantCreated: data({ name: text }),
  UserRegistered: data({ userId: id, name: text }),
  UserSignedIn: data({ userId: id, clientIp: text }),
  SignInFailed: data({ userId: optional(id), clientIp: text }),
  UserSignedOut: data({ userId: id }),
  PasswordChanged: data({ userId: id }),
  RoleGranted: data({
    userId: id,
    role: Type.Enum(roles),
    installationIds: optional(Type.Array(id)),
  }),
  RoleRevoked: data({ userId: id }),
  /** May not sign in, nor have done what they asked for, until restored; keeps the role. */
  AccessSuspended: data({ userId: id }),
  AccessRestored: data({ userId: id }),
  /** The key of what the log and the blobs hold of this person is destroyed from now on. */
  SubjectErased: data({ userId: id }),
  AccessDenied: data({ errorCode: text, method: text, path: text }),
}

export const policy = {
  PolicyChanged: data({ secondPerson: secondPersonSchema }),
}

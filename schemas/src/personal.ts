/**
 * What in an event is about a person. It is sealed before the event is hashed and stored, and opened for whoever reads by
 * the API; once that person is erased, nobody opens it any more and every hash stays valid.
 */
import type { EventType, Fact } from './events.ts'

/** Stands where something was that is erased. */
export const erasedText = '[erased]'

/** Whose it is: of the one who acts, or of the `userId` that the event is about (of nobody known: the tenant's). */
export type Whose = 'actor' | 'user'

type TextFields<T extends EventType> = {
  [K in keyof Fact<T>['data'] as string extends Fact<T>['data'][K] ? K : never]?: Whose
}

export const personalFields: { readonly [T in EventType]?: TextFields<T> } = {
  SessionRequested: { clientIp: 'actor', userAgent: 'actor' },
  UserRegistered: { name: 'user' },
  UserSignedIn: { clientIp: 'user' },
  SignInFailed: { clientIp: 'user' },
}

/** The data without what is about a person: for those who are not to read it. */
export function withoutPersonal({ type, data }: Fact): Readonly<Record<string, unknown>> {
  const fields = personalFields[type] ?? {}
  const isPersonal = (name: string) =>
    Object.hasOwn(fields, name) || (name === 'headers' && eventsWithHeaders.has(type))
  return Object.fromEntries(Object.entries(data).filter(([name]) => !isPersonal(name)))
}

/** In the `headers` of these events such values are the actor's. */
export const eventsWithHeaders = new Set<EventType>(['HttpRequestForwarded', 'WebSocketOpened'])
export const personalHeaders = new Set([
  ...['user-agent', 'from', 'x-forwarded-for', 'forwarded', 'x-real-ip', 'x-client-ip'],
  ...['true-client-ip', 'cf-connecting-ip', 'fastly-client-ip', 'x-cluster-client-ip'],
])

/** The last good answers of the server, for when there is no network; all of them go at sign-out (THREATS U9). */
import { clear, get, set } from 'idb-keyval'

export type Snapshot<T> = { readonly value: T; readonly seenAt: string }

/** A full or forbidden store is no reason to fail: there is just no snapshot then. */
export const remember = <T>(path: string, value: T): Promise<void> =>
  set(path, { value, seenAt: new Date().toISOString() }).catch(() => undefined)

export const recall = <T>(path: string): Promise<Snapshot<T> | undefined> =>
  get<Snapshot<T>>(path).catch(() => undefined)

export const forgetAll = (): Promise<void> => clear().catch(() => undefined)

/** The last good answers of the server, for when there is no network; all of them go at sign-out. */
import { clear, get, set } from 'idb-keyval'

type Snapshot<T> = { readonly value: T; readonly seenAt: string }

let isLeaving = false

/** A full or forbidden store is no reason to fail: there is just no snapshot then. */
export async function remember<T>(path: string, value: T): Promise<void> {
  if (isLeaving) return
  await set(path, { value, seenAt: new Date().toISOString() }).catch(() => undefined)
}

export const recall = <T>(path: string): Promise<Snapshot<T> | undefined> =>
  get<Snapshot<T>>(path).catch(() => undefined)

/** Answers that are still on their way to this page are not for whoever is signed in now. */
export function keepNothing(): void {
  isLeaving = true
}

/** @param leaves the person signs out: answers that are still on their way are not kept either */
export function forgetAll(leaves = false): Promise<void> {
  isLeaving = leaves
  return clear().catch(() => undefined)
}

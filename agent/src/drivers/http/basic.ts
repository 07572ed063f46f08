import type { Credentials } from '@travessia/schemas/devices'

/** RFC 7617: the value of `Authorization`. */
export function basic({ login, password }: Credentials): string {
  return `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`
}

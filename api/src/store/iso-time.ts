import { TravessiaError } from '@travessia/schemas/errors'

/** As the log writes times. @throws TravessiaError MESSAGE_INVALID: no such time (the 60th second passes the schema) */
export function isoTime(time: string | number): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) throw new TravessiaError('MESSAGE_INVALID', { at: '/time' })
  return date.toISOString()
}

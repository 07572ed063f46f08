/** Histories of one customer for property tests. */
import { eventTypes, streamKindOf } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { sampleData } from '../audit/sample-data.fixture.ts'
import type { Append, NewEvent } from '../store/event-store.ts'

export const tenantId = newId()
const ids = Array.from({ length: 4 }, newId)

/** Any fact about one of a few things, valid by its schema but in any order: views must not care. */
export const fact = fc
  .record({
    type: fc.constantFrom(...eventTypes),
    stream: fc.nat(3),
    place: fc.nat(3),
    request: fc.nat(3),
  })
  .map(({ type, stream, place, request }): Append => {
    const base: object = sampleData[type]
    const data = 'requestId' in base ? { ...base, requestId: ids[request] } : base
    const one = {
      ...{ actor: { type: 'user', id: ids[place] }, at: '2026-11-24T12:00:00.000Z', type, data },
      ...{
        correlationId: ids[0],
        installationId: ids[place],
        deviceId: ids[stream],
        agentId: ids[place],
      },
    }
    return {
      ...{ tenantId, streamKind: streamKindOf(type), expected: 'any', events: [one as NewEvent] },
      streamId: `${streamKindOf(type).replaceAll('_', '')}${ids[stream]}`
        .slice(0, 26)
        .padEnd(26, '0'),
    }
  })

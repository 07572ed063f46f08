import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { brokerLimits } from './broker.ts'
import { listenerLimits } from './listeners.ts'
import { maxTextBytes } from './packet-scanner.ts'
import { maxQueued } from './session-quota.ts'
import { lineLimits } from './waiting-line.ts'

const factors: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2 }

test('docs/protocol.md names each limit of the broker with its value', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/protocol.md'), 'utf8')
  const rows = text.matchAll(/\| ([\d,]+) ?(\w*) \| `(\w+)` \|/g)
  const written = [...rows].map(([, number = '', unit = '', name = '']) => {
    const factor = unit === 's' && name.endsWith('Ms') ? 1_000 : (factors[unit] ?? 1)
    return [name, Number(number.replace(',', '')) * factor]
  })
  const inCode = { ...brokerLimits, ...listenerLimits, ...lineLimits, maxTextBytes, maxQueued }
  // That one is a setting, with its default in the configuration.
  expect(Object.fromEntries(written)).toEqual({ ...inCode, maxSocketsPerIp: 200 })
})

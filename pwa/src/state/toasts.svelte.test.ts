import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiError } from '../api.ts'
import { m } from '../paraglide/messages.js'
import { toasts } from './toasts.svelte.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  toasts.items = []
})

const refused = new ApiError({
  ...{ type: 'about:blank', code: 'DEVICE_UNKNOWN', title: 'x', status: 404 },
  correlationId: 'ref-1',
})

test('what was done goes by itself; what failed stays until tapped, with its reference', async () => {
  toasts.show('Feito.')
  vi.advanceTimersByTime(60_000)
  expect(toasts.items).toEqual([])
  await toasts.attempt(() => Promise.reject(refused))
  vi.advanceTimersByTime(60_000)
  const [item] = toasts.items
  expect(item?.text).toContain(m.error_correlation({ id: 'ref-1' }))
  toasts.dismiss(item?.id ?? 0)
  expect(toasts.items).toEqual([])
})

test('what could be copied says so, and a clipboard that refuses says that it did', async () => {
  const write = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue()
  await toasts.copy('a', 'Copiado.')
  expect(toasts.items[0]?.text).toBe('Copiado.')
  write.mockRejectedValue(new DOMException('no', 'NotAllowedError'))
  await toasts.copy('a', 'Copiado.')
  expect(toasts.items[0]?.text).toBe(m.copy_refused())
})

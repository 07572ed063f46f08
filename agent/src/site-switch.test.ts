import { join } from 'node:path'
import type { SitePolicy } from '@travessia/schemas/site-policy'
import { ResetCode } from '@travessia/schemas/tunnel-frame'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { temporaryDirectory } from './fixtures.ts'
import { pause, pausePathOf, resume } from './pause.ts'
import { SiteSwitch } from './site-switch.ts'

const noon = Date.parse('2026-11-25T12:00:00Z')

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'], now: noon })
})
afterEach(() => void vi.useRealTimers())

function siteSwitch(policy?: SitePolicy) {
  const pausePath = pausePathOf(join(temporaryDirectory(), 'config.json'))
  const cuts: ResetCode[] = []
  /** What the cloud would be told, each time that it is told. */
  const told: Array<SiteSwitch['said']> = []
  const site: SiteSwitch = new SiteSwitch({
    pausePath,
    policy: () => policy,
    cut: (code) => cuts.push(code),
    turned: () => told.push(site.said),
  })
  onTestFinished(() => site.stop())
  return { site, pausePath, cuts, told }
}

test('a pause ends what is open and is told within a second, once', () => {
  const { site, pausePath, cuts, told } = siteSwitch()
  site.start()
  vi.advanceTimersByTime(5_000)
  expect([cuts, told]).toEqual([[], []])
  pause(pausePath, null)
  vi.advanceTimersByTime(1_000)
  expect([cuts, told]).toEqual([[ResetCode.paused], [null]])
  vi.advanceTimersByTime(5_000)
  expect([cuts, told]).toEqual([[ResetCode.paused], [null]])
})

test('its end is told within a second and ends nothing, whether somebody resumes it or its time is over', () => {
  const { site, pausePath, cuts, told } = siteSwitch()
  pause(pausePath, null)
  site.start()
  resume(pausePath)
  vi.advanceTimersByTime(1_000)
  expect(told).toEqual([undefined])
  pause(pausePath, noon + 3_500)
  vi.advanceTimersByTime(1_000)
  expect(told).toEqual([undefined, noon + 3_500])
  vi.advanceTimersByTime(2_000)
  expect(told).toEqual([undefined, noon + 3_500, undefined])
  expect(cuts).toEqual([ResetCode.paused])
})

test('a pause that gets another end is told anew', () => {
  const { site, pausePath, told } = siteSwitch()
  site.start()
  for (const until of [noon + 60_000, noon + 120_000, null]) {
    pause(pausePath, until)
    vi.advanceTimersByTime(1_000)
  }
  expect(told).toEqual([noon + 60_000, noon + 120_000, null])
})

test('a pause of before the start holds from the start, and is what the cloud is told first', () => {
  const { site, pausePath, told } = siteSwitch()
  pause(pausePath, null)
  site.start()
  expect([site.said, site.isPaused(), site.wasPaused()]).toEqual([null, true, true])
  vi.advanceTimersByTime(5_000)
  expect(told).toEqual([])
})

test('an order sees the switch at once, a request within 20 ms, on and off, before anybody is told', () => {
  const { site, pausePath, told } = siteSwitch()
  site.start()
  expect([site.isPaused(), site.wasPaused()]).toEqual([false, false])
  pause(pausePath, noon + 60_000)
  expect(site.isPaused()).toBe(true)
  vi.advanceTimersByTime(20)
  expect(site.wasPaused()).toBe(true)
  resume(pausePath)
  expect(site.isPaused()).toBe(false)
  vi.advanceTimersByTime(20)
  expect(site.wasPaused()).toBe(false)
  expect(told).toEqual([])
})

test('what is open when the hours of the site are over ends within a second, and so does what opens later', () => {
  const open = [{ days: ['wed' as const], from: '08:00', to: '18:00' }]
  const { site, cuts, told } = siteSwitch({ hours: { timeZone: 'UTC', open } })
  vi.setSystemTime(Date.parse('2026-11-25T17:59:58Z'))
  site.start()
  vi.advanceTimersByTime(1_000)
  expect(cuts).toEqual([])
  vi.advanceTimersByTime(1_000)
  expect(cuts).toEqual([ResetCode.policyHours])
  vi.advanceTimersByTime(1_000)
  expect(cuts).toEqual([ResetCode.policyHours, ResetCode.policyHours])
  expect([told, site.isPaused()]).toEqual([[], false])
})

test('after the stop it neither looks nor tells', () => {
  const { site, pausePath, cuts, told } = siteSwitch()
  site.start()
  site.stop()
  pause(pausePath, null)
  vi.advanceTimersByTime(5_000)
  expect([cuts, told]).toEqual([[], []])
})

import type { AuditEvent, Session } from '@travessia/schemas/api'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import '../parts.css'
import SessionReplay from './session-replay.svelte'

const start = Date.parse('2026-11-24T12:00:00.000Z')
const timeAt = (second: number) => new Date(start + second * 1_000).toISOString()
let position = 0
function event(type: string, second: number, data: object = {}, more: object = {}): AuditEvent {
  position += 1
  return {
    ...{ id: `e${position}`, position, logIndex: position, version: position, type, data },
    ...{ at: timeAt(second), summary: `sentence of ${type}`, actor: { type: 'user', id: 'u' } },
    ...more,
  } as AuditEvent
}
const session = {
  ...{ id: 's', deviceId: 'd', deviceName: 'Catraca', installationName: 'Matriz' },
  ...{ userName: 'Ana', status: 'CLOSED', access: 'full', reason: 'ver', requests: 1 },
  ...{ bytesIn: 0, bytesOut: 10, openedAt: timeAt(0), endedAt: timeAt(30) },
} as unknown as Session
const request = { requestId: 'r', method: 'GET', path: '/lista' }
const answer = { requestId: 'r', status: 200, durationMs: 900, responseBody: { bytes: 10 } }
const auditOf = (events: readonly AuditEvent[], gaps = 0) =>
  Response.json({ session, gaps, hasMoreGaps: false, events })
let asked: string[] = []
let answers: Record<string, () => Response> = {}

beforeEach(() => {
  asked = []
  const events = [
    event('SessionRequested', 0, { clientIp: '203.0.113.9' }),
    event('HttpRequestForwarded', 5, request),
    event('HttpResponseReceived', 6, answer),
    event('HttpRequestRefused', 20, { requestId: 'x', method: 'POST', path: '/apaga' }),
    event('SessionClosed', 30),
  ]
  const commands = [
    event('CommandSucceeded', 11, {}, { commandId: 'c' }),
    event('CommandIssued', 10, {}, { commandId: 'c' }),
  ]
  for (const [index, one] of commands.toReversed().entries())
    Object.assign(one, { position: 2.5 + index / 10 })
  answers = {
    'POST /api/audit/sessions/s/replays': () => Response.json({ id: 'p' }, { status: 201 }),
    'GET /api/audit/sessions/s': () => auditOf(events),
    'GET /api/audit/events': () => Response.json({ items: commands }),
    'GET /api/audit/integrity': () =>
      Response.json({
        ...{ status: 'intact', size: 99, signedAt: timeAt(31), gaps: 3, hasMoreGaps: false },
        witnesses: { agents: 1, size: 99 },
      }),
  }
  vi.stubGlobal('fetch', async (path: string, { method = 'GET' }: RequestInit = {}) => {
    const key = `${method} ${path.split('?')[0]}`
    asked.push(key)
    const nothing = { code: 'NOT_FOUND', title: '?', status: 404 }
    return answers[key]?.() ?? Response.json(nothing, { status: 404 })
  })
  history.replaceState(history.state, '', location.pathname)
})
afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

const slider = () => page.getByLabelText(m.replay_position())
const focusPlay = () =>
  (page.getByRole('button', { name: m.replay_play() }).element() as HTMLElement).focus()
const nowText = () => document.querySelector('[aria-current]')?.textContent ?? ''

test('that somebody replays is written before anything is asked for, once, and without it nothing is shown', async () => {
  answers['POST /api/audit/sessions/s/replays'] = () =>
    Response.json({ code: 'STORE_UNAVAILABLE', title: 'Sem registro' }, { status: 503 })
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText('Sem registro')).toBeVisible()
  expect(asked).toEqual(['POST /api/audit/sessions/s/replays'])
  answers['POST /api/audit/sessions/s/replays'] = () => Response.json({ id: 'p' }, { status: 201 })
  await page.getByRole('button', { name: m.retry() }).click()
  await expect.element(page.getByText('203.0.113.9')).toBeVisible()
  expect(asked.filter((one) => one.startsWith('POST'))).toHaveLength(2)
})

test.each([0, 2])('a session’s own gaps are told (%i), and not the 3 of the log', async (gaps) => {
  answers['GET /api/audit/sessions/s'] = () => auditOf([event('SessionRequested', 0)], gaps)
  await render(SessionReplay, { id: 's' })
  const own = m.integrity_own_gaps({ count: gaps })
  await expect.element(page.getByText(new RegExp(`#98, ${own}`)).first()).toBeVisible()
})

test('a request of which something is missing says so in its line', async () => {
  const summary = 'conteúdo não guardado'
  const lost = { ...answer, responseBody: { bytes: 10, leftOut: 'full' } }
  const events = [
    event('HttpRequestForwarded', 5, request),
    event('HttpResponseReceived', 6, lost, { summary }),
  ]
  answers['GET /api/audit/sessions/s'] = () => auditOf(events)
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByRole('list').getByText(summary)).toBeVisible()
})

test('the code that a legal hold asks for is among what is known of the session', async () => {
  const id = 's'.repeat(26)
  const audit = { session: { ...session, id }, gaps: 0, hasMoreGaps: false }
  const events = [event('SessionRequested', 0)]
  answers['GET /api/audit/sessions/s'] = () => Response.json({ ...audit, events })
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByRole('definition').filter({ hasText: id })).toBeVisible()
})

test('what an erasure took is said in the reader’s language', async () => {
  const events = [event('SessionRequested', 0, { clientIp: '[erased]', userAgent: '[erased]' })]
  answers['GET /api/audit/sessions/s'] = () => auditOf(events)
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText(m.fact_erased(), { exact: true })).toHaveLength(2)
  expect(document.querySelector('dl')?.textContent).not.toContain('[erased]')
})

test('when the commands did not come, trying again shows every line once', async () => {
  const { 'GET /api/audit/events': commands } = answers
  answers['GET /api/audit/events'] = () =>
    Response.json({ code: 'STORE_UNAVAILABLE', title: 'Sem comandos' }, { status: 503 })
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText('Sem comandos')).toBeVisible()
  Object.assign(answers, { 'GET /api/audit/events': commands })
  await page.getByRole('button', { name: m.retry() }).click()
  await expect.element(page.getByText('sentence of CommandSucceeded')).toBeVisible()
  expect(document.querySelectorAll('ol li')).toHaveLength(5)
})

test('a command that came with the session and once more with those of the time is one line', async () => {
  const command = event('CommandIssued', 10, {}, { commandId: 'c' })
  answers['GET /api/audit/sessions/s'] = () => auditOf([event('SessionRequested', 0), command])
  answers['GET /api/audit/events'] = () => Response.json({ items: [command] })
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText('sentence of CommandIssued')).toBeVisible()
  expect(document.querySelectorAll('ol li')).toHaveLength(2)
})

test('commands that the server has yet to search for are found', async () => {
  const { 'GET /api/audit/events': commands } = answers
  answers['GET /api/audit/events'] = () => {
    Object.assign(answers, { 'GET /api/audit/events': commands })
    return Response.json({ items: [], nextCursor: '7' })
  }
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText('sentence of CommandSucceeded')).toBeVisible()
  expect(document.body.textContent).not.toContain(m.replay_commands_left_out())
})

test('requests, refusals and commands of the time are lines in order, each with its place in the session', async () => {
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText('/lista')).toBeVisible()
  const places = () =>
    [...document.querySelectorAll('ol li button')].map((one) => one.textContent?.trim())
  await expect.poll(places).toEqual(['0:00', '0:05', '0:10', '0:20', '0:30'])
  await expect.element(page.getByText('sentence of CommandSucceeded')).toBeVisible()
})

test('the player says what happens now, and parts of the recorded screen are no lines of their own', async () => {
  const recorded = event('DomRecordingStored', 25, { ref: 'd', lastAt: timeAt(25), events: 3 })
  const events = [
    event('SessionRequested', 0),
    event('HttpRequestRefused', 20, { requestId: 'x', method: 'POST', path: '/apaga' }),
    ...[recorded, event('SessionClosed', 30)],
  ]
  answers['GET /api/audit/sessions/s'] = () => auditOf(events)
  await render(SessionReplay, { id: 's' })
  const player = page.getByRole('region', { name: m.replay_title() })
  await page.getByRole('button', { name: m.replay_go({ time: '0:20' }) }).click()
  await expect.element(player.getByText('sentence of HttpRequestRefused')).toBeVisible()
  focusPlay()
  await userEvent.keyboard('.')
  await expect.element(player.getByText('sentence of SessionClosed')).toBeVisible()
})

const gapFacts = (...causes: string[]) =>
  causes.map((cause, index) =>
    event('RecordingGapDetected', 10 + index, { cause }, { summary: `gap: ${cause}` }),
  )
const screen = () => page.getByRole('region', { name: m.screen_title() })

test('a session of whose screen only gaps are known shows them in the words of the timeline, each kind once', async () => {
  const gaps = gapFacts('too large', 'too large', 'away')
  const events = [event('SessionRequested', 0), ...gaps, event('SessionClosed', 30)]
  answers['GET /api/audit/sessions/s'] = () => auditOf(events)
  await render(SessionReplay, { id: 's' })
  await expect.element(screen().getByText('gap: too large')).toBeVisible()
  await expect.element(screen().getByText('gap: away')).toBeVisible()
  expect(screen().element().querySelectorAll('p.notice')).toHaveLength(2)
  expect(screen().element().querySelector('iframe')).toBeNull()
})

test('a screen that cannot be built from what was kept of it says what is missing, and does not load for ever', async () => {
  const piece = { event: 0, index: 0, count: 2, text: '{' }
  const kept = event('DomRecordingStored', 5, { ref: 'd', lastAt: timeAt(5), events: 0 })
  const events = [event('SessionRequested', 0), kept, ...gapFacts('broke off')]
  answers['GET /api/audit/sessions/s'] = () => auditOf(events)
  answers['GET /api/audit/sessions/s/bodies/d'] = () => Response.json({ page: 'a', piece })
  await render(SessionReplay, { id: 's' })
  await expect.element(screen().getByText('gap: broke off')).toBeVisible()
  expect(screen().element().textContent).not.toContain(m.loading())
})

test('a picture that breaks off on its way costs the recorded screen that picture, and nothing that is in it makes it load for ever', async () => {
  const picture = { bytes: 9, ref: 'p', mediaType: 'image/png' }
  const events = [
    event('SessionRequested', 0),
    event('HttpRequestForwarded', 1, { ...request, path: '/p.png' }),
    event('HttpResponseReceived', 2, { ...answer, responseBody: picture }),
    event('DomRecordingStored', 5, { ref: 'd', lastAt: timeAt(5), events: 2 }),
  ]
  const data = { node: { attributes: { src: '/p.png' } } }
  const shown = [
    { type: 4, timestamp: 1, data: { width: 4, height: 3 } },
    { type: 2, timestamp: 2, data },
  ]
  const screenOf = (drawn: object[]) => {
    answers['GET /api/audit/sessions/s/bodies/d'] = () =>
      Response.json({ page: 'a', events: drawn })
    return render(SessionReplay, { id: 's' })
  }
  let pictures = 0
  answers['GET /api/audit/sessions/s'] = () => auditOf(events)
  answers['GET /api/audit/sessions/s/bodies/p'] = () => {
    pictures += 1
    return new Response(new ReadableStream({ pull: (piece) => piece.error(new Error('cut')) }))
  }
  await screenOf(shown)
  await expect.poll(() => pictures).toBe(1)
  await expect.element(screen().getByText(m.screen_hint())).toBeVisible()
  await expect.element(screen().getByText(m.loading())).not.toBeInTheDocument()
  expect(screen().getByText(m.screen_incomplete()).query()).toBeNull()
  await cleanup()
  const many = Array.from({ length: 200_000 }, () => 0)
  await screenOf([...shown, { type: 3, timestamp: 3, data: { many } }])
  await expect.element(screen().getByText(m.screen_incomplete())).toBeVisible()
  expect(screen().element().querySelector('iframe')).toBeNull()
})

test('a recorded screen has the shape that it had, and nothing beside it', async () => {
  const kept = event('DomRecordingStored', 5, { ref: 'd', lastAt: timeAt(5), events: 2 })
  const events = [event('SessionRequested', 0), kept]
  const drawn = [
    { type: 4, timestamp: 1, data: { width: 300, height: 900 } },
    { type: 2, timestamp: 2, data: {} },
  ]
  answers['GET /api/audit/sessions/s'] = () => auditOf(events)
  answers['GET /api/audit/sessions/s/bodies/d'] = () => Response.json({ page: 'a', events: drawn })
  await render(SessionReplay, { id: 's' })
  await expect.element(screen().getByText(m.screen_hint())).toBeVisible()
  const shape = () => {
    const stage = screen().element().querySelector('iframe')?.getBoundingClientRect()
    return stage && stage.width / stage.height
  }
  await expect.poll(shape).toBeCloseTo(1 / 3, 1)
})

test('a session without a recorded screen has no place for one', async () => {
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText('/lista')).toBeVisible()
  expect(screen().query()).toBeNull()
})

test('a line’s place leads there, keys step and jump, and a link comes back to the instant', async () => {
  await render(SessionReplay, { id: 's' })
  await page.getByRole('button', { name: m.replay_go({ time: '0:05' }) }).click()
  expect(nowText()).toContain('/lista')
  focusPlay()
  await userEvent.keyboard('.')
  expect(nowText()).toContain('sentence of CommandIssued')
  await userEvent.keyboard('{ArrowRight}')
  await expect.element(slider()).toHaveValue('15000')
  await expect.poll(() => location.search).toBe('?t=15')
  await cleanup()
  await render(SessionReplay, { id: 's' })
  await expect.element(slider()).toHaveValue('15000')
})

test('it plays to its end by itself at 16 times, with what was idle left out', async () => {
  await render(SessionReplay, { id: 's' })
  await page.getByRole('combobox').selectOptions('16×')
  focusPlay()
  await userEvent.keyboard('k')
  await expect.element(slider()).toHaveValue('30000')
  await expect.element(page.getByRole('button', { name: m.replay_play() })).toBeVisible()
})

test.each([
  ['reduce', true, 'instant'],
  ['no-preference', false, 'smooth'],
] as const)(
  'with motion: %s it stands until somebody plays, and the list follows %s %s',
  async (_motion, isCalm, behavior) => {
    vi.stubGlobal('matchMedia', (query: string) => ({
      matches: isCalm && query === '(prefers-reduced-motion: reduce)',
      addEventListener: () => undefined,
    }))
    const follow = vi.spyOn(Element.prototype, 'scrollIntoView').mockImplementation(() => undefined)
    await render(SessionReplay, { id: 's' })
    await expect.element(slider()).toHaveValue('0')
    await new Promise((done) => setTimeout(done, 300))
    await expect.element(slider()).toHaveValue('0')
    await page.getByRole('combobox').selectOptions('16×')
    await page.getByRole('button', { name: m.replay_play() }).click()
    await expect.poll(() => follow.mock.calls.length).toBeGreaterThan(0)
    expect(
      follow.mock.calls.every(([how]) => (how as ScrollIntoViewOptions).behavior === behavior),
    ).toBe(true)
    follow.mockRestore()
  },
)

test('at a desk the line of now stays in the middle of its list while others get their height, until somebody moves the list', async () => {
  const { innerWidth, innerHeight } = window
  await page.viewport(1280, 480)
  onTestFinished(() => page.viewport(innerWidth, innerHeight))
  const requests = Array.from({ length: 40 }, (_, index) =>
    event('HttpRequestRefused', index, { requestId: `x${index}`, method: 'POST', path: '/apaga' }),
  )
  answers['GET /api/audit/sessions/s'] = () => auditOf(requests)
  await render(SessionReplay, { id: 's' })
  await page.getByRole('button', { name: m.replay_go({ time: '0:20' }) }).click()
  await expect.poll(nowText).toContain('0:20')
  const line = document.querySelector('[aria-current]') as HTMLElement
  const list = line.parentElement as HTMLElement
  const box = list.parentElement as HTMLElement
  const middleOf = (element: HTMLElement) => {
    const { top, height } = element.getBoundingClientRect()
    return top + height / 2
  }
  const away = () => Math.abs(middleOf(line) - middleOf(box))
  await expect.poll(away).toBeLessThan(2)
  box.style.overflowAnchor = 'none'
  const before = line.previousElementSibling as HTMLElement
  before.style.height = '240px'
  await expect.poll(away).toBeLessThan(2)
  box.dispatchEvent(new WheelEvent('wheel'))
  before.style.height = '400px'
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame)
  expect(away()).toBeGreaterThan(50)
})

test('space plays and pauses wherever it is pressed, but a button with the focus keeps it for itself', async () => {
  await render(SessionReplay, { id: 's' })
  const play = page.getByRole('button', { name: m.replay_play() })
  await expect.element(play).toBeVisible()
  await userEvent.keyboard(' ')
  await expect.element(page.getByRole('button', { name: m.replay_pause() })).toBeVisible()
  await userEvent.keyboard(' ')
  await expect.element(play).toBeVisible()
  const next = page.getByRole('button', { name: m.replay_next() }).element() as HTMLElement
  await userEvent.keyboard('{Home}')
  next.focus()
  await userEvent.keyboard(' ')
  await expect.element(slider()).toHaveValue('5000')
  await expect.element(play).toBeVisible()
  await userEvent.keyboard('{ArrowLeft}')
  await expect.element(slider()).toHaveValue('0')
  await userEvent.keyboard('{End}')
  await expect.element(slider()).toHaveValue('30000')
})

test('a letter does nothing outside of the player (WCAG 2.1.4)', async () => {
  await render(SessionReplay, { id: 's' })
  await page.getByRole('button', { name: m.replay_go({ time: '0:05' }) }).click()
  await userEvent.keyboard('.k+')
  await expect.element(slider()).toHaveValue('5000')
  await expect.element(page.getByRole('button', { name: m.replay_play() })).toBeVisible()
  expect(page.getByRole('combobox').element()).toHaveValue('1')
})

test('a session that is not there is said so, without an offer to try again, and leads back', async () => {
  await render(SessionReplay, { id: 'unknown' })
  await expect.element(page.getByText(m.audit_session_missing())).toBeVisible()
  const back = page.getByRole('link', { name: m.go_audit() })
  await expect.element(back).toHaveAttribute('href', '/auditoria')
  expect(document.body.textContent).not.toContain(m.retry())
})

test('one request is not said to be many', async () => {
  await render(SessionReplay, { id: 's' })
  await expect.element(page.getByText(new RegExp(`^${m.audit_request()} `))).toBeVisible()
})

test('a long session is loaded in parts, and the focus stays in it', async () => {
  const page1 = [event('SessionRequested', 0)]
  const page2 = [event('SessionClosed', 40)]
  let part = 0
  answers['GET /api/audit/sessions/s'] = () => {
    part += 1
    return Response.json({
      session,
      gaps: 0,
      hasMoreGaps: false,
      ...(part === 1 ? { events: page1, nextAfter: 1 } : { events: page2 }),
    })
  }
  const around = Object.assign(document.createElement('main'), { tabIndex: -1 })
  document.body.append(around)
  await render(SessionReplay, { id: 's' }, { baseElement: around })
  await page.getByRole('button', { name: m.replay_more() }).click()
  await expect.element(page.getByText('sentence of SessionClosed')).toBeVisible()
  expect(document.body.textContent).not.toContain(m.replay_more())
  await expect.poll(() => document.activeElement).toBe(around)
  around.remove()
})

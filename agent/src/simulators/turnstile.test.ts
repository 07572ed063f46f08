import { createServer, request as httpRequest } from 'node:http'
import { text as bodyText } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { eventually, listening } from '../fixtures.ts'
import { createTurnstile, type TurnstileOptions } from './turnstile.ts'

async function turnstile(options: Partial<TurnstileOptions> = {}) {
  const device = createTurnstile({ port: 0, ...options })
  onTestFinished(() => device.stop())
  const { url } = await device.start()
  const post = async (path: string, body: unknown = {}, headers: Record<string, string> = {}) => {
    const answer = await fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers })
    const text = await answer.text()
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      json: text ? JSON.parse(text) : {},
    }
  }
  const signIn = async (login = 'admin', password = 'admin') =>
    (await post('/login.fcgi', { login, password })).json.session as string
  const openGate = (session: string, allow = 'clockwise') =>
    post(`/execute_actions.fcgi?session=${session}`, {
      actions: [{ action: 'catra', parameters: `allow=${allow}` }],
    })
  return { device, url, post, signIn, openGate }
}

test('a login gives a session of 24 characters; user name and password count letter by letter', async () => {
  const { post, signIn } = await turnstile({ login: 'Admin', password: 'Segredo' })
  expect(await signIn('Admin', 'Segredo')).toMatch(/^[\w-]{24}$/)
  for (const [login, password] of [
    ['admin', 'Segredo'],
    ['Admin', 'segredo'],
    ['Admin', ''],
  ]) {
    const { status, json } = await post('/login.fcgi', { login, password })
    expect(status).toBe(401)
    expect(json).toEqual({ error: 'Invalid user or password' })
  }
})

test('the page signs in with a form, also under the name of rebranded units', async () => {
  const { url } = await turnstile()
  for (const path of ['/login.fcgi', '/hidlogin.fcgi']) {
    const body = new URLSearchParams({ login: 'admin', password: 'admin' })
    const answer = await fetch(url + path, { method: 'POST', body })
    expect(((await answer.json()) as { session: string }).session).toHaveLength(24)
    expect(answer.headers.get('set-cookie')).toBeNull()
  }
})

test('a session counts in the query and in the cookie; without one the answer is 401 with an error', async () => {
  const { post, signIn } = await turnstile()
  const session = await signIn()
  const call = '/system_information.fcgi'
  expect((await post(`${call}?session=${session}`)).status).toBe(200)
  expect((await post(call, {}, { cookie: `login=admin; session=${session}` })).status).toBe(200)
  for (const path of [call, `${call}?session=x`]) {
    const { status, json } = await post(path)
    expect([status, typeof json.error]).toEqual([401, 'string'])
  }
})

test('several sessions live side by side; logout ends its own, a reboot all', async () => {
  const { post, signIn } = await turnstile()
  const [one, two, three] = [await signIn(), await signIn(), await signIn()]
  const isValid = async (session: string) =>
    (await post(`/session_is_valid.fcgi?session=${session}`)).json.session_is_valid
  await post(`/logout.fcgi?session=${one}`)
  expect([await isValid(one), await isValid(two), await isValid('')]).toEqual([false, true, false])
  await post(`/reboot.fcgi?session=${two}`)
  expect([await isValid(two), await isValid(three)]).toEqual([false, false])
})

test('a POST without a length is 411, with a length of nothing it is fine', async () => {
  const { url } = await turnstile()
  const statusOf = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(
        `${url}/session_is_valid.fcgi`,
        { method: 'POST' },
        (response) => {
          response.resume()
          resolve(response.statusCode)
        },
      )
      request.removeHeader('transfer-encoding')
      request.useChunkedEncodingByDefault = false
      for (const [name, value] of Object.entries(headers)) request.setHeader(name, value)
      request.once('error', reject)
      request.end()
    })
  expect(await statusOf({})).toBe(411)
  expect(await statusOf({ 'content-length': '0' })).toBe(200)
})

test('an action is answered with an empty 200, releases the arm, and somebody walks through', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { device, post, signIn, openGate } = await turnstile()
  const session = await signIn()
  await post(`/set_configuration.fcgi?session=${session}`, { general: { catra_timeout: '20' } })
  const { status, text } = await openGate(session)
  expect([status, text]).toEqual([200, ''])
  expect(device.state.actions).toMatchObject([{ action: 'catra', parameters: 'allow=clockwise' }])
  vi.advanceTimersByTime(20)
  expect(device.state).toMatchObject({ arm: 'locked', turns: { right: 1, left: 0 } })
  await openGate(session, 'anticlockwise')
  expect(device.state.arm).toBe('released')
  vi.advanceTimersByTime(20)
  expect(device.state).toMatchObject({ arm: 'locked', turns: { right: 1, left: 1 } })
  const { json } = await post(`/load_objects.fcgi?session=${session}`, { object: 'access_events' })
  expect(json.access_events).toMatchObject([
    { id: 1, event: 'catra', type: 'TURN_RIGHT' },
    { id: 2, event: 'catra', type: 'TURN_LEFT' },
  ])
  expect((await post(`/get_catra_info.fcgi?session=${session}`)).json).toMatchObject({
    ...{ left_turns: 1, right_turns: 1 },
  })
})

test('nobody walks through: the arm locks again and says GIVE_UP', async () => {
  const { device, post, signIn, openGate } = await turnstile()
  const session = await signIn()
  await post('/__simulator/faults', { giveUp: true })
  await post(`/set_configuration.fcgi?session=${session}`, { general: { catra_timeout: '20' } })
  await openGate(session)
  await eventually(() => expect(device.state.arm).toBe('locked'))
  expect(device.state.turns).toEqual({ left: 0, right: 0 })
  const { json } = await post(`/load_objects.fcgi?session=${session}`, { object: 'access_events' })
  expect(json.access_events).toMatchObject([{ type: 'GIVE_UP' }])
})

test('access logs tell an opening by the API (10) from one on the page (12), newest first when asked', async () => {
  const { post, signIn, openGate } = await turnstile()
  const session = await signIn()
  await openGate(session)
  const actions = [{ action: 'catra', parameters: 'allow=both' }]
  await post('/execute_actions.fcgi', { actions }, { cookie: `session=${session}` })
  const load = (body: object) =>
    post(`/load_objects.fcgi?session=${session}`, { object: 'access_logs', ...body })
  const { access_logs: logs } = (await load({})).json
  expect(logs).toMatchObject([
    { id: 1, event: 10 },
    { id: 2, event: 12 },
  ])
  const newest = await load({ order: ['time', 'descending'], limit: 1, offset: 0 })
  expect(newest.json.access_logs).toMatchObject([{ id: 2 }])
  expect((await load({ limit: 1, offset: 1 })).json.access_logs).toMatchObject([{ id: 2 }])
})

test('an interlock denies: 200, and the status says so; nothing turns', async () => {
  const { device, post, signIn, openGate } = await turnstile()
  const session = await signIn()
  await post('/__simulator/faults', { denied: true })
  const { status, json } = await openGate(session)
  expect([status, json.actions]).toEqual([200, [{ status: 'denied' }]])
  expect(device.state).toMatchObject({ actions: [], arm: 'locked' })
})

test('configuration values are texts, in both directions', async () => {
  const { post, signIn } = await turnstile()
  const session = await signIn()
  const get = async () =>
    (
      await post(`/get_configuration.fcgi?session=${session}`, {
        general: ['online', 'catra_timeout'],
      })
    ).json
  expect(await get()).toEqual({ general: { online: '0', catra_timeout: '10000' } })
  const set = (values: object) =>
    post(`/set_configuration.fcgi?session=${session}`, { general: values })
  expect((await set({ online: '1' })).json).toEqual({})
  expect((await set({ catra_timeout: 3000 })).status).toBe(400)
  expect(await get()).toEqual({ general: { online: '1', catra_timeout: '10000' } })
})

test('the pages are there as on the device: login at the root, the rest below /en_US', async () => {
  const { url } = await turnstile()
  for (const path of ['/', '/en_US/html/index.html', '/en_US/css/style.css', '/en_US/js/app.js'])
    expect((await fetch(url + path)).status, path).toBe(200)
  expect(await (await fetch(`${url}/en_US/js/login.js`)).text()).toContain(
    "document.cookie = 'session='",
  )
  expect(await (await fetch(`${url}/en_US/html/index.html`)).text()).toContain(
    'href="../css/style.css"',
  )
  expect(await (await fetch(`${url}/get_language.fcgi`)).json()).toEqual({ language: 'en_US' })
})

test('unknown paths, unknown commands and bodies that are too large are errors, never a crash', async () => {
  const { url, post, signIn } = await turnstile()
  const session = await signIn()
  expect((await fetch(`${url}/nothing`)).status).toBe(404)
  expect((await post(`/format_disk.fcgi?session=${session}`)).status).toBe(404)
  expect((await post(`/execute_actions.fcgi?session=${session}`, { actions: 7 })).status).toBe(400)
  expect((await post('/login.fcgi', 'x'.repeat(70_000))).status).toBe(413)
  expect((await post('/login.fcgi', null)).status).toBe(401)
})

/** A server that the device tells what happens. */
async function told(device: Awaited<ReturnType<typeof turnstile>>, refusals = 0) {
  const heard: Array<{ name: string; body: Record<string, never> }> = []
  let left = refusals
  const server = createServer((request, response) => {
    void bodyText(request).then((body) => {
      left -= 1
      response.writeHead(left >= 0 ? 503 : 200).end()
      if (left < 0) heard.push({ name: String(request.url), body: JSON.parse(body) })
    })
  })
  const monitor = {
    ...{ hostname: '127.0.0.1', port: String(await listening(server)), path: 'a/b' },
    ...{ request_timeout: '2000', alive_interval: '100', inform_access_event_id: '1' },
  }
  const session = await device.signIn()
  await device.post(`/set_configuration.fcgi?session=${session}`, { monitor })
  const of = (name: string) => heard.filter((one) => one.name === `/a/b/${name}`)
  return { of, session, heard }
}

test('a server that is configured is told: alive again and again, each log, each turn with its id', async () => {
  const device = await turnstile()
  const { of } = await told(device)
  await device.post('/__simulator/person', { userId: 7, turn: 'TURN_LEFT' })
  await eventually(() => expect(of('device_is_alive').length).toBeGreaterThan(1))
  await eventually(() => expect(of('catra_event')).toHaveLength(1))
  expect(of('catra_event')[0]?.body).toMatchObject({
    ...{ device_id: 478_435, access_event_id: 1, event: { type: 7, name: 'TURN LEFT' } },
  })
  expect(of('dao')[0]?.body).toMatchObject({
    object_changes: [
      { object: 'access_logs', type: 'inserted', values: { event: '7', user_id: '7' } },
    ],
  })
})

test('what the server refuses is told again; on request twice, or not at all', async () => {
  const device = await turnstile()
  const { of } = await told(device, 1)
  await eventually(() => expect(of('device_is_alive').length).toBeGreaterThan(0))
  await device.post('/__simulator/faults', { tellTwice: true })
  await device.post('/__simulator/person', {})
  await eventually(() => expect(of('catra_event')).toHaveLength(2))
  await device.post('/__simulator/faults', { mute: true })
  await device.post('/__simulator/person', {})
  const { length } = of('device_is_alive')
  await eventually(() => expect(of('device_is_alive').length).toBeGreaterThan(length))
  expect(of('catra_event')).toHaveLength(2)
})

test('lists are read from an id on, in both dialects; erased, their numbers begin anew', async () => {
  const { post, signIn } = await turnstile()
  const session = await signIn()
  for (const userId of [1, 2, 3]) await post('/__simulator/person', { userId })
  const ids = async (where?: unknown) => {
    const body = { object: 'access_events', where }
    const { json } = await post(`/load_objects.fcgi?session=${session}`, body)
    return json.access_events.map(({ id }: { id: number }) => id)
  }
  expect(await ids()).toEqual([1, 2, 3])
  expect(await ids({ access_events: { id: { '>=': 2 } } })).toEqual([2, 3])
  expect(await ids([{ object: 'access_events', field: 'id', operator: '>', value: 2 }])).toEqual([
    3,
  ])
  await post('/__simulator/faults', { eraseNow: true })
  await post('/__simulator/person', {})
  expect(await ids()).toEqual([1])
})

test('a wrong clock is wrong everywhere, and a person who is denied does not turn the arm', async () => {
  const { device, post, signIn } = await turnstile()
  const session = await signIn()
  await post('/__simulator/faults', { clockSeconds: -86_400 })
  await post('/__simulator/person', { userId: 5, isDenied: true })
  const { json } = await post(`/load_objects.fcgi?session=${session}`, { object: 'access_logs' })
  expect(json.access_logs).toMatchObject([{ event: 6, user_id: 5 }])
  const { time } = (await post(`/system_information.fcgi?session=${session}`)).json
  for (const seconds of [time, json.access_logs[0].time])
    expect(Math.abs(Date.now() / 1000 - 86_400 - seconds)).toBeLessThan(5)
  expect(device.state.turns).toEqual({ left: 0, right: 0 })
})

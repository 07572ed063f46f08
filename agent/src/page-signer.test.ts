import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { Credentials, DriverKind } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { createDeviceFetch } from './device-fetch.ts'
import { createDeviceSocket } from './device-socket.ts'
import { loadDriver } from './drivers/driver.ts'
import { deviceAt, eventually, listening } from './fixtures.ts'
import { PageSigner } from './page-signer.ts'
import { maskOf } from './secret-mask.ts'
import { createTurnstile } from './simulators/turnstile.ts'
import { answerOf, tunnelTo } from './tunnel.fixture.ts'

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })
const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
const password = 'canary-of-the-device-password'

/** The agent's end to a device whose driver signs in. */
async function signedTo(
  url: string,
  driver: DriverKind,
  credentials: Credentials,
  ports: number[] = [],
) {
  const device = deviceAt(url, { driver, ports })
  const { signIn } = await loadDriver(driver, {
    ...{ baseUrl: url, credentials },
    fetch: createDeviceFetch(device, policy),
    openSocket: createDeviceSocket(device, policy),
  })
  const tunnel = tunnelTo(device)
  const { grantOf } = tunnel.link
  tunnel.link.grantOf = async (head) => ({ ...(await grantOf(head)), signIn: true })
  if (signIn) tunnel.link.signer = new PageSigner(signIn)
  const post = async (path: string, body = '{}') => {
    const stream = tunnel.open({ method: 'POST', path, bodyBytes: body.length })
    await stream.write(Buffer.from(body))
    stream.frame(FrameType.end, undefined, true)
    return answerOf(stream)
  }
  return { ...tunnel, post }
}

async function httpDevice(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(createServer(listener))}`
}

async function turnstile() {
  const device = createTurnstile({ port: 0, login: 'admin', password })
  const { url } = await device.start()
  onTestFinished(() => device.stop())
  const state = async () => (await fetch(`${url}/__simulator/state`)).json()
  const faults = (body: object) =>
    fetch(`${url}/__simulator/faults`, { method: 'POST', body: JSON.stringify(body) })
  return { url, state, faults }
}

test('the page of a turnstile is signed in without a password from the browser, and acts', async () => {
  const { url } = await turnstile()
  const { get, post } = await signedTo(url, 'control-id', { login: 'admin', password })
  const valid = await (await get({ path: '/session_is_valid.fcgi' })).body()
  expect(JSON.parse(valid.toString())).toEqual({ session_is_valid: true })
  const released = await post(
    '/execute_actions.fcgi',
    '{"actions":[{"action":"catra","parameters":"allow=both"}]}',
  )
  expect(released.status).toBe(200)
})

test('many requests at once make one login; a session that the device forgot is made anew, and the request repeated', async () => {
  let logins = 0
  const sessions = new Set<string>()
  const url = await httpDevice(async (request, response) => {
    const body = String(await buffer(request))
    if (request.url === '/login.fcgi') {
      logins += 1
      sessions.add(`session-number-${logins}`)
      return response.end(JSON.stringify({ session: `session-number-${logins}` }))
    }
    const known = /session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
    if (!known || !sessions.has(known)) return response.writeHead(401).end('{}')
    return response.end(body)
  })
  const { post } = await signedTo(url, 'control-id', { login: 'admin', password })
  const answers = await Promise.all(Array.from({ length: 6 }, () => post('/load_objects.fcgi')))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200])
  expect(logins).toBe(1)
  sessions.clear()
  const again = await Promise.all([post('/a.fcgi', '{"x":1}'), post('/b.fcgi', '{"x":1}')])
  expect(again.map(({ status }) => status)).toEqual([200, 200])
  expect((await again[0].body()).toString()).toBe('{"x":1}')
  expect(logins).toBe(2)
})

test('the agent’s session takes the place of the browser’s, whose other cookies stay', async () => {
  let cookie: string | undefined
  const url = await httpDevice(({ url: path, headers }, response) => {
    if (path === '/login.fcgi') return response.end('{"session":"session-of-the-agent"}')
    cookie = headers.cookie
    return response.end()
  })
  const { get } = await signedTo(url, 'control-id', { login: 'admin', password })
  await get({ headers: ['Cookie', 'login=ana; session=typed', 'cookie', 'lang=pt'] })
  expect(cookie).toBe('login=ana; lang=pt; session=session-of-the-agent')
})

test('no answer shows the session or the password: cookie, header, body, split over pieces, message', async () => {
  const session = 'canary-session-0123456789'
  const echo = `a${session}b${password}c`
  const server = createServer((request, response) => {
    if (request.url === '/login.fcgi') return response.end(JSON.stringify({ session }))
    if (request.url === '/small') {
      response.setHeader('set-cookie', [
        `session=${session}; Path=/`,
        `other=x${session}; Path=/`,
        'lang=pt; Path=/',
      ])
      response.setHeader('location', `/x?session=${session}`)
      return response.end(echo)
    }
    // Longer than one frame, and cut within the secret.
    const far = 'x'.repeat(20_000)
    response.write(far + echo.slice(0, 9))
    return setTimeout(() => response.end(echo.slice(9) + far), 20)
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.send(echo))
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate()
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  const { get, open } = await signedTo(url, 'control-id', { login: 'admin', password })
  const small = await get({ path: '/small', headers: ['Accept-Encoding', 'gzip'] })
  const hidden = `a${'*'.repeat(session.length)}b${'*'.repeat(password.length)}c`
  expect((await small.body()).toString()).toBe(hidden)
  expect(small.headers).toContain('lang=pt; Path=/')
  expect(small.headers.join()).not.toContain('canary')
  expect(small.headers.filter((name) => name === 'set-cookie')).toHaveLength(1)
  const large = (await (await get({ path: '/large' })).body()).toString()
  expect(large).toBe('x'.repeat(20_000) + hidden + 'x'.repeat(20_000))
  const socket = open({ path: '/ws', webSocket: { protocols: [] } })
  await socket.read()
  expect(Buffer.from((await socket.read())?.payload ?? []).toString()).toBe(hidden)
})

test('another port of the device does not get the credentials', async () => {
  const seen: Array<string | undefined> = []
  const listener: RequestListener = ({ headers }, response) => {
    seen.push(headers.authorization)
    response.end()
  }
  const [url, other] = [await httpDevice(listener), await httpDevice(listener)]
  const port = Number(new URL(other).port)
  const { get } = await signedTo(url, 'http', { login: 'maker', password }, [port])
  await get({ port })
  await get()
  expect(seen).toEqual([undefined, expect.stringMatching(/^Basic /)])
})

test('a device with Basic gets the credentials in place of what the browser sends', async () => {
  let seen: IncomingHttpHeaders = {}
  const url = await httpDevice(({ headers }, response) => {
    seen = headers
    response.end(headers.authorization)
  })
  const { get } = await signedTo(url, 'http', { login: 'maker', password })
  const blob = Buffer.from(`maker:${password}`).toString('base64')
  const answer = await get({ headers: ['Authorization', 'Basic eDp5', 'accept-encoding', 'br'] })
  expect([seen.authorization, seen['accept-encoding']]).toEqual([`Basic ${blob}`, 'identity'])
  expect((await answer.body()).toString()).toBe(`Basic ${'*'.repeat(blob.length)}`)
})

test('a device that asks for Digest gets it, again when its nonce is over, and the body with it', async () => {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')
  const seen: string[] = []
  let nonce = 'first'
  const url = await httpDevice(async (request, response) => {
    const { method, headers, url: path } = request
    const body = String(await buffer(request))
    const said = headers.authorization ?? ''
    const field = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(said)?.[1] ?? ''
    const middle = `${nonce}:${field('nc')}:${field('cnonce')}:auth`
    const right = md5(`${md5(`maker:p:${password}`)}:${middle}:${md5(`${method}:${path}`)}`)
    seen.push(said.split(' ', 1)[0] ?? '')
    if (field('response') === right) return response.end(body)
    const challenge = `Digest realm="p", qop="auth", nonce="${nonce}", algorithm=MD5`
    return response.writeHead(401, { 'www-authenticate': challenge }).end()
  })
  const { post } = await signedTo(url, 'http', { login: 'maker', password })
  const asked = async (path: string) => (await (await post(path, '{"x":1}')).body()).toString()
  expect([await asked('/a?b=1'), await asked('/c')]).toEqual(['{"x":1}', '{"x":1}'])
  expect(seen).toEqual(['Basic', 'Digest', 'Digest'])
  nonce = 'second'
  expect(await asked('/d')).toBe('{"x":1}')
  const wrong = await signedTo(url, 'http', { login: 'maker', password: 'wrong' })
  await expect(wrong.get()).rejects.toEqual(reset(ResetCode.signInRefused))
  // Basic, then Digest; the same nonce is not answered twice.
  expect(seen.slice(5)).toEqual(['Basic', 'Digest'])
})

test.each(['octoprint', 'moonraker'] as const)(
  'the page of %s gets its API key',
  async (driver) => {
    let seen: IncomingHttpHeaders = {}
    const url = await httpDevice(({ headers }, response) => {
      seen = headers
      response.end(JSON.stringify({ key: headers['x-api-key'] }))
    })
    const { get } = await signedTo(url, driver, { login: '', password })
    const body = (await (await get({ headers: ['X-Api-Key', 'mine'] })).body()).toString()
    expect(seen['x-api-key']).toBe(password)
    expect(body).not.toContain('canary')
  },
)

test('refused credentials are said as that, not as a question for the password', async () => {
  const url = await httpDevice((_request, response) =>
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
  )
  const { get } = await signedTo(url, 'http', { login: 'maker', password })
  await expect(get()).rejects.toEqual(reset(ResetCode.signInRefused))
})

test('a device that refuses the login is not asked again for each request', async () => {
  let logins = 0
  const url = await httpDevice((request, response) => {
    if (request.url === '/login.fcgi') logins += 1
    response.writeHead(401).end('{"error":"Invalid user or password"}')
  })
  const { get } = await signedTo(url, 'control-id', { login: 'admin', password: 'wrong' })
  for (let i = 0; i < 5; i += 1) await expect(get()).rejects.toEqual(reset(ResetCode.signInRefused))
  expect(logins).toBe(1)
})

test('after the pause it is tried again', async () => {
  let isRight = false
  const signer = new PageSigner(async () => {
    if (!isRight) throw new TravessiaError('DEVICE_SIGN_IN_REFUSED')
    return { secrets: [] }
  }, 20)
  await expect(signer.of('s')()).rejects.toMatchObject({ code: 'DEVICE_SIGN_IN_REFUSED' })
  isRight = true
  await eventually(async () => expect((await signer.of('s')()).made).toEqual({ secrets: [] }))
})

test('a short password is no word to strike out of a page', async () => {
  const secrets = ['admin']
  expect(maskOf({ secrets }).text('function admin() {}')).toBe('function admin() {}')
  const { answer } = await new PageSigner(async () => ({ secrets })).of('s')()
  expect(answer(['Set-Cookie', 'x=admin'])).toEqual(['Set-Cookie', 'x=admin'])
})

test('a session that the device makes of the sign-in stays at the agent, for this session only', async () => {
  const seen: Array<string | undefined> = []
  const url = await httpDevice(({ headers }, response) => {
    seen.push(headers.cookie)
    response.setHeader('set-cookie', ['sid=canary; HttpOnly; Path=/', 'csrf=1; Path=/'])
    response.end()
  })
  const { get, link } = await signedTo(url, 'http', { login: 'maker', password })
  const { grantOf } = link
  const inSession = (sessionId: string) => {
    link.grantOf = async (head) => ({ ...(await grantOf(head)), sessionId })
    return get({ headers: ['cookie', 'own=1'] })
  }
  const first = await inSession('a'.repeat(26))
  expect(first.headers.join()).not.toContain('canary')
  expect(first.headers).toContain('csrf=1; Path=/')
  await inSession('a'.repeat(26))
  await inSession('b'.repeat(26))
  expect(seen).toEqual(['own=1', 'own=1; sid=canary', 'own=1'])
})

test('of sessions beyond 64 the one that was used least lately starts anew, and no word without a value is a cookie', async () => {
  const pages = new PageSigner(async () => ({ secrets: [] }))
  const timeouts = { connectMs: 1, firstByteMs: 1, idleMs: 1 }
  const head = { deviceId: '', method: 'GET', path: '/', grant: '', headers: [], timeouts }
  const isKnown = async (session: string) =>
    (await pages.of(session)()).request(head).includes('cookie')
  const use = async (session: string) => {
    const { answer } = await pages.of(session)()
    expect(answer(['Set-Cookie', 'sid=1; HttpOnly', 'Set-Cookie', 'word'])).toEqual([])
  }
  for (let n = 1; n <= 64; n += 1) await use(`${n}`)
  expect(await isKnown('1')).toBe(true)
  await use('65')
  expect(await isKnown('1')).toBe(true)
  expect(await isKnown('2')).toBe(false)
})

test('without a cookie of the agent all of the browser’s stay', async () => {
  const { request } = await new PageSigner(async () => ({ secrets: [] })).of('s')()
  const head = { deviceId: '', method: 'GET', path: '/', grant: '' }
  const timeouts = { connectMs: 1, firstByteMs: 1, idleMs: 1 }
  const headers = ['cookie', 'a=1; session=2']
  expect(request({ ...head, headers, timeouts })).toEqual([
    ...['cookie', 'a=1; session=2', 'accept-encoding', 'identity'],
  ])
})

import { expect, test } from 'vitest'
import { driverKinds } from './devices.ts'
import { type AskedRequest, isReadOnly, overridingMethods } from './read-only.ts'

const asked = (method: string, path: string, other: Partial<AskedRequest> = {}): AskedRequest => ({
  ...{ method, path, headers: [], hasBody: method === 'POST' },
  ...{ isWebSocket: false, isOtherPort: false, ...other },
})

test.each(driverKinds)('a page of %s loads: GET, HEAD and OPTIONS pass', (driver) => {
  for (const method of ['GET', 'HEAD', 'OPTIONS'])
    for (const path of ['/', '/index.html', '/en_US/js/app-1.2.min.js?v=3', '/favicon.ico'])
      expect([path, isReadOnly(driver, asked(method, path))]).toEqual([path, true])
})

test.each(driverKinds)('of %s nothing passes that no list names', (driver) => {
  for (const method of ['PUT', 'PATCH', 'DELETE', 'CONNECT', 'get'])
    expect(isReadOnly(driver, asked(method, '/'))).toBe(false)
  for (const path of ['/', '/index.html', '/api/job', '/execute_actions.fcgi', '/printer/restart'])
    expect([path, isReadOnly(driver, asked('POST', path))]).toEqual([path, false])
  expect(isReadOnly(driver, asked('GET', '/websocket', { isWebSocket: true }))).toBe(false)
  expect(isReadOnly(driver, asked('GET', '/', { hasBody: true }))).toBe(false)
  expect(
    isReadOnly(driver, asked('GET', '/', { headers: ['X-HTTP-Method-Override', 'DELETE'] })),
  ).toBe(false)
})

test.each([
  ['control-id', '/load_objects.fcgi'],
  ['control-id', '/load_objects.fcgi?session=abc'],
  ['control-id', '/get_configuration.fcgi'],
  ['control-id', '/system_information.fcgi'],
  ['control-id', '/session_is_valid.fcgi'],
  ['control-id', '/hidlogin.fcgi'],
  ['octoprint', '/api/login'],
  ['octoprint', '/sockjs/123/ab12cd/xhr_send?t=1'],
  ['moonraker', '/printer/objects/query'],
] as const)('of %s the harmless POST %s passes', (driver, path) => {
  expect(isReadOnly(driver, asked('POST', path))).toBe(true)
})

test.each([
  '/load%5Fobjects.fcgi',
  '/load_objects%2Efcgi',
  '//load_objects.fcgi',
  '/./load_objects.fcgi',
  '/x/../load_objects.fcgi',
  '/load_objects.fcgi/',
  '/load_objects.fcgi/../execute_actions.fcgi',
  '/load_objects.fcgi;x',
  '/load_objects.fcgi%3Fx',
  '/load_objects.fcgi#x',
  '/load_objects.fcgi%00',
  '/load_objects.fcgi\n',
  '/LOAD_OBJECTS.fcgi',
  '/load_objects',
  '/execute_actions.fcgi?x=/load_objects.fcgi',
  '/execute_actions.fcgi?/../load_objects.fcgi',
])('%s is no other spelling of a harmless POST', (path) => {
  expect(isReadOnly('control-id', asked('POST', path))).toBe(false)
})

test('a device that acts on a GET is read by the paths that only read', () => {
  for (const path of [
    ...[
      '/execute_actions.fcgi?x=1',
      '/reboot',
      '/Reboot.fcgi',
      '/EXECUTE_ACTIONS.FCGI',
      '/reboot/',
    ],
    ...['/execute%5Factions.fcgi', '//execute_actions.fcgi', '/en_US/../reboot', '/%72eboot'],
    ...['/en_US/./execute_actions.fcgi', '/load_objects.fcgi/../execute_actions.fcgi'],
  ])
    expect([path, isReadOnly('control-id', asked('GET', path))]).toEqual([path, false])
  expect(isReadOnly('control-id', asked('GET', '/user_get_image.fcgi?user_id=1'))).toBe(true)
  for (const path of ['/printer/gcode/script?script=G28', '/Printer/restart', '/%70rinter/restart'])
    expect([path, isReadOnly('moonraker', asked('GET', path))]).toEqual([path, false])
  for (const path of [
    '/server/files/gcodes/../../printer/restart',
    '/server/files//x',
    '/x/%2e%2e/y',
  ])
    expect([path, isReadOnly('moonraker', asked('GET', path))]).toEqual([path, false])
  for (const path of ['/printer/info', '/server/files/gcodes/my%20part.gcode', '/server/info'])
    expect([path, isReadOnly('moonraker', asked('GET', path))]).toEqual([path, true])
})

test('a WebSocket passes only where its messages change nothing', () => {
  const upgrade = { isWebSocket: true }
  expect(isReadOnly('octoprint', asked('GET', '/sockjs/websocket', upgrade))).toBe(true)
  expect(isReadOnly('octoprint', asked('GET', '/sockjs/012/ab1/websocket?t=1', upgrade))).toBe(true)
  expect(isReadOnly('octoprint', asked('GET', '/sockjs/../websocket', upgrade))).toBe(false)
  expect(isReadOnly('moonraker', asked('GET', '/websocket', upgrade))).toBe(false)
})

test("a driver's list is not that of the device's other ports", () => {
  const other = { isOtherPort: true }
  expect(isReadOnly('control-id', asked('POST', '/load_objects.fcgi', other))).toBe(false)
  expect(
    isReadOnly('octoprint', asked('GET', '/sockjs/websocket', { ...other, isWebSocket: true })),
  ).toBe(false)
  expect(isReadOnly('control-id', asked('GET', '/stream', other))).toBe(true)
})

test.each([
  ['X-HTTP-Method-Override', 'delete'],
  ['x-http-method', ' DELETE '],
  ['X-Method-Override', 'Delete'],
  ['X_HTTP_METHOD_OVERRIDE', 'DELETE'],
])('%s: %s asks for DELETE, whatever the method is', (...header) => {
  expect(overridingMethods(['accept', 'x-http-method', ...header])).toEqual(['DELETE'])
  expect(isReadOnly('http', asked('GET', '/', { headers: header }))).toBe(false)
})

import { expect, test } from 'vitest'
import { type PublicView, viewOf } from './public-address.ts'
import { addressEdit, addressSetEdits, edited, refreshEdits } from './rewrite-address.ts'

const base = '/remote/s/abc'
const device = { baseUrl: 'http://192.168.1.50', ports: [8080] }
const publicOrigin = 'https://remote.example'
const view = viewOf(device, { publicOrigin, base, port: undefined })
const port = `${base}/__travessia/port/8080`
const onPort = viewOf(device, { publicOrigin, base, port: 8080 })
const host = viewOf(device, {
  publicOrigin: 'https://abc.remote.example',
  base: '',
  port: undefined,
})

const rewriteAddress = (text: string, on: PublicView) =>
  [...edited(text, [addressEdit(text, on)])].join('')
const rewriteAddressSet = (text: string, on: PublicView) =>
  [...edited(text, addressSetEdits(text, on))].join('')
const rewriteRefresh = (text: string, on: PublicView) =>
  [...edited(text, refreshEdits(text, on))].join('')

test.each([
  ['/x', `${base}/x`],
  ['/', `${base}/`],
  [' /x', ` ${base}/x`],
  ['/x?a=/b&amp;c=é', `${base}/x?a=/b&amp;c=é`],
  [`${base}/x`, `${base}/x`],
  [`${port}/x`, `${port}/x`],
  ['x.js', 'x.js'],
  ['../x', '../x'],
  ['#top', '#top'],
  ['?a', '?a'],
  ['', ''],
  ['//192.168.1.50/x', `${base}/x`],
  ['//192.168.1.50', `${base}/`],
  ['HTTP://192.168.1.50:80/x?a#b', `${base}/x?a#b`],
  ['http://192.168.1.50?a', `${base}/?a`],
  ['http://192.168.1.50:8080/x', `${port}/x`],
  ['http://192.168.1.50:8081/x', 'http://192.168.1.50:8081/x'],
  ['//cdn.example/x.js', '//cdn.example/x.js'],
  ['https://cdn.example/x.js', 'https://cdn.example/x.js'],
  ['data:image/png;base64,/9j', 'data:image/png;base64,/9j'],
  ['javascript:void(0)', 'javascript:void(0)'],
  ['mailto:a@b', 'mailto:a@b'],
  ['\\x', `${base}\\x`],
  ['\\\\192.168.1.50\\x', `${base}\\x`],
  ['\x01ht\ntp:/\t/192.168.1.50\n/x', `\x01${base}\n/x`],
  ['//u@192.168.1.50/x', `${base}/x`],
  [`//${'u'.repeat(300)}@192.168.1.50/x`, `//${'u'.repeat(300)}@192.168.1.50/x`],
  [`//192.168.1.50${'\t'.repeat(300)}.example`, `//192.168.1.50${'\t'.repeat(300)}.example`],
])('address %j becomes %j under a path', (given, expected) => {
  expect(rewriteAddress(given, view)).toBe(expected)
  expect(rewriteAddress(expected, view)).toBe(expected)
})

test('a page of another port stays on that port', () => {
  expect(rewriteAddress('/x', onPort)).toBe(`${port}/x`)
  expect(rewriteAddress('//192.168.1.50:8080/x', onPort)).toBe(`${port}/x`)
  expect(rewriteAddress('http://192.168.1.50/x', onPort)).toBe(`${base}/x`)
})

test('on a host of its own only addresses of the device itself change, and none becomes another host', () => {
  expect(rewriteAddress('/x', host)).toBe('/x')
  expect(rewriteAddress('http://192.168.1.50/x', host)).toBe('/x')
  expect(rewriteAddress('http://192.168.1.50:8080/x', host)).toBe('/__travessia/port/8080/x')
  expect(rewriteAddress('http://192.168.1.50//evil.example', host)).toBe(
    'https://abc.remote.example//evil.example',
  )
})

test.each([
  ['/a.png', `${base}/a.png`],
  ['/a.png 1x, /b.png 2x', `${base}/a.png 1x, ${base}/b.png 2x`],
  ['/a.png,\n /b.png 2x', `${base}/a.png,\n ${base}/b.png 2x`],
  ['/a.png 100w,/b.png 200w', `${base}/a.png 100w,${base}/b.png 200w`],
  [
    'data:image/jpeg;base64,/9j/4AAQ 1x, /b.png 2x',
    `data:image/jpeg;base64,/9j/4AAQ 1x, ${base}/b.png 2x`,
  ],
  ['', ''],
])('set %j becomes %j', (given, expected) => {
  expect(rewriteAddressSet(given, view)).toBe(expected)
})

test.each([
  ['5; url=/next', `5; url=${base}/next`],
  ["0;URL='/next'", `0;URL='${base}/next'`],
  ['0,/next', `0,${base}/next`],
  ['5', '5'],
  ['5; url=next', '5; url=next'],
])('refresh %j becomes %j', (given, expected) => {
  expect(rewriteRefresh(given, view)).toBe(expected)
})

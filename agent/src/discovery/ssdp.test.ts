import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ssdpAnswer } from '../../../rig/lan-responder.ts'
import { isSsdp, parseSsdp, searchRequest } from './ssdp.ts'

const parsed = (text: string) => parseSsdp(Buffer.from(text))

test('one question to all root devices, with an end (UPnP 1.3.2)', () => {
  expect(searchRequest('239.255.255.250:1900')).toBe(
    'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: upnp:rootdevice\r\n\r\n',
  )
})

test('an answer gives the address of its description, and the product that comes last', () => {
  const answer = ssdpAnswer('http://192.168.1.90:49152/d.xml', 'Linux/5.4 UPnP/1.1 Cam/2.0')
  expect(parsed(answer)).toEqual({ address: '192.168.1.90', product: 'Cam/2.0' })
  expect(parsed(answer.replaceAll(/^([A-Z]+):/gm, (name) => name.toLowerCase()))).toEqual({
    ...{ address: '192.168.1.90', product: 'Cam/2.0' },
  })
  expect(parsed(ssdpAnswer('http://10.0.0.1/', 'Roteador'))?.product).toBe('')
})

test.each([
  ['a question', searchRequest('x')],
  ['another status', ssdpAnswer('http://10.0.0.1/', '').replace('200', '404')],
  ['no address', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['an address that is none', ssdpAnswer('http://', '')],
  ['an address of a file', ssdpAnswer('file:///etc/passwd', '')],
  ['a script', ssdpAnswer('javascript:alert(1)', '')],
  ['more than 4 KiB', ssdpAnswer('http://10.0.0.1/', 'x'.repeat(5_000))],
])('%s is not used', (_what, text) => {
  expect(parsed(text)).toBeUndefined()
})

test('rubbish never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (bytes, text) => {
      parseSsdp(bytes)
      expect(isSsdp(bytes.subarray(0, 3))).toBe(false)
      parsed(`HTTP/1.1 200 OK\r\nLOCATION: http://${text}\r\nSERVER: UPnP/1.0 ${text}`)
    }),
    { numRuns: 2_000 },
  )
})

import { compile } from '@travessia/schemas/compile'
import { suggestionSchema } from '@travessia/schemas/discovery'
import { classifyAddress } from '@travessia/schemas/ip-address'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Announced, answerFor } from '../../../rig/lan-responder.ts'
import { parseAnswer } from './dns-packet.ts'
import { chosen, mdnsSuggestions, ssdpSuggestion } from './suggestions.ts'

const isSuggestion = compile(suggestionSchema)
const isPrivate = (address: string) => classifyAddress(address) === 'private'
const cam = { service: '_axis-video._tcp', instance: 'Portaria', address: '192.168.1.90', port: 80 }
const from = (one: Partial<Announced> = {}) =>
  mdnsSuggestions(parseAnswer(answerFor({ ...cam, ...one })), isPrivate)

test.each([
  ['_octoprint._tcp', 'printer', 'octoprint', 'http://192.168.1.90:5000'],
  ['_moonraker._tcp', 'printer', 'moonraker', 'http://192.168.1.90:5000'],
  ['_prusalink._tcp', 'printer', 'http', 'http://192.168.1.90:5000'],
  ['_ipp._tcp', 'printer', 'http', 'http://192.168.1.90:5000'],
  ['_ipps._tcp', 'printer', 'http', 'https://192.168.1.90:5000'],
  ['_axis-video._tcp', 'camera', 'camera', 'http://192.168.1.90:5000'],
  ['_https._tcp', 'http', 'http', 'https://192.168.1.90:5000'],
  ['_http._tcp', 'http', 'http', 'http://192.168.1.90:5000'],
] as const)('%s is suggested as %s with the driver %s', (service, kind, driver, baseUrl) => {
  expect(from({ service, port: 5_000 })).toEqual([
    { name: 'Portaria', kind, driver, baseUrl, via: 'mdns' },
  ])
})

test('the usual port is left out, so that it is the address that a person would write', () => {
  expect(from()[0]?.baseUrl).toBe('http://192.168.1.90')
  expect(from({ service: '_ipps._tcp', port: 443 })[0]?.baseUrl).toBe('https://192.168.1.90')
})

test.each(['8.8.8.8', '127.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0', '192.0.2.7'])(
  'an address outside of the private ranges (%s) is not suggested, by neither way',
  (address) => {
    expect(from({ address })).toEqual([])
    expect(ssdpSuggestion({ address, product: 'x' }, isPrivate)).toEqual([])
  },
)

test('a name instead of an address is not suggested: nothing is looked up for a stranger', () => {
  expect(ssdpSuggestion({ address: 'evil.example', product: 'x' }, isPrivate)).toEqual([])
})

test('a service that was not asked for, a port 0, a pointer without a place say nothing', () => {
  expect(from({ service: '_ssh._tcp' })).toEqual([])
  expect(from({ port: 0 })).toEqual([])
  expect(mdnsSuggestions(parseAnswer(answerFor(cam)).slice(0, 1), isPrivate)).toEqual([])
})

test('a name is a short, clean line, and the address stands in for none', () => {
  expect(from({ instance: ' Sala\n\u202e2\t ' })[0]?.name).toBe('Sala 2')
  expect(ssdpSuggestion({ address: '10.0.0.1', product: '' }, isPrivate)[0]?.name).toBe('10.0.0.1')
  const long = ssdpSuggestion({ address: '10.0.0.1', product: '😀'.repeat(90) }, isPrivate)
  expect([...(long[0]?.name ?? '')]).toHaveLength(80)
})

test('one address is one suggestion, the one that says most; never more than 64', () => {
  const page = from({ service: '_http._tcp', instance: 'OctoPrint' })
  const printer = from({ service: '_octoprint._tcp' })
  expect(
    chosen([
      ...printer,
      ...page,
      ...ssdpSuggestion({ address: cam.address, product: '' }, isPrivate),
    ]),
  ).toEqual(printer)
  const many = Array.from({ length: 100 }, (_, i) => from({ address: `10.0.0.${i}` })).flat()
  expect(chosen(many)).toHaveLength(64)
})

test('whatever an instance is called, the suggestion keeps to its schema', () => {
  // Not the unit 'binary', which takes five seconds to be made.
  const unit = fc
    .oneof(fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }))
    .map((code) => String.fromCodePoint(code))
  fc.assert(
    fc.property(fc.string({ unit, minLength: 1, maxLength: 15 }), (instance) => {
      for (const one of from({ instance })) expect([one, isSuggestion(one)]).toEqual([one, true])
    }),
  )
})

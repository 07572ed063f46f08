import { classifyAddress } from '@travessia/schemas/ip-address'
import { expect, test } from 'vitest'
import { answerFor, ssdpAnswer } from '../../../rig/lan-responder.ts'
import { Heard, maxPackets } from './heard.ts'

const isPrivate = (address: string) => classifyAddress(address) === 'private'
const page = { service: '_http._tcp', instance: 'Portaria', address: '10.0.0.2', port: 80 }

test('both ways are heard, the records of several packets together', () => {
  const heard = new Heard(isPrivate)
  const whole = answerFor(page)
  heard.take(whole, '10.0.0.2')
  heard.take(Buffer.from(ssdpAnswer('http://10.0.0.3/d', 'UPnP/1.0 Cam')), '10.0.0.3')
  expect(heard.suggestions().map(({ name, via }) => [name, via])).toEqual([
    ['Portaria', 'mdns'],
    ['Cam', 'ssdp'],
  ])
})

test('of several addresses of a host the one that it answers from is taken, wherever it stands', () => {
  const others = answerFor({ ...page, address: '172.17.0.1' })
  const home = answerFor(page).subarray(-16)
  const packet = Buffer.concat([others, home])
  packet.writeUInt16BE(3, 10)
  const heard = new Heard(isPrivate)
  heard.take(packet, page.address)
  expect(heard.suggestions().map(({ baseUrl }) => baseUrl)).toEqual(['http://10.0.0.2'])
})

test('what does not come from the LAN is not read', () => {
  const heard = new Heard(isPrivate)
  heard.take(answerFor(page), '8.8.8.8')
  expect(heard.suggestions()).toEqual([])
})

test('after a thousand packets nothing more is read', () => {
  const heard = new Heard(isPrivate)
  for (let i = 1; i < maxPackets; i += 1) heard.take(Buffer.alloc(20), '10.0.0.9')
  heard.take(answerFor(page), '10.0.0.2')
  heard.take(answerFor({ ...page, instance: 'B', port: 81 }), '10.0.0.3')
  expect(heard.suggestions().map(({ baseUrl }) => baseUrl)).toEqual(['http://10.0.0.2'])
})

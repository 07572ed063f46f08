import { classifyAddress } from '@travessia/schemas/ip-address'
import { expect, test } from 'vitest'
import { answerFor, ssdpAnswer } from '../../../rig/lan-responder.ts'
import { Heard, maxPackets, maxRecords } from './heard.ts'

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

/** One packet of so many records. */
const packetOf = (count: number, record: Uint8Array) => {
  const head = Buffer.from([0, 0, 0x84, 0, 0, 0, 0, count, 0, 0, 0, 0])
  return Buffer.concat([head, ...Array<Uint8Array>(count).fill(record)])
}

test('after four thousand records nothing more is kept, of one sender or many', () => {
  const heard = new Heard(isPrivate)
  const address = Buffer.from([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, 9])
  const whole = Math.floor((maxRecords - 3) / 50)
  for (let i = 0; i < whole; i += 1) heard.take(packetOf(50, address), '10.0.0.8')
  heard.take(answerFor(page), '10.0.0.1')
  heard.take(packetOf(50, address), '10.0.0.8')
  heard.take(answerFor({ ...page, instance: 'B', port: 81 }), '10.0.0.1')
  expect(heard.suggestions().map(({ baseUrl }) => baseUrl)).toEqual(['http://10.0.0.2'])
})

test('what was not asked for takes no room', () => {
  const heard = new Heard(isPrivate)
  const pointer = Buffer.from([0, 0, 12, 0, 1, 0, 0, 0, 0, 0, 1, 0])
  const place = Buffer.from([0, 0, 33, 0, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 80, 0])
  for (let i = 0; i < 50; i += 1)
    for (const record of [pointer, place]) heard.take(packetOf(60, record), '10.0.0.8')
  heard.take(answerFor(page), '10.0.0.2')
  expect(heard.suggestions()).toHaveLength(1)
})

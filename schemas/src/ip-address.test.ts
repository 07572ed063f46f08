import { expect, test } from 'vitest'
import { classifyAddress } from './ip-address.ts'

test.each([
  ...['192.0.0.8', '192.0.2.1', '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.9'],
  ...['168.63.129.16', '169.254.169.254', '240.0.0.1', '2001:db8::1', '2001::1'],
  ...['2a00:g::1', '2a00::1/64', ':', '::8.8.8.8'],
])('%s is nobody’s public address', (address) => {
  expect(classifyAddress(address)).toBe('forbidden')
})

test.each([
  ...['8.8.8.8', '192.0.1.1', '192.0.20.1', '198.17.0.1', '198.20.0.1', '198.51.101.1'],
  ...['203.0.114.1', '168.63.129.1', '168.63.129.160', '2001:db80::1'],
])('%s is public, beside what is reserved', (address) => {
  expect(classifyAddress(address)).toBe('public')
})

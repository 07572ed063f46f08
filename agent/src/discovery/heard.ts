/** What came in during one search, told apart and bounded. No sockets. */
import type { Suggestion } from '@travessia/schemas/discovery'
import { type DnsRecord, parseAnswer } from './dns-packet.ts'
import { isSsdp, parseSsdp } from './ssdp.ts'
import { chosen, isAsked, mdnsSuggestions, ssdpSuggestion } from './suggestions.ts'

/** What comes later is not read. */
export const maxPackets = 1_000
export const maxRecords = 4_000

export class Heard {
  readonly #isAllowed: (address: string) => boolean
  readonly #records: DnsRecord[] = []
  readonly #ssdp: Suggestion[] = []
  #packets = 0

  constructor(isAllowed: (address: string) => boolean) {
    this.#isAllowed = isAllowed
  }

  take(packet: Uint8Array, from: string): void {
    this.#packets += 1
    if (this.#packets > maxPackets || !this.#isAllowed(from)) return
    if (isSsdp(packet)) {
      const answer = parseSsdp(packet)
      if (answer) this.#ssdp.push(...ssdpSuggestion(answer, this.#isAllowed))
    } else {
      // A host has several addresses; the one that it answers from is reached from here.
      const records = parseAnswer(packet).filter(isAsked)
      const isSender = (one: DnsRecord) => one.type === 'A' && one.address === from
      const room = maxRecords - this.#records.length
      this.#records.push(...[...records.filter(isSender), ...records].slice(0, room))
    }
  }

  suggestions(): Suggestion[] {
    return chosen([...mdnsSuggestions(this.#records, this.#isAllowed), ...this.#ssdp])
  }
}

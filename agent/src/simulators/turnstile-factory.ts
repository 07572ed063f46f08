/** How the simulated turnstile leaves the factory, and how it is configured. */

export const deviceId = 478_435
export const systemInformation = {
  ...{ uptime: { days: 0, hours: 9, minutes: 41, seconds: 41 }, serial: '0A0B00/000001' },
  ...{ version: '2.4.5', device_id: deviceId, device_name: 'iDBlock', online: false },
}

type Section = Readonly<Record<string, string>>

function factoryConfiguration(): Record<string, Section> {
  return {
    general: {
      online: '0',
      beep_enabled: '1',
      catra_timeout: '10000',
      relay_count: '0',
      language: 'pt_BR',
    },
    catra: { gateway: 'clockwise', operation_mode: 'blocked' },
    monitor: { hostname: '', port: '', path: '', alive_interval: '30000' },
    sec_box: { catra_role: '1' },
  }
}

export class TurnstileConfiguration {
  readonly #sections = factoryConfiguration()

  of(section: string): Section {
    return this.#sections[section] ?? {}
  }

  /** `{section: [names]}`; anything else than a list: all of it. */
  read(wanted: Readonly<Record<string, unknown>>): Record<string, Section> {
    const pick = (section: string, names: unknown) =>
      Object.entries(this.of(section)).filter(
        ([name]) => !Array.isArray(names) || names.includes(name),
      )
    return Object.fromEntries(
      Object.entries(wanted).map(([section, names]) => [
        section,
        Object.fromEntries(pick(section, names)),
      ]),
    )
  }

  /** Every value is a text, also numbers and booleans. @returns false: refused, nothing changed */
  write(wanted: Readonly<Record<string, unknown>>): boolean {
    if (!Object.values(wanted).every(isSection)) return false
    for (const [section, values] of Object.entries(wanted as Record<string, Section>))
      this.#sections[section] = { ...this.of(section), ...values }
    return true
  }
}

function isSection(values: unknown): values is Section {
  const isObject = typeof values === 'object' && values !== null
  return isObject && Object.values(values).every((value) => typeof value === 'string')
}

/** How the simulated turnstile leaves the factory (DEVICES 1.6): values of a configuration are texts. */

export const deviceId = 478_435
export const systemInformation = {
  ...{ uptime: { days: 0, hours: 9, minutes: 41, seconds: 41 }, serial: '0A0B00/000001' },
  ...{ version: '2.4.5', device_id: deviceId, device_name: 'iDBlock', online: false },
}

export function factoryConfiguration(): Record<string, Record<string, string>> {
  return {
    general: {
      online: '0',
      beep_enabled: '1',
      catra_timeout: '10000',
      relay_count: '0',
      language: 'pt_BR',
    },
    catra: { gateway: 'clockwise', operation_mode: 'blocked' },
    sec_box: { catra_role: '1' },
  }
}

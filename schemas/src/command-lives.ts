/** How long a command may wait for its device after the person acted, in ms; apart with the urgent ones, since the app carries them. */
export const commandLifeMs = {
  OpenGate: 5_000,
  OpenDoor: 5_000,
  ShowMessage: 10_000,
  RebootDevice: 10_000,
  StartPrint: 60_000,
  UploadFile: 15 * 60_000,
  PausePrint: 10_000,
  ResumePrint: 10_000,
  CancelPrint: 10_000,
  EmergencyStop: 5_000,
  SetTemperature: 10_000,
  PressButton: 5_000,
} as const

/** Jump the queue of their device, wait for no second person, and are told whatever the clocks say; what comes later waits for them too. */
export const urgentCommands: ReadonlySet<string> = new Set<keyof typeof commandLifeMs>([
  'EmergencyStop',
])

/** How long a command may wait for its device after the person acted, in ms; apart, since the app carries it. */
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

/** sd_notify without an addon: Node has no datagram socket for it, `systemd-notify` has (DEVICES 5.2). */
import { spawn } from 'node:child_process'
import { environment } from '../config.ts'

export function notifySystemd(): void {
  if (!environment.hasSystemd) return
  tell('--ready')
  // From the main loop: a loop that hangs stops telling, and systemd starts the agent again.
  if (environment.watchdogMs > 0) setInterval(() => tell('WATCHDOG=1'), environment.watchdogMs / 2)
}

function tell(word: string): void {
  spawn('systemd-notify', [word], { stdio: 'ignore' }).on('error', () => undefined)
}

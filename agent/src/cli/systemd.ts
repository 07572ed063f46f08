/** sd_notify without an addon: Node has no datagram socket for it, `systemd-notify` has. */
import { spawn } from 'node:child_process'

/** @param isWorking asked in the main loop: one that hangs, or a stall, ends the signs of life */
export function notifySystemd(watchdogMs: number, isWorking: () => boolean): void {
  tell('--ready')
  if (watchdogMs <= 0) return
  setInterval(() => {
    if (isWorking()) tell('WATCHDOG=1')
  }, watchdogMs / 2)
}

function tell(word: string): void {
  spawn('systemd-notify', [word], { stdio: 'ignore' }).on('error', () => undefined)
}

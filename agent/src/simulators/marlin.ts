/** A simulated 3D printer on a serial port: the board behind a pseudo terminal, which `socat` makes as Node has none. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { TravessiaError } from '@travessia/schemas/errors'
import { MarlinBoard } from './marlin-board.ts'

export function createMarlin() {
  let child: ChildProcess | undefined
  const board = new MarlinBoard({
    write: (text) => child?.stdin?.writable && child.stdin.write(text),
  })

  async function plug(): Promise<string> {
    const socat = spawn('socat', ['-d', '-d', 'PTY,raw,echo=0', 'STDIO'])
    child = socat
    socat.stdin.on('error', () => undefined)
    socat.stdout.on('data', (chunk: Uint8Array) => board.receive(chunk))
    return new Promise((resolve, reject) => {
      let said = ''
      socat.stderr.on('data', (chunk: Uint8Array) => {
        said += String(chunk)
        // Between the two it sets the terminal, over what somebody else has set meanwhile.
        const path = /PTY is (\/dev\/\S+)[\s\S]*starting data transfer loop/.exec(said)?.[1]
        if (path !== undefined) resolve(path)
      })
      const problem = 'The simulated serial printer needs the program socat (Debian package socat).'
      const fail = () => reject(new TravessiaError('CONFIG_INVALID', { problem }))
      socat.once('error', fail)
      socat.once('exit', fail)
    })
  }

  /** The cable is pulled: the port is gone while it is open. */
  async function unplug(): Promise<void> {
    const socat = child
    child = undefined
    if (socat?.pid === undefined || socat.exitCode !== null || socat.signalCode !== null) return
    const exited = once(socat, 'exit')
    socat.kill('SIGKILL')
    await exited
  }

  return {
    board,
    /** @returns the path of the port */
    plug,
    unplug,
    /** It reads nothing until `goOn`. */
    hang: () => void child?.kill('SIGSTOP'),
    goOn: () => void child?.kill('SIGCONT'),
    start: async () => ({ url: `serial://${await plug()}?baud=115200` }),
    stop: async () => {
      board.stop()
      await unplug()
    },
  }
}

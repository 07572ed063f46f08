/** A disk of tests' own that can be full: a tmpfs, so only root can make it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class SmallDisk {
  readonly directory: string

  constructor(kib: number) {
    this.directory = mkdtempSync(join(tmpdir(), 'travessia-disk-'))
    run('mount', ['-t', 'tmpfs', '-o', `size=${kib}k,mode=0755`, 'tmpfs', this.directory])
  }

  /** From now on this much more fits on it. */
  leave(kib: number): void {
    const size = this.#usedKib() + kib
    try {
      run('mount', ['-o', `remount,size=${size}k`, this.directory])
    } catch (error) {
      // Somebody has filled that much meanwhile.
      if (this.#usedKib() <= size) throw error
      this.leave(kib)
    }
  }

  #usedKib(): number {
    const { blocks, bfree, bsize } = statfsSync(this.directory)
    return Math.ceil(((blocks - bfree) * bsize) / 1024)
  }

  remove(): void {
    run('umount', ['-l', this.directory])
    rmdirSync(this.directory)
  }
}

function run(program: string, args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

import { afterEach, expect, test } from 'vitest'
import type { Moment } from '../replay.ts'
import { Player } from './player.svelte.ts'

const moment = (fromMs: number) => ({ fromMs, toMs: fromMs, isBad: false }) as unknown as Moment
const moments = [0, 500, 20_000].map(moment)
const recording = { moments, lines: moments, durationMs: 21_000 }
const players: Player[] = []

function newPlayer(): Player {
  const player = new Player(() => recording)
  players.push(player)
  return player
}
afterEach(() => {
  for (const player of players.splice(0)) player.pause()
})

test('a player at 16 times is over a short session soon, stops at its end, and begins again', async () => {
  const player = newPlayer()
  player.speed = 16
  player.play()
  await expect.poll(() => player.isPlaying).toBe(false)
  expect(player.atMs).toBe(recording.durationMs)
  player.toggle()
  expect(player.atMs).toBe(0)
  expect(player.isPlaying).toBe(true)
})

test('a paused player stands still', async () => {
  const player = newPlayer()
  player.play()
  await expect.poll(() => player.atMs).toBeGreaterThan(0)
  player.toggle()
  const { atMs } = player
  await new Promise((done) => setTimeout(done, 250))
  expect(player.atMs).toBe(atMs)
})

test('steps go from line to line, and to both ends after the last and before the first', () => {
  const player = newPlayer()
  const seen: number[] = []
  for (const direction of [1, 1, 1, -1, -1, -1] as const) {
    player.step(direction)
    seen.push(player.atMs)
  }
  expect(seen).toEqual([500, 20_000, 21_000, 20_000, 500, 0])
})

test('no place is before the beginning or after the end, no speed above 16 or below 1', () => {
  const player = newPlayer()
  player.seek(-5)
  expect(player.atMs).toBe(0)
  player.seek(99_999)
  expect(player.atMs).toBe(21_000)
  for (let i = 0; i < 9; i++) player.faster(1)
  expect(player.speed).toBe(16)
  for (let i = 0; i < 9; i++) player.faster(-1)
  expect(player.speed).toBe(1)
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepFocus } from './focus.ts'

let main: HTMLElement
let button: HTMLButtonElement
let other: HTMLButtonElement

beforeEach(() => {
  main = Object.assign(document.createElement('main'), { tabIndex: -1 })
  button = document.createElement('button')
  other = document.createElement('button')
  main.append(button, other)
  document.body.append(main)
  button.focus()
})
afterEach(() => main.remove())

const focused = () => document.activeElement
/** The browser takes the focus away with its next picture. */
const off = () => {
  button.disabled = true
  return expect.poll(focused).toBe(document.body)
}

test('a button that was off while the work went on has the focus again', async () => {
  await keepFocus(async () => {
    await off()
    button.disabled = false
  })
  expect(focused()).toBe(button)
})

test('a button that is still off after the work has the focus once it can be used', async () => {
  await keepFocus(off)
  expect(focused()).toBe(document.body)
  button.disabled = false
  await expect.poll(focused).toBe(button)
})

test('after a button that went away the focus is on what it stood in', async () => {
  await keepFocus(() => button.remove())
  expect(focused()).toBe(main)
})

test('who went elsewhere meanwhile stays there', async () => {
  await keepFocus(async () => {
    await off()
    button.disabled = false
    other.focus()
  })
  expect(focused()).toBe(other)
  button.focus()
  await keepFocus(off)
  other.focus()
  button.disabled = false
  await Promise.resolve()
  expect(focused()).toBe(other)
})
